//! Shows how far the comparison is.

use indicatif::{ProgressBar, ProgressStyle};

use crate::stderr;

/// A bar that counts runs, or lines of text where there is no terminal.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn of(runs: usize) -> Self {
        let bar = ProgressBar::new(runs as u64);
        let template = "{wide_bar} {pos}/{len} runs, {eta} left: {msg}";
        bar.set_style(ProgressStyle::with_template(template).expect("it is well-formed"));
        Self(bar)
    }

    /// Shows the next step.
    pub(crate) fn say(&self, message: &str) {
        if self.0.is_hidden() {
            stderr::complain(format_args!("{message}"));
        } else {
            self.0.set_message(message.to_owned());
        }
    }

    /// Prints a message that stays on the screen.
    pub(crate) fn complain(&self, message: &str) {
        self.0.suspend(|| stderr::complain(format_args!("{message}")));
    }

    pub(crate) fn advance(&self, runs: usize) {
        self.0.inc(runs as u64);
    }

    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
