//! Prints the BLAKE3 checksums of files whose paths come in by the standard input, while they come.
//!
//! `find . -newer stamp | cargo run --release --example feed -- [OPTIONS]`; `--help` lists the
//! options.
//!
//! No thread waits in read(2). Polls wait for paths and for Ctrl-C: they are jobs like the reads of
//! the files, and their callbacks run on the same workers. While as many files are open as allowed,
//! the program doesn't poll for more paths, so that the writer of the paths waits.

mod digest;
mod input;
mod options;
#[path = "../shared/mod.rs"]
mod shared;

use std::collections::VecDeque;
use std::error::Error;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use reapool::{Dispatcher, FileHandle, Job, PollEvents, Submitter};
use signal_hook::low_level::pipe;

use crate::digest::{Digest, digest};
use crate::input::Input;
use crate::options::Options;
use crate::shared::command_line;
use crate::shared::interrupt::Interrupt;
use crate::shared::names::{checksum_line, escaped};
use crate::shared::output::has_arrived;
use crate::shared::screen::complain;
use crate::shared::signals;

const FAILURE: u8 = 1;

/// Messages from callbacks to the main thread.
enum Event {
    /// More of the standard input. If it is empty, the input has ended.
    Input(io::Result<Vec<u8>>),
    Digest(Digest),
    Interrupt,
}

/// The state of the main thread.
struct Feed {
    submitter: Submitter,
    sender: Sender<Event>,
    input: Input,
    /// Paths that wait until fewer files are open.
    waiting: VecDeque<PathBuf>,
    open: usize,
    /// How many may be open at a time.
    files: usize,
    options: Options,
    /// A poll of the standard input is outstanding.
    listening: bool,
    interrupted: bool,
    failures: u64,
}

impl Feed {
    /// Begins files, and polls for more paths when there is none left to begin.
    fn go_on(&mut self) -> Result<(), Box<dyn Error>> {
        while self.open < self.files
            && let Some(path) = self.waiting.pop_front()
        {
            let sender = self.sender.clone();
            let tell = move |digest| {
                // Fails only if the main thread has stopped listening.
                let _ = sender.send(Event::Digest(digest));
            };
            digest(&self.submitter, path, self.options.chunk, tell)?;
            self.open += 1;
        }
        if self.open < self.files && !self.listening && !self.input.has_ended() {
            let sender = self.sender.clone();
            self.submitter.submit(self.input.poll(move |input| {
                let _ = sender.send(Event::Input(input));
            }))?;
            self.listening = true;
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        let no_more = self.interrupted || self.input.has_ended() && self.waiting.is_empty();
        no_more && self.open == 0
    }

    /// Deals with events until there is nothing more to do.
    fn run(&mut self, events: &Receiver<Event>) -> Result<(), Box<dyn Error>> {
        self.go_on()?;
        while !self.is_over() {
            match events.recv()? {
                Event::Input(bytes) => {
                    self.listening = false;
                    match bytes {
                        _ if self.interrupted => {}
                        Ok(bytes) => self.waiting.extend(self.input.paths(bytes)),
                        // The read doesn't wait, and another reader took what the poll had seen.
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        // The kernel answers so about a terminal.
                        Err(error)
                            if error.raw_os_error() == Some(libc::EINVAL)
                                && self.input.begin_to_watch()? => {}
                        Err(error) => return Err(format!("standard input: {error}").into()),
                    }
                }
                Event::Digest(digest) => {
                    self.open -= 1;
                    if !has_arrived(self.print(digest))? {
                        return Ok(());
                    }
                }
                Event::Interrupt => {
                    self.interrupted = true;
                    self.waiting.clear();
                }
            }
            if !self.interrupted {
                self.go_on()?;
            }
        }
        Ok(())
    }

    fn print(&mut self, Digest { path, result }: Digest) -> io::Result<()> {
        match result {
            Ok(hash) => {
                // Line by line: a program that feeds one path at a time waits for its line.
                let mut out = io::stdout().lock();
                let line = checksum_line(&path, hash);
                out.write_all(line.as_bytes())?;
                out.flush()?;
            }
            Err(error) => {
                self.failures += 1;
                complain("feed", format_args!("{}: {error}", escaped(&path).0));
            }
        }
        Ok(())
    }
}

/// Makes an event of the first signal that asks for an end. The second ends the program.
fn listen(submitter: &Submitter, sender: &Sender<Event>) -> Result<Interrupt, Box<dyn Error>> {
    let (signals, writer) = UnixStream::pair()?;
    let interrupt = Interrupt::listen()?;
    for number in signals::ending() {
        pipe::register(number, writer.try_clone()?)?;
    }
    if interrupt.has_come() {
        // Perhaps before the pipe was registered.
        let _ = sender.send(Event::Interrupt);
    }
    let (signals, sender) = (FileHandle::from(OwnedFd::from(signals)), sender.clone());
    submitter.submit(Job::poll(signals, PollEvents::READABLE, move |_| {
        let _ = sender.send(Event::Interrupt);
    }))?;
    Ok(interrupt)
}

fn run(options: Options) -> Result<u8, Box<dyn Error>> {
    let files = options.files_at_once();
    // There are two polls, and for each file one job at a time.
    let builder = Dispatcher::builder().backend(options.backend).depth(files + 2);
    let dispatcher = builder.build()?;
    let (sender, events) = mpsc::channel();
    let interrupt = listen(&dispatcher.submitter(), &sender)?;
    let mut feed = Feed {
        submitter: dispatcher.submitter(),
        sender,
        input: Input::new(io::stdin(), options.separator())?,
        waiting: VecDeque::new(),
        open: 0,
        files,
        options,
        listening: false,
        interrupted: false,
        failures: 0,
    };
    let ran = feed.run(&events);
    // The poll for Ctrl-C, and maybe that for paths, go on until the program has ended: they have
    // no handles that could cancel them, and nobody waits for them.
    drop(dispatcher.shutdown_timeout(Duration::ZERO));
    ran?;
    Ok(match (interrupt.status(), feed.failures) {
        (Some(status), _) => status,
        (None, 0) => 0,
        (None, _) => FAILURE,
    })
}

fn main() -> ExitCode {
    shared::start("feed", FAILURE, command_line::parse(), run)
}
