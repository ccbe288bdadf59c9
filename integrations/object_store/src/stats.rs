//! Counters of a store.

use std::sync::atomic::{AtomicU64, Ordering};

use reapool::{PoolStats, Stats};

/// Counters of a [`LocalStore`](crate::LocalStore), and what it has now.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LocalStoreStats {
    /// Reads that the page cache answered, on the thread that called.
    pub cached_reads: u64,
    /// The bytes of these.
    pub cached_bytes: u64,
    /// Ranges, or pieces of a stream, that were read from the device: past the page cache, or, if
    /// they were read again, through it (`dispatcher.buffered` counts these reads).
    pub device_reads: u64,
    /// The bytes that were asked for in these.
    pub device_bytes: u64,
    /// Calls that were left to `LocalFileSystem`.
    pub left: u64,
    /// Files opened.
    pub opened: u64,
    /// Files that are open now, between calls.
    pub open_files: usize,
    /// The memory of results.
    pub memory: PoolStats,
    /// The dispatcher.
    pub dispatcher: Stats,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) cached_reads: AtomicU64,
    pub(crate) cached_bytes: AtomicU64,
    pub(crate) device_reads: AtomicU64,
    pub(crate) device_bytes: AtomicU64,
    pub(crate) left: AtomicU64,
    pub(crate) opened: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(
        &self,
        open_files: usize,
        memory: PoolStats,
        dispatcher: Stats,
    ) -> LocalStoreStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LocalStoreStats {
            cached_reads: get(&self.cached_reads),
            cached_bytes: get(&self.cached_bytes),
            device_reads: get(&self.device_reads),
            device_bytes: get(&self.device_bytes),
            left: get(&self.left),
            opened: get(&self.opened),
            open_files,
            memory,
            dispatcher,
        }
    }
}
