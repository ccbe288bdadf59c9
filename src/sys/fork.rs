//! Whether this process is a forked child of the one that made an object. Each submission asks.
//!
//! getpid(2) would be a system call for each, and has the same answer in parent and child if these
//! are the first processes of two pid namespaces. So a number is written into a page that the
//! kernel clears in forked children (`MADV_WIPEONFORK` of madvise(2), Linux 4.14). Where the kernel
//! can't do that, the process id has to do.
//!
//! Safety: one page, mapped once, never unmapped, accessed through an atomic only.

#![expect(unsafe_code, reason = "maps a page that forked children find cleared")]

use std::process;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Remembers the process that it was made in.
pub(crate) enum ForkMark {
    /// The number that the page had then. A child finds 0, or a number of its own.
    Page {
        page: &'static AtomicU64,
        number: u64,
    },
    ProcessId(u32),
}

impl ForkMark {
    pub(crate) fn of_this_process() -> Self {
        static PAGE: OnceLock<Option<&'static AtomicU64>> = OnceLock::new();
        /// Not on the page, so that a child counts on from its parent's number.
        static LAST_NUMBER: AtomicU64 = AtomicU64::new(0);

        let Some(page) = *PAGE.get_or_init(map_page) else { return Self::ProcessId(process::id()) };
        // Relaxed throughout: the numbers are only compared with each other, and order nothing. If
        // several threads write into a cleared page at once, all take the number that came first.
        let fresh = LAST_NUMBER.fetch_add(1, Ordering::Relaxed) + 1;
        let written = page.compare_exchange(0, fresh, Ordering::Relaxed, Ordering::Relaxed);
        Self::Page { page, number: written.err().unwrap_or(fresh) }
    }

    /// Whether this process is a forked child of the one that made the mark.
    pub(crate) fn is_forked(&self) -> bool {
        match self {
            Self::Page { page, number } => page.load(Ordering::Relaxed) != *number,
            Self::ProcessId(id) => *id != process::id(),
        }
    }
}

fn map_page() -> Option<&'static AtomicU64> {
    // The kernel rounds up to its page.
    let length = size_of::<AtomicU64>();
    let (protection, flags) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new private mapping at an address of the kernel's choice touches no other memory.
    let page = unsafe { libc::mmap(ptr::null_mut(), length, protection, flags, -1, 0) };
    if page == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: the range is the mapping just made, to which nothing else refers.
    if unsafe { libc::madvise(page, length, libc::MADV_WIPEONFORK) } != 0 {
        // SAFETY: as above.
        unsafe { libc::munmap(page, length) };
        return None;
    }
    // SAFETY: zeroed memory for at least one `AtomicU64`, aligned to a page, mapped for good, and
    // accessed in no other way. In a child the kernel clears it before the child runs.
    Some(unsafe { AtomicU64::from_ptr(page.cast()) })
}

#[cfg(test)]
mod tests {
    use super::ForkMark;

    #[test]
    fn at_home_where_it_was_made() {
        let (first, second) = (ForkMark::of_this_process(), ForkMark::of_this_process());
        assert!(!first.is_forked() && !second.is_forked());
        assert!(matches!(first, ForkMark::Page { .. }), "this kernel clears pages on fork");
    }
}
