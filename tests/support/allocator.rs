//! The system's allocator, with an account of what is allocated: for programs that count it, each
//! of which makes it the allocator of its process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicIsize, AtomicU64, Ordering};

pub(crate) struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

impl Counting {
    /// How often memory was allocated, in all threads.
    pub(crate) fn allocations() -> u64 {
        ALLOCATIONS.load(Ordering::SeqCst)
    }

    /// Bytes allocated and not freed, in all threads.
    pub(crate) fn bytes() -> isize {
        BYTES.load(Ordering::SeqCst)
    }

    /// How often the calling thread allocated or freed memory.
    pub(crate) fn calls_here() -> usize {
        CALLS.get()
    }

    /// How many bytes more than now there were at most while `body` ran, and how often memory was
    /// allocated.
    pub(crate) fn growth(body: impl FnOnce()) -> (isize, u64) {
        let (before, allocations) = (Self::bytes(), Self::allocations());
        PEAK.store(before, Ordering::SeqCst);
        body();
        (PEAK.load(Ordering::SeqCst) - before, Self::allocations() - allocations)
    }
}

// SAFETY: all is the system's allocator, which keeps the contract; counting allocates nothing, as
// the counters are made at compile time and need no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let size = layout.size() as isize;
        let bytes = BYTES.fetch_add(size, Ordering::Relaxed) + size;
        PEAK.fetch_max(bytes, Ordering::Relaxed);
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        CALLS.set(CALLS.get() + 1);
        // SAFETY: the caller keeps the same contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        CALLS.set(CALLS.get() + 1);
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) };
    }
}
