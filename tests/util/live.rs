//! The system's allocator, with an account of what is allocated and not freed: for tests of how much
//! memory something takes, each of which makes it the allocator of its process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, AtomicU64, Ordering};

pub(crate) struct Live;

static BYTES: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);
static CALLS: AtomicU64 = AtomicU64::new(0);

impl Live {
    /// Bytes allocated and not freed, in all threads.
    pub(crate) fn bytes() -> isize {
        BYTES.load(Ordering::SeqCst)
    }

    /// How many bytes more than now there were at most while `body` ran, and how often memory was
    /// allocated.
    pub(crate) fn growth(body: impl FnOnce()) -> (isize, u64) {
        let (before, calls) = (Self::bytes(), CALLS.load(Ordering::SeqCst));
        PEAK.store(before, Ordering::SeqCst);
        body();
        (PEAK.load(Ordering::SeqCst) - before, CALLS.load(Ordering::SeqCst) - calls)
    }
}

// SAFETY: all is the system's allocator, which keeps the contract; counting allocates nothing.
unsafe impl GlobalAlloc for Live {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let size = layout.size() as isize;
        let bytes = BYTES.fetch_add(size, Ordering::Relaxed) + size;
        PEAK.fetch_max(bytes, Ordering::Relaxed);
        CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the same contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) };
    }
}
