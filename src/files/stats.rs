//! Counters of a `Files`: how files were opened and read.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::file::access::Access;

/// Counters of a [`Files`](crate::Files), over all its runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FilesStats {
    /// Files opened by a worker, because opening them needed nothing that was not in memory.
    pub opened_cached: u64,
    /// Files opened by the blocking threads.
    pub opened_blocking: u64,
    /// Files read, or begun to be read, with `O_DIRECT`.
    pub direct: u64,
    /// Files read by the worker that opened them, through the page cache, which had all of them.
    pub cached: u64,
    /// Files read, or begun to be read, through the page cache otherwise.
    pub buffered: u64,
    /// Files that were to be read with `O_DIRECT` and were not, or not to their end.
    pub fallbacks: u64,
    /// How often reads of a file began anew, because the file had changed since it was opened.
    pub restarts: u64,
    /// How often a file had to wait for memory.
    pub memory_waits: u64,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) opened_cached: AtomicU64,
    pub(crate) opened_blocking: AtomicU64,
    direct: AtomicU64,
    cached: AtomicU64,
    buffered: AtomicU64,
    pub(crate) fallbacks: AtomicU64,
    pub(crate) restarts: AtomicU64,
    pub(crate) memory_waits: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_access(&self, access: Access) {
        Self::add(match access {
            Access::Direct => &self.direct,
            Access::Cached => &self.cached,
            Access::Buffered => &self.buffered,
        });
    }

    pub(crate) fn snapshot(&self) -> FilesStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        FilesStats {
            opened_cached: get(&self.opened_cached),
            opened_blocking: get(&self.opened_blocking),
            direct: get(&self.direct),
            cached: get(&self.cached),
            buffered: get(&self.buffered),
            fallbacks: get(&self.fallbacks),
            restarts: get(&self.restarts),
            memory_waits: get(&self.memory_waits),
        }
    }
}
