//! The system's allocator, counted: for test files about what is allocated, each of which makes it the
//! allocator of its process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) struct Counting;

/// How often memory was allocated, in all threads.
pub(crate) static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
/// How many bytes are allocated and not freed.
pub(crate) static BYTES: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// How often this thread allocated or freed memory.
    pub(crate) static CALLS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: all is the system's allocator, which keeps the contract; counting allocates nothing, as
// the counters are made at compile time and need no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        BYTES.fetch_add(layout.size() as u64, Ordering::Relaxed);
        CALLS.set(CALLS.get() + 1);
        // SAFETY: the caller keeps the same contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size() as u64, Ordering::Relaxed);
        CALLS.set(CALLS.get() + 1);
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) };
    }
}
