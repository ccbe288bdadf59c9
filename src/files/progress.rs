//! How far a run has come.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Over how long the current rate is taken, at least.
const WINDOW: Duration = Duration::from_millis(500);

/// Tells from any thread, at any time, how far a [`FilesRun`](crate::FilesRun) has come. It costs the run
/// nothing, and keeps nothing of it alive.
///
/// # Examples
///
/// ```
/// use reapool::{Dispatcher, Files};
///
/// let dispatcher = Dispatcher::new()?;
/// let run = Files::new(&dispatcher)?.read(["Cargo.toml", "gone"], |file| file.contents().len());
/// let progress = run.progress();
/// assert_eq!(run.filter(Result::is_ok).count(), 1);
/// let end = progress.snapshot();
/// assert_eq!((end.found, end.done, end.failed, end.finished), (2, 1, 1, true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct FilesProgress {
    counts: Arc<Counts>,
}

/// What has happened so far in a run. The numbers are read one after the other while it goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct FilesProgressSnapshot {
    /// Paths taken from the iterator.
    pub found: u64,
    /// Files read to their end.
    pub done: u64,
    /// Files that failed.
    pub failed: u64,
    /// Bytes handed to the user's functions.
    pub bytes: u64,
    /// Since the run began; until its end, if it has ended.
    pub elapsed: Duration,
    /// Bytes a second, lately: over the last half second or more between two snapshots, or since
    /// the beginning.
    pub bytes_per_second: f64,
    /// Files a second, done or failed, lately.
    pub files_per_second: f64,
    /// Whether all files are done or failed, and no more will come.
    pub finished: bool,
}

pub(crate) struct Counts {
    begin: Instant,
    found: AtomicU64,
    done: AtomicU64,
    failed: AtomicU64,
    bytes: AtomicU64,
    finished: AtomicBool,
    rate: Mutex<Rate>,
}

struct Rate {
    since: Instant,
    bytes: u64,
    files: u64,
    bytes_per_second: f64,
    files_per_second: f64,
    /// When the run ended.
    end: Option<Instant>,
}

impl Counts {
    pub(crate) fn new() -> Self {
        let begin = Instant::now();
        let rate = Rate {
            since: begin,
            bytes: 0,
            files: 0,
            bytes_per_second: 0.0,
            files_per_second: 0.0,
            end: None,
        };
        Self {
            begin,
            found: AtomicU64::new(0),
            done: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            finished: AtomicBool::new(false),
            rate: Mutex::new(rate),
        }
    }

    pub(crate) fn add_found(&self) {
        self.found.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_end(&self, success: bool) {
        let count = if success { &self.done } else { &self.failed };
        // Release: whoever counts it has found it before.
        count.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn add_bytes(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn finish(&self) {
        self.rate
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .end
            .get_or_insert_with(Instant::now);
        self.finished.store(true, Ordering::Release);
    }
}

impl FilesProgress {
    pub(crate) fn of(counts: Arc<Counts>) -> Self {
        Self { counts }
    }

    /// The numbers of now.
    #[must_use]
    pub fn snapshot(&self) -> FilesProgressSnapshot {
        let counts = &*self.counts;
        // First: what is finished does not change any more.
        let finished = counts.finished.load(Ordering::Acquire);
        // Before what was found, of which they are a part.
        let (done, failed) =
            (counts.done.load(Ordering::Acquire), counts.failed.load(Ordering::Acquire));
        let bytes = counts.bytes.load(Ordering::Relaxed);
        let mut rate = counts.rate.lock().unwrap_or_else(PoisonError::into_inner);
        let now = rate.end.unwrap_or_else(Instant::now);
        rate.update(now, bytes, done + failed, counts.begin);
        FilesProgressSnapshot {
            found: counts.found.load(Ordering::Relaxed),
            done,
            failed,
            bytes,
            elapsed: now - counts.begin,
            bytes_per_second: rate.bytes_per_second,
            files_per_second: rate.files_per_second,
            finished,
        }
    }
}

impl Rate {
    fn update(&mut self, now: Instant, bytes: u64, files: u64, begin: Instant) {
        let window = now.saturating_duration_since(self.since);
        // In the beginning there is nothing better than what little there is.
        if window < WINDOW && self.since != begin {
            return;
        }
        let seconds = window.as_secs_f64();
        if seconds > 0.0 {
            self.bytes_per_second = bytes.saturating_sub(self.bytes) as f64 / seconds;
            self.files_per_second = files.saturating_sub(self.files) as f64 / seconds;
        }
        if window >= WINDOW {
            (self.since, self.bytes, self.files) = (now, bytes, files);
        }
    }
}

impl fmt::Debug for FilesProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FilesProgress").field(&self.snapshot()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{Counts, FilesProgress};
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn the_rate_is_that_of_late() {
        let counts = Arc::new(Counts::new());
        let begin = counts.begin;
        let mut rate = counts.rate.lock().unwrap();
        let at = |millis| begin + Duration::from_millis(millis);
        rate.update(at(100), 1000, 10, begin);
        assert_eq!((rate.bytes_per_second, rate.files_per_second), (10_000.0, 100.0));
        rate.update(at(1000), 1000, 10, begin);
        assert_eq!(rate.bytes_per_second, 1000.0);
        rate.update(at(1100), 50_000, 10, begin);
        assert_eq!(rate.bytes_per_second, 1000.0, "too soon");
        rate.update(at(2000), 3000, 20, begin);
        assert_eq!((rate.bytes_per_second, rate.files_per_second), (2000.0, 10.0));
        drop(rate);
        counts.finish();
        let progress = FilesProgress::of(counts);
        assert_eq!(progress.snapshot().elapsed, progress.snapshot().elapsed, "time stands still");
    }
}
