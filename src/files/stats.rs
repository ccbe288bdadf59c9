//! Counters of a `Files`: how files were opened and read.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::file::access::Access;

/// Counters of a [`Files`](crate::Files), over all its runs.
///
/// # Examples
///
/// ```
/// use reapool::{Dispatcher, Files};
///
/// let dispatcher = Dispatcher::new()?;
/// let files = Files::new(&dispatcher)?;
/// let run = files.read(["Cargo.toml", "README.md", "gone"], |file| file.contents().len());
/// assert_eq!(run.filter(Result::is_ok).count(), 2);
/// let stats = files.stats();
/// assert_eq!(stats.direct + stats.cached + stats.buffered, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FilesStats {
    /// Files opened by a worker, because opening them needed nothing that was not in memory.
    pub opened_cached: u64,
    /// Files opened by the blocking threads.
    pub opened_blocking: u64,
    /// Files read with `O_DIRECT`, in the end. Each file that could be read, to its end or not, is
    /// in one of these three counters.
    pub direct: u64,
    /// Files read from the page cache, which had all that was read of them.
    pub cached: u64,
    /// Files read through the page cache otherwise, in the end.
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
    fallbacks: AtomicU64,
    restarts: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a file that is read no more: the way that it was read in the end, why that was not
    /// with direct I/O if it should have been, and how often it was read anew.
    pub(crate) fn add_read(&self, access: Access, fallback: Option<&io::Error>, restarts: u64) {
        Self::add(match access {
            Access::Direct => &self.direct,
            Access::Cached => &self.cached,
            Access::Buffered => &self.buffered,
        });
        self.fallbacks.fetch_add(u64::from(fallback.is_some()), Ordering::Relaxed);
        self.restarts.fetch_add(restarts, Ordering::Relaxed);
    }

    /// `memory_waits` is counted elsewhere.
    pub(crate) fn snapshot(&self, memory_waits: u64) -> FilesStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        FilesStats {
            opened_cached: get(&self.opened_cached),
            opened_blocking: get(&self.opened_blocking),
            direct: get(&self.direct),
            cached: get(&self.cached),
            buffered: get(&self.buffered),
            fallbacks: get(&self.fallbacks),
            restarts: get(&self.restarts),
            memory_waits,
        }
    }
}
