//! How long callbacks take, as far as past ones tell. By this it is decided whether waking another
//! worker is worth it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Waking a sleeping thread costs both sides a few microseconds, so it has to save several.
const WORTH_A_WAKE_UP: u64 = 50_000;
/// Callbacks that take longer on average don't wait for each other while a worker sleeps.
const QUICK: u64 = 10_000;
/// The device does not notice if slots stay free while callbacks run for this long.
const NO_TIME: u64 = 25_000;
/// One run counts for no more than this, so that a thread that was preempted once doesn't count for
/// long.
const LONGEST: u64 = 400_000;
/// Each run replaces one part in this many of the average.
const WEIGHT: u64 = 8;

/// A moving average of callbacks' durations in nanoseconds. Workers update it after each run, and
/// may overwrite each other's update: it is an estimate, and orders nothing.
pub(crate) struct Pace(AtomicU64);

impl Pace {
    /// Nothing is known yet: callbacks are taken to be slow.
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(2 * QUICK))
    }

    /// Takes note of a run of callbacks.
    pub(crate) fn record(&self, duration: Duration, callbacks: usize) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let sample = (nanos / (callbacks as u64).max(1)).min(LONGEST);
        let old = self.0.load(Ordering::Relaxed);
        self.0.store((old * (WEIGHT - 1) + sample) / WEIGHT, Ordering::Relaxed);
    }

    /// Takes callbacks to be slow until runs show again that they are not.
    pub(crate) fn doubt(&self) {
        self.0.fetch_max(2 * QUICK, Ordering::Relaxed);
    }

    /// Whether callbacks are so short that one may wait for a few others rather than wake somebody.
    pub(crate) fn is_quick(&self) -> bool {
        self.0.load(Ordering::Relaxed) < QUICK
    }

    /// How many workers should be awake for `waiting` callbacks, if these are quick.
    pub(crate) fn workers_for(&self, waiting: usize) -> usize {
        let work = (waiting as u64).saturating_mul(self.0.load(Ordering::Relaxed));
        usize::try_from(work.div_ceil(WORTH_A_WAKE_UP)).unwrap_or(usize::MAX)
    }

    /// How many callbacks are over before the device notices that slots are free.
    pub(crate) fn in_no_time(&self) -> usize {
        usize::try_from(NO_TIME / self.0.load(Ordering::Relaxed).max(1)).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;
    use std::time::Duration;

    use super::{Pace, QUICK};

    #[test]
    fn the_average_follows_the_runs() {
        let pace = Pace::new();
        assert!(!pace.is_quick(), "unknown callbacks are not taken to be quick");
        for _ in 0..100 {
            pace.record(Duration::from_micros(16), 16);
        }
        assert!(pace.is_quick());
        assert_eq!((pace.workers_for(1), pace.workers_for(64), pace.workers_for(100)), (1, 2, 2));
        assert!((20..30).contains(&pace.in_no_time()), "{}", pace.in_no_time());
        pace.record(Duration::from_secs(1), 1);
        assert!(!pace.is_quick(), "one that took long is enough");
        for _ in 0..20 {
            pace.record(Duration::from_micros(1), 1);
        }
        assert!(pace.is_quick(), "but is soon forgotten");
    }

    #[test]
    fn doubts_last_for_some_runs() {
        let pace = Pace(AtomicU64::new(QUICK));
        assert!(!pace.is_quick());
        pace.record(Duration::ZERO, 1);
        assert!(pace.is_quick());
        pace.doubt();
        let runs = (1..).find(|_| {
            pace.record(Duration::ZERO, 1);
            pace.is_quick()
        });
        assert_eq!(runs, Some(6), "a half, as 7/8 to the sixth power is");
    }

    #[test]
    fn extremes_are_harmless() {
        let pace = Pace::new();
        pace.record(Duration::MAX, 0);
        assert!(!pace.is_quick());
        for _ in 0..100 {
            pace.record(Duration::ZERO, usize::MAX);
        }
        assert!(pace.0.load(std::sync::atomic::Ordering::Relaxed) < QUICK);
        assert!(pace.in_no_time() > 0);
    }
}
