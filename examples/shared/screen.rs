//! The standard error: messages, and a progress bar if it is a terminal.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use reapool::FilesProgressSnapshot;

use super::names::escaped;
use super::totals::{Amount, Progress};

/// Messages to the user of the program. All clones are the same screen.
#[derive(Clone)]
pub(crate) struct Screen {
    program: &'static str,
    bar: ProgressBar,
    failures: Arc<AtomicU64>,
}

impl Screen {
    pub(crate) fn new(program: &'static str, quiet: bool) -> Self {
        // Draws nothing unless the standard error is a terminal.
        let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::no_length() };
        let style = ProgressStyle::with_template("{spinner} {wide_msg}");
        bar.set_style(style.expect("the template is well-formed"));
        Self { program, bar, failures: Arc::default() }
    }

    pub(crate) fn has_bar(&self) -> bool {
        !self.bar.is_hidden()
    }

    /// Has the bar say how far a run has come, after a text.
    pub(crate) fn show(&self, what: &str, now: &FilesProgressSnapshot, total: Option<Amount>) {
        let done = Amount { files: now.done + now.failed, bytes: now.bytes };
        let (bytes_per_second, elapsed) = (now.bytes_per_second, now.elapsed);
        let progress = Progress { done, bytes_per_second, elapsed, total };
        self.bar.set_message(format!("{what}{progress}"));
        self.bar.tick();
    }

    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    /// Runs `write` while the bar is off the terminal, so that they don't get mixed up.
    pub(crate) fn suspend<R>(&self, write: impl FnOnce() -> R) -> R {
        self.bar.suspend(write)
    }

    /// Prints a message that is no failure.
    pub(crate) fn say(&self, message: fmt::Arguments<'_>) {
        self.suspend(|| complain(self.program, message));
    }

    /// Says what is wrong with a file, and counts it.
    pub(crate) fn fail(&self, path: &Path, reason: impl fmt::Display) {
        // Relaxed: the thread that reads it has joined the threads that fail.
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.note(path, reason);
    }

    /// Says something about a file that is no failure.
    pub(crate) fn note(&self, path: &Path, what: impl fmt::Display) {
        self.say(format_args!("{}: {what}", escaped(path).0));
    }

    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }
}

/// Writes to the standard error. If that fails, there is nobody to tell.
pub(crate) fn complain(program: &str, message: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{program}: {message}");
}
