//! The progress: counts that the callbacks raise, and a bar that shows them on a terminal.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{HumanBytes, ProgressBar, ProgressState, ProgressStyle};

/// What has been read and hashed so far.
pub(crate) struct Progress {
    /// Counts bytes. Draws nothing unless the standard error is a terminal.
    bar: ProgressBar,
    files: Arc<AtomicU64>,
}

impl Progress {
    /// Shows the bar. A thread of its own redraws it, so callbacks only count.
    pub(crate) fn start() -> Self {
        let bar = ProgressBar::no_length();
        let files = Arc::default();
        if !bar.is_hidden() {
            bar.set_style(style(Arc::clone(&files)));
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        Self { bar, files }
    }

    pub(crate) fn is_hidden(&self) -> bool {
        self.bar.is_hidden()
    }

    pub(crate) fn add_bytes(&self, count: usize) {
        self.bar.inc(count as u64);
    }

    pub(crate) fn add_file(&self) {
        // Relaxed: the count is only shown.
        self.files.fetch_add(1, Ordering::Relaxed);
    }

    /// Runs `write` while the bar is off the terminal, so that they don't get mixed up.
    pub(crate) fn suspend<R>(&self, write: impl FnOnce() -> R) -> R {
        self.bar.suspend(write)
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// All bytes read, also those of files that failed later.
    pub(crate) fn bytes(&self) -> HumanBytes {
        HumanBytes(self.bar.position())
    }
}

fn style(files: Arc<AtomicU64>) -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {files} files, {bytes}, {bytes_per_sec}")
        .expect("the template is well-formed")
        .with_key("files", move |_: &ProgressState, out: &mut dyn Write| {
            let _ = write!(out, "{}", files.load(Ordering::Relaxed));
        })
}
