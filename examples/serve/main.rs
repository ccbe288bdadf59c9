//! Serves the files below a directory over HTTP/1.1: a program in an async runtime that awaits
//! reads.
//!
//! `cargo run --release --example serve -- [OPTIONS] [DIRECTORY]`; `--help` lists the options. Then
//! `curl http://127.0.0.1:8080/PATH`.
//!
//! All connections are tasks of one thread of tokio, which never waits for a disk. hyper speaks
//! HTTP. The dispatcher's blocking threads open the files. What is cached is copied at once; other
//! pieces of a file are read while the ones before are sent. The buffers that were read into are
//! sent without another copy.

mod answer;
mod conditions;
mod contents;
mod options;
mod request;
mod root;
#[path = "../shared/mod.rs"]
mod shared;
mod stop;

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use reapool::{BufferPool, Dispatcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;

use crate::contents::{PIECE, Reader};
use crate::options::Options;
use crate::root::Root;
use crate::shared::screen::complain;
use crate::shared::{command_line, descriptors, with_source};
use crate::stop::Stop;

const FAILURE: u8 = 1;

/// How long a client may take to ask, the first time and each time that it has been answered.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a client may go without receiving any of its answer.
const STALL: Duration = Duration::from_secs(30);

/// How long a request may be, in bytes, without its body.
const HEAD_LIMIT: usize = 8192;

/// The state that all connections share.
struct Server {
    root: Root,
    reader: Reader,
    verbose: bool,
}

fn run(options: Options) -> Result<u8, Box<dyn Error>> {
    let root = Root::new(&options.directory)
        .map_err(|error| format!("{}: {error}", options.directory.display()))?;
    let dispatcher =
        Dispatcher::builder().backend(options.backend).depth(options.depth).workers(1).build()?;
    // Small files don't take up the room of large pieces.
    let classes = [4 << 10, 64 << 10, PIECE as usize];
    let pool = BufferPool::builder().capacity(options.memory).classes(classes).build()?;
    let reader = Reader { submitter: dispatcher.submitter(), pool };
    let server = Server { root, reader, verbose: options.verbose };
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(Arc::new(server), &options))?;
    // This drops the tasks that were given up, but not the reads that they had begun.
    drop(runtime);
    dispatcher.shutdown()?;
    Ok(0)
}

/// Accepts connections until a signal comes. Then it has them end when nothing is under way, and
/// waits for that, or for another signal.
async fn serve(server: Arc<Server>, options: &Options) -> io::Result<()> {
    let listener = TcpListener::bind(options.listen).await?;
    let mut stop = Stop::listen()?;
    writeln!(io::stdout(), "http://{}/", listener.local_addr()?)?;
    // Each has a socket, and up to three descriptors of a file, while that is opened.
    let most = options.connections.min(descriptors::files_at_once(4));
    let (places, connections) = (Arc::new(Semaphore::new(most)), GracefulShutdown::new());
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
        match accepted {
            Ok((stream, _)) => {
                let (server, watcher) = (Arc::clone(&server), connections.watcher());
                tokio::spawn(async move {
                    let _place = place;
                    server.connection(stream, watcher).await;
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
        () = connections.shutdown() => {}
        () = stop.wait() => {}
    }
    Ok(())
}

impl Server {
    /// Serves the requests of a client, one after the other. An error ends this connection and
    /// nothing else.
    async fn connection(self: Arc<Self>, stream: TcpStream, watcher: Watcher) {
        // Else the system would hold back the first piece of a file that is not cached until the
        // client has acknowledged the head of the answer, which is sent before.
        if let Err(error) = stream.set_nodelay(true) {
            return self.note(format_args!("a connection: {error}"));
        }
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(STALL));
        let answer = service_fn(|request| {
            let answer = Arc::clone(&self).answer(request);
            async { Ok::<_, Infallible>(answer.await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            // A client may say that it asks for nothing more, and wait for its answer.
            .half_close(true)
            // Also, no more is asked for of a body while so much of it waits to be sent.
            .max_buf_size(HEAD_LIMIT)
            .serve_connection(TokioIo::new(Box::pin(stream)), answer);
        match watcher.watch(connection).await {
            // That of a body, which has been noted.
            Err(error) if error.is_user() => {}
            Err(error) => self.note(format_args!("a connection: {}", with_source(&error))),
            Ok(()) => {}
        }
    }

    /// Logs what was asked and what came of it, if the user wants that.
    fn note(&self, message: fmt::Arguments<'_>) {
        if self.verbose {
            complain("serve", message);
        }
    }
}

fn main() -> ExitCode {
    shared::start("serve", FAILURE, command_line::parse(), run)
}
