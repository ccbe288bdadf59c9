//! Prints the BLAKE3 checksum of every regular file under the given paths, many files at once.
//!
//! `cargo run --release --example checksum -- [OPTIONS] [PATH...]`; `--help` lists the options. The
//! lines are those of `b3sum`, so `b3sum --check` verifies them.
//!
//! The way of a file, and what bounds each step:
//!
//! ```text
//! walker ──> openers ──> read, hash, read, hash ... (a chain of callbacks) ──┐ outcome
//!    └─────── a line to come, at most AHEAD, in order ───────> main thread <─┘ prints
//! ```
//!
//! A file is opened only when one of twice `--depth` places is free. The place comes with the one
//! buffer that all reads of the file go through, so neither memory nor the number of open files
//! depends on how many files there are, or how big.

mod chain;
mod line;
mod open;
mod options;
mod progress;
mod report;
mod walk;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crossbeam_channel::bounded;
use reapool::{Dispatcher, Submitter};
use signal_hook::consts::SIGINT;
use signal_hook::flag;

use crate::open::{OPENERS, Opener};
use crate::options::{HELP, Options, parse_arguments};
use crate::progress::Progress;
use crate::report::{INTERRUPTED, Report, complain};
use crate::walk::Walker;

/// How many files the walk may be ahead of the lines: a big file holds up the lines of those behind
/// it, but their reading goes on meanwhile.
const AHEAD: usize = 4096;

/// Reads through the page cache happen in the workers, whatever the CPUs. Of cold files 16 workers
/// read two to four times as much as two.
const BUFFERED_WORKERS: usize = 16;

/// What all threads share.
struct Shared {
    submitter: Submitter,
    buffered: bool,
    /// In bytes.
    chunk: usize,
    /// Set by Ctrl-C, and when nobody wants the lines any more.
    stop: Arc<AtomicBool>,
    progress: Progress,
}

impl Shared {
    fn is_stopped(&self) -> bool {
        // Relaxed: nothing else is read on the strength of it.
        self.stop.load(Ordering::Relaxed)
    }
}

fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let stop = Arc::new(AtomicBool::new(false));
    // In this order the second Ctrl-C finds the flag set.
    flag::register_conditional_shutdown(SIGINT, INTERRUPTED.into(), Arc::clone(&stop))?;
    flag::register(SIGINT, Arc::clone(&stop))?;
    // A file has one job out at a time, so there is room in the backlog for all that are open.
    let open_max = 2 * options.depth;
    let mut builder = Dispatcher::builder().depth(options.depth).backlog(open_max);
    if let Some(workers) = options.workers.or(options.buffered.then_some(BUFFERED_WORKERS)) {
        builder = builder.workers(workers);
    }
    let dispatcher = builder.build()?;
    let shared = Arc::new(Shared {
        submitter: dispatcher.submitter(),
        buffered: options.buffered,
        chunk: options.chunk,
        stop: Arc::clone(&stop),
        progress: Progress::start(),
    });
    let mut report = Report::new(Arc::clone(&shared));
    let (home, places) = bounded(open_max);
    for _ in 0..open_max {
        home.send(None)?;
    }
    let mut interrupted = false;
    let printed = thread::scope(|scope| {
        let (lines, lines_to_come) = bounded(AHEAD);
        let (tasks, to_open) = bounded(OPENERS);
        let opener = Opener { tasks: to_open, places, home, shared: Arc::clone(&shared) };
        for opener in vec![opener; OPENERS] {
            scope.spawn(move || opener.run());
        }
        let walker = Walker { lines, tasks, shared: Arc::clone(&shared) };
        scope.spawn(move || walker.walk(&options.paths));
        let printed = report.print(&lines_to_come);
        interrupted = stop.swap(true, Ordering::Relaxed);
        printed
    });
    dispatcher.drain()?;
    Ok(report.conclude(printed, interrupted))
}

fn main() -> ExitCode {
    let options = match parse_arguments() {
        Ok(Some(options)) => options,
        Ok(None) => {
            let printed = io::stdout().write_all(HELP.as_bytes());
            return if printed.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        Err(error) => {
            complain(format_args!("{error} (--help lists the options)"));
            return ExitCode::from(2);
        }
    };
    run(&options).unwrap_or_else(|error| {
        match error.source() {
            Some(source) => complain(format_args!("{error}: {source}")),
            None => complain(format_args!("{error}")),
        }
        ExitCode::FAILURE
    })
}
