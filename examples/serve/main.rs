//! Serves the files below a directory over HTTP/1.0: a program in an async runtime that awaits
//! reads.
//!
//! `cargo run --release --example serve -- [OPTIONS] [DIRECTORY]`; `--help` lists the options. Then
//! `curl http://127.0.0.1:8080/PATH`.
//!
//! All connections are tasks of one thread of tokio, which never waits for a disk. The dispatcher's
//! blocking threads open the files. While one piece of a file is sent, the next is read.

mod options;
mod request;
mod response;
mod root;
#[path = "../shared/mod.rs"]
mod shared;

use std::error::Error;
use std::future::poll_fn;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use reapool::{Dispatcher, Submitter};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::options::{HELP, Options, parse_arguments};
use crate::request::{HEAD_LIMIT, Request};
use crate::root::Root;
use crate::shared::screen::complain;
use crate::shared::{descriptors, signals};

const FAILURE: u8 = 1;

/// How long a client may take to send its request.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a client may go without receiving any of its answer.
pub(crate) const STALL: Duration = Duration::from_secs(30);

/// The state that all connections share.
struct Server {
    root: Root,
    submitter: Submitter,
    verbose: bool,
}

fn run(options: Options) -> Result<u8, Box<dyn Error>> {
    let root = Root::new(&options.directory)
        .map_err(|error| format!("{}: {error}", options.directory.display()))?;
    let dispatcher =
        Dispatcher::builder().backend(options.backend).depth(options.depth).workers(1).build()?;
    let server = Server { root, submitter: dispatcher.submitter(), verbose: options.verbose };
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(Arc::new(server), &options))?;
    // This drops the tasks that were given up, but not the reads that they had begun.
    drop(runtime);
    dispatcher.shutdown()?;
    Ok(0)
}

/// Accepts connections until a signal comes, and then waits for the open ones, or for another
/// signal.
async fn serve(server: Arc<Server>, options: &Options) -> io::Result<()> {
    let listener = TcpListener::bind(options.listen).await?;
    let mut stop = Stop::listen()?;
    writeln!(io::stdout(), "http://{}/", listener.local_addr()?)?;
    // A socket and a file for each.
    let most = options.connections.min(descriptors::files_at_once(2));
    let (places, mut connections) = (Arc::new(Semaphore::new(most)), JoinSet::new());
    loop {
        let next = async {
            // The place first: clients for which there is none wait in the system's queue.
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            next = next => next,
            () = stop.wait() => break,
        };
        // Forget the connections that have ended.
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, _)) => {
                let server = Arc::clone(&server);
                connections.spawn(async move {
                    let _place = place;
                    server.connection(stream).await;
                });
            }
            Err(error) => {
                complain("serve", format_args!("a connection is not accepted: {error}"));
                // Too many open files, for example: an immediate retry would fail in the same way.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    tokio::select! {
        () = async { while connections.join_next().await.is_some() {} } => {}
        () = stop.wait() => {}
    }
    Ok(())
}

impl Server {
    /// Serves one request. An error ends this connection and nothing else.
    async fn connection(&self, mut stream: TcpStream) {
        let asked = timeout(PATIENCE, Request::receive(&mut stream)).await;
        let request = match asked {
            Ok(Ok(Some(request))) => request,
            Ok(Ok(None)) => {
                let why = format!("no request of HTTP in {HEAD_LIMIT} bytes");
                return self.note(&why, response::refuse(&mut stream, 400).await);
            }
            Ok(Err(_)) | Err(_) => {
                return self.note("no request", Err(io::ErrorKind::TimedOut.into()));
            }
        };
        let answered = response::answer(&mut stream, &request, &self.root, &self.submitter).await;
        self.note(&request.to_string(), answered);
    }

    /// Logs the result of a request if the user wants that: the status, or why it could not be
    /// sent.
    fn note(&self, request: &str, answered: io::Result<u16>) {
        match answered {
            Ok(status) if self.verbose => complain("serve", format_args!("{status} {request}")),
            Err(error) if self.verbose => complain("serve", format_args!("{request}: {error}")),
            _ => {}
        }
    }
}

/// The signals that ask for an end.
struct Stop(Vec<Signal>);

impl Stop {
    fn listen() -> io::Result<Self> {
        let numbers = signals::ending().into_iter();
        numbers
            .map(|number| signal(SignalKind::from_raw(number)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    async fn wait(&mut self) {
        poll_fn(|context| {
            let mut signals = self.0.iter_mut();
            match signals.any(|signal| signal.poll_recv(context).is_ready()) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }
}

fn main() -> ExitCode {
    shared::start("serve", HELP, FAILURE, parse_arguments(), run)
}
