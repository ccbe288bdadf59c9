//! What the process takes of the system: memory, descriptors, threads, contexts.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::allocator::Counting;
use crate::support::proc;

/// One look.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    pub(crate) at: Duration,
    /// Whether all dispatchers had nothing to do.
    pub(crate) is_quiet: bool,
    pub(crate) jobs: u64,
    /// Resident, in KiB.
    pub(crate) rss: u64,
    /// At rest.
    pub(crate) allocator: Option<Allocator>,
    /// Allocated and not freed, in KiB.
    pub(crate) heap: u64,
    /// Mapped by the pool of buffers, in KiB.
    pub(crate) pool: u64,
    pub(crate) descriptors: u64,
    pub(crate) threads: u64,
    pub(crate) contexts: u64,
    /// Of the whole system.
    pub(crate) aio_nr: u64,
}

/// What is resident with the allocator's help.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allocator {
    /// Freed, and kept in the allocator's arenas for what will be allocated next, in KiB.
    pub(crate) kept: u64,
    /// Resident after it has given back all whole pages of that, in KiB.
    pub(crate) rss_without: u64,
}

impl Allocator {
    /// Looks what it keeps, and has it give that back. `None` if it can't be asked.
    #[cfg(target_env = "gnu")]
    #[expect(unsafe_code, reason = "functions of this allocator alone")]
    pub(crate) fn trim() -> Option<Self> {
        // SAFETY: it only counts, under the locks of the arenas.
        let info = unsafe { libc::mallinfo2() };
        // SAFETY: it takes the same locks, and gives back only pages in which nothing is allocated.
        unsafe { libc::malloc_trim(0) };
        Some(Self { kept: info.fordblks as u64 / 1024, rss_without: field("VmRSS") })
    }

    #[cfg(not(target_env = "gnu"))]
    pub(crate) fn trim() -> Option<Self> {
        None
    }
}

/// A number in this process's `status`.
fn field(name: &str) -> u64 {
    let value = proc::status(Path::new("/proc/self"), name).unwrap();
    value.split_whitespace().next().unwrap().parse().unwrap()
}

impl Sample {
    pub(crate) fn take(start: Instant) -> Self {
        Self {
            at: start.elapsed(),
            rss: field("VmRSS"),
            heap: Counting::bytes().max(0) as u64 / 1024,
            // Without the one by which they are listed.
            descriptors: fs::read_dir("/proc/self/fd").unwrap().count() as u64 - 1,
            threads: field("Threads"),
            contexts: proc::contexts() as u64,
            aio_nr: aio_nr(),
            ..Self::default()
        }
    }
}

/// How many AIO requests the system has given away.
pub(crate) fn aio_nr() -> u64 {
    fs::read_to_string("/proc/sys/fs/aio-nr").map_or(0, |text| text.trim().parse().unwrap_or(0))
}

/// Whether other processes have AIO contexts, as far as one may see.
pub(crate) fn others_have_contexts() -> bool {
    let own = std::process::id().to_string();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut others = entries.filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        *name != own && name.bytes().all(|byte| byte.is_ascii_digit())
    });
    others.any(|entry| {
        let maps = fs::read_to_string(entry.path().join("maps"));
        maps.is_ok_and(|maps| maps.contains("[aio]"))
    })
}

impl Sample {
    /// Whether there are no more descriptors, threads and contexts than here.
    pub(crate) fn is_within(&self, base: &Self) -> bool {
        self.descriptors <= base.descriptors
            && self.threads <= base.threads
            && self.contexts <= base.contexts
    }

    /// What is resident, in KiB, if possible without what the allocator keeps.
    pub(crate) fn rss_at_rest(&self) -> u64 {
        self.allocator.map_or(self.rss, |allocator| allocator.rss_without)
    }

    /// Takes over what is higher here.
    pub(crate) fn raise(&mut self, other: &Self) {
        self.rss = self.rss.max(other.rss);
        self.heap = self.heap.max(other.heap);
        self.pool = self.pool.max(other.pool);
        self.descriptors = self.descriptors.max(other.descriptors);
        self.threads = self.threads.max(other.threads);
        self.contexts = self.contexts.max(other.contexts);
        self.aio_nr = self.aio_nr.max(other.aio_nr);
    }
}
