//! A buffer that is at hand is acquired and dropped without an allocation.

use reapool::BufferPool;

use crate::support::allocator::Counting;
use crate::support::alone::alone;

#[test]
fn buffers_at_hand_cost_no_allocation() {
    let _alone = alone();
    let pool = BufferPool::builder().classes([4096, 1 << 20]).build().unwrap();
    let mut buffers: Vec<_> = (0..2000).map(|_| pool.acquire(4096).unwrap()).collect();
    buffers.extend((0..19).map(|_| pool.acquire(1 << 20).unwrap()));
    let before = Counting::calls_here();
    assert!(before > 0, "the counter counts");
    // There is one to spare of each class. All come home, in an order that mixes the slabs, and go
    // again.
    for step in [7, 3, 1] {
        for number in (0..step).flat_map(|first| (first..2019).step_by(step)) {
            let len = buffers[number].capacity();
            buffers[number].resize(1);
            buffers[number] = pool.acquire(len).unwrap();
        }
    }
    assert_eq!(Counting::calls_here(), before);
    buffers.clear();
    assert!((0..1000).all(|_| pool.acquire(4096).is_ok_and(|buffer| buffer.is_empty())));
    assert_eq!(Counting::calls_here(), before);
}
