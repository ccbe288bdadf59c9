//! The standard error: messages, and a progress bar if it is a terminal.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use rustix::termios::tcgetwinsize;

use super::names::escaped;
use super::totals::Progress;

/// What the spinner takes of a line.
const SPINNER: usize = 2;

/// The width of a terminal that doesn't tell it.
const WIDTH: usize = 80;

/// Messages to the user of the program. All clones are the same screen.
#[derive(Clone)]
pub(crate) struct Screen {
    program: &'static str,
    bar: ProgressBar,
    /// Says nothing about files.
    is_silent: bool,
    failures: Arc<AtomicU64>,
}

impl Screen {
    pub(crate) fn new(program: &'static str, quiet: bool) -> Self {
        // Draws nothing unless the standard error is a terminal.
        let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::no_length() };
        let style = ProgressStyle::with_template("{spinner} {msg}");
        bar.set_style(style.expect("the template is well-formed"));
        Self { program, bar, is_silent: false, failures: Arc::default() }
    }

    /// A screen for a walk that only counts: what is wrong with a file is said when the file is
    /// processed.
    pub(crate) fn for_a_count(&self) -> Self {
        let bar = ProgressBar::hidden();
        Self { program: self.program, bar, is_silent: true, failures: Arc::default() }
    }

    /// Counts files that fail and says nothing about them, if that is wanted.
    pub(crate) fn silent(self, is_silent: bool) -> Self {
        Self { is_silent, ..self }
    }

    pub(crate) fn has_bar(&self) -> bool {
        !self.bar.is_hidden()
    }

    /// Has the bar say what is done to the files, and how far that is.
    pub(crate) fn show(&self, what: &str, progress: &Progress) {
        let width = tcgetwinsize(io::stderr()).map_or(0, |size| usize::from(size.ws_col));
        let width = if width == 0 { WIDTH } else { width };
        if self.bar.is_finished() {
            // By an earlier phase.
            self.bar.reset();
        }
        self.bar.set_message(progress.line(what, width.saturating_sub(SPINNER)));
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

    /// Counts a failure that is said elsewhere.
    pub(crate) fn count_failure(&self) {
        // Relaxed: the thread that reads it has joined the threads that fail.
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// Says what is wrong with a file, and counts it.
    pub(crate) fn fail(&self, path: &Path, reason: impl fmt::Display) {
        self.count_failure();
        if !self.is_silent {
            self.note(path, reason);
        }
    }

    /// Says what is wrong without being a failure.
    pub(crate) fn warn(&self, message: fmt::Arguments<'_>) {
        if !self.is_silent {
            self.say(message);
        }
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
