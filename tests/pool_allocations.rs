//! A buffer that is at hand is acquired and dropped without an allocation.

#![expect(unsafe_code, reason = "is the process's allocator, to count")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use reapool::BufferPool;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: all is the system's allocator, which keeps the contract; counting allocates nothing, as
// the counter is made at compile time and needs no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the same contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) };
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn buffers_at_hand_cost_no_allocation() {
    let pool = BufferPool::builder().classes([4096, 1 << 20]).build().unwrap();
    let mut buffers: Vec<_> = (0..2000).map(|_| pool.acquire(4096).unwrap()).collect();
    buffers.extend((0..19).map(|_| pool.acquire(1 << 20).unwrap()));
    let before = ALLOCATIONS.get();
    assert!(before > 0, "the counter counts");
    // There is one to spare of each class. All come home, in an order that mixes the slabs, and go again.
    for step in [7, 3, 1] {
        for number in (0..step).flat_map(|first| (first..2019).step_by(step)) {
            let len = buffers[number].capacity();
            buffers[number].resize(1);
            buffers[number] = pool.acquire(len).unwrap();
        }
    }
    assert_eq!(ALLOCATIONS.get(), before);
    buffers.clear();
    assert!((0..1000).all(|_| pool.acquire(4096).is_ok_and(|buffer| buffer.is_empty())));
    assert_eq!(ALLOCATIONS.get(), before);
}
