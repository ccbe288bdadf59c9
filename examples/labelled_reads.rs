//! Reads several pieces of a file in one batch, each with a callback that knows the piece's label.
//!
//! `cargo run --example labelled_reads -- [--backend B] FILE [LABEL=OFFSET:LENGTH ...]`
//!
//! An answer to "Correct handling of context data in libaio callbacks?": the callback captures its
//! context, of any type and size. With an event the kernel hands back the dispatcher's own token,
//! which the dispatcher checks before it uses it. So nothing depends on pointers surviving.

#[path = "shared/backend.rs"]
mod backend;
#[path = "shared/command_line.rs"]
mod command_line;

use std::error::Error;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc;

use clap::Parser;
use reapool::{Backend, Dispatcher, FileHandle, Job, OperationError};

const FAILURE: u8 = 1;

const LENGTH_DEFAULT: usize = 16;

/// Reads pieces of a file, all in one batch, and prints them in the order in which they come.
#[derive(Parser)]
#[command(
    name = "labelled_reads",
    version,
    after_help = "Exit status: 0 if all pieces were read, 1 if not, 2 for a mistake in the command \
        line."
)]
struct Options {
    /// The file that is read
    #[arg(value_name = "FILE")]
    path: PathBuf,
    /// Pieces of LENGTH bytes (1 to 1073741824) from OFFSET on [default: 16 bytes each of head,
    /// middle and tail]
    #[arg(value_name = "LABEL=OFFSET:LENGTH", value_parser = parse_piece)]
    pieces: Vec<Piece>,
    /// How the pieces are read
    #[arg(long, value_parser = backend::backend(), default_value = "aio")]
    backend: Backend,
}

/// A piece of the file that the user wants.
#[derive(Clone)]
struct Piece {
    label: String,
    offset: u64,
    length: usize,
}

/// A callback's result for its piece: the bytes, or why there are none.
struct Report {
    label: String,
    offset: u64,
    bytes: Result<Vec<u8>, OperationError>,
}

/// Submits all pieces at once, and returns the receiver of the reports.
fn read_batch(
    dispatcher: &Dispatcher,
    file: &FileHandle,
    pieces: Vec<Piece>,
) -> Result<mpsc::Receiver<Report>, Box<dyn Error>> {
    let (sender, reports) = mpsc::channel();
    let jobs = pieces.into_iter().map(|Piece { label, offset, length }| {
        let sender = sender.clone();
        Job::read(file, vec![0; length], offset, move |done| {
            // A piece that the kernel refuses gets here like the others, and harms none of them.
            let bytes = done.into_success().map(|(_, bytes)| bytes);
            // Fails only if the main thread has stopped listening.
            let _ = sender.send(Report { label, offset, bytes });
        })
    });
    dispatcher.submit_batch(jobs)?;
    // Each callback has a sender of its own, and this function drops its sender now. The reports
    // end when the last sender is dropped. So the main thread knows without counting that every
    // callback has run.
    Ok(reports)
}

/// Prints the reports as they come. False if some are of failures, or missing.
fn print(reports: &mpsc::Receiver<Report>, mut missing: usize) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    let mut is_complete = true;
    for Report { label, offset, bytes } in reports {
        missing -= 1;
        match bytes {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                writeln!(out, "{label}: {} bytes from {offset}: {text:?}", bytes.len())?;
            }
            Err(error) => {
                is_complete = false;
                let _ = writeln!(io::stderr(), "labelled_reads: {label}: {error}");
            }
        }
    }
    Ok(is_complete && missing == 0)
}

fn run(options: Options) -> Result<bool, Box<dyn Error>> {
    let Options { backend, path, mut pieces } = options;
    let named = |error| format!("{}: {error}", path.display());
    let file = File::open(&path).map_err(named)?;
    if pieces.is_empty() {
        let last = file.metadata().map_err(named)?.len().saturating_sub(LENGTH_DEFAULT as u64);
        for (label, offset) in [("head", 0), ("middle", last / 2), ("tail", last)] {
            pieces.push(Piece { label: label.to_owned(), offset, length: LENGTH_DEFAULT });
        }
    }
    let dispatcher = Dispatcher::builder().backend(backend).build()?;
    let count = pieces.len();
    let reports = read_batch(&dispatcher, &file.into(), pieces)?;
    match print(&reports, count) {
        // The reader has closed the pipe: it has read enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(true),
        printed => printed.map_err(|error| format!("standard output: {error}").into()),
    }
}

fn parse_piece(text: &str) -> Result<Piece, &'static str> {
    let parse = || {
        let (label, range) = text.rsplit_once('=')?;
        let (offset, length) = range.split_once(':')?;
        let length = length.parse().ok().filter(|length| (1..=1 << 30).contains(length))?;
        Some(Piece { label: label.to_owned(), offset: offset.parse().ok()?, length })
    };
    parse().ok_or("not LABEL=OFFSET:LENGTH")
}

fn main() -> ExitCode {
    let options = match command_line::parse() {
        Ok(options) => options,
        Err(error) => return command_line::explain("labelled_reads", FAILURE, &error).into(),
    };
    let is_complete = run(options).unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "labelled_reads: {error}");
        false
    });
    if is_complete { ExitCode::SUCCESS } else { FAILURE.into() }
}
