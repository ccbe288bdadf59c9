//! Memory from the system: a slab at a time, in huge pages where the system grants them.
//!
//! Forked children get a copy of it, as of all private memory.
//!
//! - `MADV_DONTFORK` would not do: the addresses would be free in the child, whose allocator could
//!   put something else there while safe code still has a buffer at them.
//! - `MADV_WIPEONFORK` would not do either: bytes behind a live reference would turn to zeros.
//!
//! So the warning of open(2) (notes) about a fork while direct I/O into private memory is in flight
//! holds for this memory too. Kernels that pin the pages of direct I/O copy them for the child
//! at the fork, and lose nothing.
//!
//! Safety: each mapping is made here, and unmapped here once, when its only owner is dropped. Code
//! that hands out a part of a mapping keeps this owner for as long as the part is in use. The
//! system calls are here and not in `sys`, because this argument is about the owner and all of
//! them.

#![expect(unsafe_code, reason = "maps memory")]

use std::io;
use std::ptr::{self, NonNull};

/// The alignment of slabs, which have a multiple of it as their length: the huge page of x86-64,
/// and of aarch64 with pages of 4 KiB. Where huge pages have another size, slabs are like ordinary
/// memory.
pub(crate) const HUGE_PAGE: usize = 2 << 20;

/// In which pages a pool has its memory.
///
/// A disk request is cut into segments of contiguous memory, and a device takes only so many
/// segments at a time. 1 MiB in a huge page is one segment; in pages of 4 KiB it is 256.
///
/// # Examples
///
/// ```
/// use reapool::{BufferPool, HugePages};
///
/// let pool = BufferPool::builder().huge_pages(HugePages::Explicit).build()?;
/// let _buffer = pool.acquire(1 << 20)?;
/// let stats = pool.stats();
/// // Either the administrator has set one aside for the slab, or it goes without.
/// assert_eq!(stats.explicit_slabs as u64 + stats.explicit_fallbacks, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HugePages {
    /// Ordinary pages, even where the system would use huge pages unasked.
    Off,
    /// Huge pages, where the system has a free one when the memory is first touched
    /// (`MADV_HUGEPAGE`). This has no effect if `/sys/kernel/mm/transparent_hugepage/enabled` says
    /// `never`.
    #[default]
    Transparent,
    /// Huge pages of 2 MiB that the administrator has set aside (`vm.nr_hugepages`). When there are
    /// none left the memory is as for `Transparent`, and
    /// [`PoolStats`](crate::PoolStats::explicit_fallbacks) counts that.
    ///
    /// A copy of such a page takes another one. After a fork, a child that touches a buffer which
    /// it or its parent has written to since then is ended by `SIGBUS` if there are none left.
    Explicit,
}

/// Private zeroed memory, aligned to [`HUGE_PAGE`].
pub(crate) struct Mapping {
    memory: NonNull<u8>,
    len: usize,
    explicit: bool,
}

// SAFETY: a mapping belongs to the process, not to a thread; this is its only owner.
unsafe impl Send for Mapping {}

impl Mapping {
    /// `len` is a multiple of [`HUGE_PAGE`]. Nothing is faulted in yet, but explicit huge pages are
    /// reserved at once, so that touching them doesn't fail. If there are not enough of them the
    /// memory is as for `Transparent`.
    pub(crate) fn new(len: usize, huge_pages: HugePages) -> io::Result<Self> {
        debug_assert!(len.is_multiple_of(HUGE_PAGE) && len > 0);
        if huge_pages == HugePages::Explicit {
            let flags = libc::MAP_HUGETLB | libc::MAP_HUGE_2MB;
            if let Ok(memory) = map(len, libc::PROT_READ | libc::PROT_WRITE, flags) {
                return Ok(Self { memory, len, explicit: true });
            }
        }
        let mapping = Self::aligned(len)?;
        let advice = match huge_pages {
            HugePages::Off => libc::MADV_NOHUGEPAGE,
            HugePages::Transparent | HugePages::Explicit => libc::MADV_HUGEPAGE,
        };
        // A kernel without transparent huge pages refuses both kinds of advice, and needs none.
        // SAFETY: the range is the mapping just made; the advice changes no contents.
        unsafe { libc::madvise(mapping.memory.as_ptr().cast(), len, advice) };
        Ok(mapping)
    }

    /// Maps more addresses than needed, without memory, and keeps the aligned part of them.
    fn aligned(len: usize) -> io::Result<Self> {
        // The kernel's addresses are multiples of at least this.
        const SURPLUS: usize = HUGE_PAGE - 4096;
        let asked = len.checked_add(SURPLUS).ok_or(io::ErrorKind::OutOfMemory)?;
        let start = map(asked, libc::PROT_NONE, 0)?;
        let address = start.addr().get();
        let head = address.next_multiple_of(HUGE_PAGE) - address;
        // SAFETY: `head` is at most `SURPLUS`, and so much more than `len` was mapped.
        let memory = unsafe { start.add(head) };
        let mapping = Self { memory, len, explicit: false };
        // SAFETY: `len` more bytes are in the mapping, as above.
        let tail = unsafe { memory.add(len) };
        for (surplus, bytes) in [(start, head), (tail, SURPLUS - head)] {
            if bytes > 0 {
                // If this fails, the surplus stays as addresses without memory.
                // SAFETY: the part of the new mapping before or behind `mapping`, to which nothing
                // refers.
                unsafe { libc::munmap(surplus.as_ptr().cast(), bytes) };
            }
        }
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: the range is the new mapping, to which no reference has been made.
        if unsafe { libc::mprotect(memory.as_ptr().cast(), len, protection) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(mapping)
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether it is in huge pages that the administrator has set aside.
    pub(crate) fn is_explicit(&self) -> bool {
        self.explicit
    }

    pub(crate) fn address(&self) -> usize {
        self.memory.addr().get()
    }

    /// The byte at `offset`, which is less than the length.
    pub(crate) fn at(&self, offset: usize) -> NonNull<u8> {
        assert!(offset < self.len);
        // SAFETY: in the mapping, as just checked.
        unsafe { self.memory.add(offset) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let start = self.memory.as_ptr().cast();
        // SAFETY: this value owns the mapping. Code that has handed out a part of it drops it only
        // when that part has been returned.
        if unsafe { libc::munmap(start, self.len) } != 0 {
            // The kernel would have to split a mapping in two, and the process may have no more
            // mappings (vm.max_map_count). The memory can be given back all the same.
            // SAFETY: as above.
            unsafe { libc::madvise(start, self.len, libc::MADV_DONTNEED) };
        }
    }
}

/// Maps private anonymous memory anywhere.
fn map(len: usize, protection: i32, flags: i32) -> io::Result<NonNull<u8>> {
    let flags = flags | libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new private mapping at an address of the kernel's choice touches no other memory.
    let memory = unsafe { libc::mmap(ptr::null_mut(), len, protection, flags, -1, 0) };
    if memory == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // Address 0 is not mapped unless asked for.
    NonNull::new(memory.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

#[cfg(test)]
mod tests {
    use super::{HUGE_PAGE, HugePages, Mapping};

    #[test]
    fn all_kinds_are_aligned_and_as_long_as_asked() {
        for kind in [HugePages::Off, HugePages::Transparent, HugePages::Explicit] {
            let mappings = [1, 1, 3, 1].map(|pages| Mapping::new(pages * HUGE_PAGE, kind).unwrap());
            for mapping in &mappings {
                assert!(mapping.address().is_multiple_of(HUGE_PAGE));
                assert_eq!(
                    mapping.at(mapping.len() - 1).addr().get() + 1,
                    mapping.address() + mapping.len()
                );
            }
        }
    }

    #[test]
    fn what_can_not_be_mapped_is_an_error() {
        for len in [usize::MAX / 4, usize::MAX].map(|len| len / HUGE_PAGE * HUGE_PAGE) {
            // Systems differ in the kind of error: valgrind has another than Linux.
            let error = Mapping::new(len, HugePages::Transparent).err().unwrap();
            assert!(error.raw_os_error().is_some() || !error.to_string().is_empty());
        }
    }
}
