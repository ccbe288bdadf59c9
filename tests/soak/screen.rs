//! How far it is, on a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// Shows nothing where standard error is no terminal.
pub(crate) struct Screen(ProgressBar);

impl Screen {
    pub(crate) fn new() -> Self {
        let style = ProgressStyle::with_template("{msg:12} {wide_bar} {percent:>3} %, {elapsed}");
        Self(ProgressBar::new(0).with_style(style.unwrap()))
    }

    pub(crate) fn begin(&self, what: &str, end: u64) {
        self.0.reset();
        self.0.set_length(end);
        self.0.set_message(what.to_owned());
    }

    pub(crate) fn set(&self, position: u64) {
        self.0.set_position(position);
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
