//! Whether this is still the process in which a dispatcher was made, asked for each submission.
//!
//! getpid(2) is a system call, and answers the same in parent and child if these are the first
//! processes of two pid namespaces. So a page of memory is marked that the kernel clears in forked
//! children (`MADV_WIPEONFORK`, madvise(2), Linux 4.14); without it the process id has to do.
//!
//! Safety: one page, mapped once, never unmapped, accessed through an atomic only.

#![expect(unsafe_code, reason = "maps a page that forked children find cleared")]

use std::process;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Remembers the process that it was made in.
pub(crate) enum ForkMark {
    /// The mark that the page had then; a child finds 0, or marks of its own.
    Mark {
        page: &'static AtomicU64,
        mark: u64,
    },
    Process(u32),
}

impl ForkMark {
    pub(crate) fn here() -> Self {
        static PAGE: OnceLock<Option<&'static AtomicU64>> = OnceLock::new();
        /// Not on the page: a child goes on counting where its parent was.
        static LAST_MARK: AtomicU64 = AtomicU64::new(0);

        let Some(page) = *PAGE.get_or_init(map_page) else { return Self::Process(process::id()) };
        // Relaxed throughout: the marks are compared with each other and order nothing. Threads that
        // mark a fresh page at the same time agree on the one that came first.
        let fresh = LAST_MARK.fetch_add(1, Ordering::Relaxed) + 1;
        let marked = page.compare_exchange(0, fresh, Ordering::Relaxed, Ordering::Relaxed);
        Self::Mark { page, mark: marked.err().unwrap_or(fresh) }
    }

    pub(crate) fn is_elsewhere(&self) -> bool {
        match self {
            Self::Mark { page, mark } => page.load(Ordering::Relaxed) != *mark,
            Self::Process(id) => *id != process::id(),
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
    // SAFETY: the range is the mapping just made, which nobody else knows.
    if unsafe { libc::madvise(page, length, libc::MADV_WIPEONFORK) } != 0 {
        // SAFETY: as above, and no reference to it was made.
        unsafe { libc::munmap(page, length) };
        return None;
    }
    // SAFETY: zeroed memory for at least one `AtomicU64`, aligned to a page, mapped for good, and
    // never accessed otherwise. In a child it is zeroed before the child runs.
    Some(unsafe { AtomicU64::from_ptr(page.cast()) })
}

#[cfg(test)]
mod tests {
    use super::ForkMark;

    #[test]
    fn at_home_where_it_was_made() {
        let (first, second) = (ForkMark::here(), ForkMark::here());
        assert!(!first.is_elsewhere() && !second.is_elsewhere());
        assert!(matches!(first, ForkMark::Mark { .. }), "this kernel clears pages on fork");
    }
}
