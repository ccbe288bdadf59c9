//! How far a run has come.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::sync::{Mutex, lock};

/// The current rate is an average over at least this time.
const WINDOW: Duration = Duration::from_millis(500);

/// Tells how far a [`FilesRun`](crate::FilesRun) has come: from any thread, at any time. It costs
/// the run nothing, and keeps nothing of it alive.
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

/// How far a run's iterator of paths has come.
///
/// # Examples
///
/// ```
/// use reapool::{Dispatcher, Files, Listing};
///
/// let dispatcher = Dispatcher::new()?;
/// let paths = std::iter::repeat("Cargo.toml");
/// let mut run = Files::new(&dispatcher)?.read(paths, |file| file.contents().len());
/// assert_eq!(run.progress().snapshot().listing, Listing::Ongoing);
/// run.stopper().stop();
/// run.by_ref().for_each(drop);
/// assert_eq!(run.progress().snapshot().listing, Listing::Stopped);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Listing {
    /// More paths may be taken.
    #[default]
    Ongoing,
    /// The iterator has ended, and all its paths were taken.
    Complete,
    /// The run was [stopped](crate::FilesStopper::stop) or dropped before the iterator had ended.
    Stopped,
    /// The dispatcher was shut down before the iterator had ended.
    ShutDown,
    /// The iterator panicked.
    Panicked,
}

/// The numbers of a run at one moment. They are read one after the other while the run goes on.
///
/// # Examples
///
/// ```
/// use reapool::{Dispatcher, Files, Listing};
///
/// let dispatcher = Dispatcher::new()?;
/// let run = Files::new(&dispatcher)?.read(["Cargo.toml", "gone"], |file| file.contents().len());
/// let progress = run.progress();
/// run.for_each(drop);
/// let now = progress.snapshot();
/// let or_more = if now.listing == Listing::Ongoing { " or more" } else { "" };
/// let line = format!("{} of {}{or_more} files, {} failed", now.done, now.found, now.failed);
/// assert_eq!(line, "1 of 2 files, 1 failed");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct FilesProgressSnapshot {
    /// Paths taken from the iterator, and errors that it had in the place of paths.
    pub found: u64,
    /// Whether there will be more of them, and if not, why. This is how to hear that a run had no
    /// more than the results of the first paths: see [`Files`](crate::Files#the-end-of-a-run).
    pub listing: Listing,
    /// Files read to their end.
    pub done: u64,
    /// Files that failed.
    pub failed: u64,
    /// Bytes given to the user's callbacks.
    pub bytes: u64,
    /// Bytes that the user's function has written to targets, if files are
    /// [converted](crate::Files::convert).
    pub written: u64,
    /// Time since the run began, up to its end if it has ended.
    pub elapsed: Duration,
    /// Bytes a second, lately: between two snapshots that are at least half a second apart, or
    /// since the beginning.
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
    written: AtomicU64,
    listing: Mutex<Listing>,
    rate: Mutex<Rate>,
}

/// Times are since the run began.
#[derive(Default)]
struct Rate {
    since: Duration,
    bytes: u64,
    files: u64,
    bytes_per_second: f64,
    files_per_second: f64,
    /// When the run ended.
    end: Option<Duration>,
}

impl Counts {
    pub(crate) fn new() -> Self {
        Self {
            begin: Instant::now(),
            found: AtomicU64::new(0),
            done: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            written: AtomicU64::new(0),
            listing: Mutex::default(),
            rate: Mutex::default(),
        }
    }

    pub(crate) fn add_found(&self) {
        self.found.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_end(&self, success: bool) {
        let count = if success { &self.done } else { &self.failed };
        // Release: a snapshot that sees this file as done or failed also sees it as found.
        count.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn add_bytes(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn add_written(&self, bytes: usize) {
        self.written.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// No more paths are taken, for this reason.
    pub(crate) fn end_listing(&self, reason: Listing) {
        *lock(&self.listing) = reason;
    }

    pub(crate) fn finish(&self) {
        lock(&self.rate).end.get_or_insert_with(|| self.begin.elapsed());
    }
}

impl FilesProgress {
    pub(crate) fn of(counts: Arc<Counts>) -> Self {
        Self { counts }
    }

    /// The numbers at this moment.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Files};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let run = Files::new(&dispatcher)?.read(["Cargo.toml"], |file| file.contents().len());
    /// let progress = run.progress();
    /// for result in run {
    ///     assert_eq!(progress.snapshot().bytes, result?.bytes);
    /// }
    /// assert!(progress.snapshot().finished);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn snapshot(&self) -> FilesProgressSnapshot {
        let counts = &*self.counts;
        let mut rate = lock(&counts.rate);
        // Read first: when a run has finished, its other numbers don't change any more.
        let end = rate.end;
        // Read before `found`, so that they are never more than it.
        let done = counts.done.load(Ordering::Acquire);
        let failed = counts.failed.load(Ordering::Acquire);
        let bytes = counts.bytes.load(Ordering::Relaxed);
        let elapsed = end.unwrap_or_else(|| counts.begin.elapsed());
        rate.update(elapsed, bytes, done + failed);
        FilesProgressSnapshot {
            found: counts.found.load(Ordering::Relaxed),
            listing: *lock(&counts.listing),
            done,
            failed,
            bytes,
            written: counts.written.load(Ordering::Relaxed),
            elapsed,
            bytes_per_second: rate.bytes_per_second,
            files_per_second: rate.files_per_second,
            finished: end.is_some(),
        }
    }
}

impl Rate {
    fn update(&mut self, now: Duration, bytes: u64, files: u64) {
        let window = now.saturating_sub(self.since);
        // In the beginning, a rate over less than WINDOW is better than none.
        if window < WINDOW && !self.since.is_zero() {
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
        let mut rate = counts.rate.lock().unwrap();
        let at = Duration::from_millis;
        rate.update(at(100), 1000, 10);
        assert_eq!((rate.bytes_per_second, rate.files_per_second), (10_000.0, 100.0));
        rate.update(at(1000), 1000, 10);
        assert_eq!(rate.bytes_per_second, 1000.0);
        rate.update(at(1100), 50_000, 10);
        assert_eq!(rate.bytes_per_second, 1000.0, "too soon");
        rate.update(at(2000), 3000, 20);
        assert_eq!((rate.bytes_per_second, rate.files_per_second), (2000.0, 10.0));
        drop(rate);
        counts.finish();
        let progress = FilesProgress::of(counts);
        assert_eq!(progress.snapshot().elapsed, progress.snapshot().elapsed, "time stands still");
    }
}
