//! Buffers beyond a pool's capacity: of the same type, counted, and no more than allowed.

use reapool::{AcquireError, BufferPool, Job};

use crate::support::{self, contents, known_file, open_buffered, open_direct, scratch};

const MIB: usize = 1 << 20;

fn pool(extra: usize) -> BufferPool {
    let builder = BufferPool::builder().capacity(2 * MIB).classes([MIB]);
    builder.extra(extra).build().unwrap()
}

#[test]
fn the_pool_comes_first_and_the_allocator_gives_no_more_than_allowed() {
    let pool = pool(MIB + 4096);
    let first: Vec<_> = (0..3).map(|_| pool.acquire_or_allocate(MIB).unwrap()).collect();
    let stats = pool.stats();
    assert_eq!((stats.bytes_out, stats.extra_bytes, stats.extra_buffers), (2 * MIB, MIB, 1));
    let small = pool.acquire_or_allocate(0).unwrap();
    assert_eq!((small.capacity(), small.len()), (4096, 0));
    assert!(matches!(pool.acquire_or_allocate(1), Err(AcquireError::Exhausted)));
    assert_eq!((pool.stats().refused, pool.stats().extra_bytes), (1, MIB + 4096));
    drop(first);
    assert_eq!((pool.stats().buffers_out, pool.stats().extra_bytes), (0, 4096));
    assert_eq!(pool.acquire_or_allocate(1).unwrap().capacity(), MIB, "a slab's again");
    drop(small);
    let stats = pool.stats();
    assert_eq!((stats.extra_bytes, stats.extra_buffers, stats.waits), (0, 2, 0));
}

#[test]
fn lengths_beyond_the_largest_class_are_allocated() {
    let larger = pool(3 * MIB);
    assert_eq!(larger.acquire_or_allocate(2 * MIB + 1).unwrap().capacity(), 2 * MIB + 4096);
    for len in [3 * MIB + 1, isize::MAX as usize, usize::MAX] {
        let Err(AcquireError::TooLarge { requested, largest }) = larger.acquire_or_allocate(len)
        else {
            panic!("{len} bytes are more than there may be")
        };
        assert_eq!((requested, largest), (len, 3 * MIB));
    }
    let none = pool(0);
    assert!(matches!(none.acquire_or_allocate(MIB + 1), Err(AcquireError::TooLarge { .. })));

    // A length that no memory has, and one that this machine hasn't.
    let boundless = pool(usize::MAX);
    let refused = boundless.acquire_or_allocate(isize::MAX as usize);
    assert!(matches!(refused, Err(AcquireError::TooLarge { .. })));
    let refused = boundless.acquire_or_allocate(isize::MAX as usize - 8192);
    assert!(matches!(refused, Err(AcquireError::NoMemory(_))));
    let stats = boundless.stats();
    assert_eq!((stats.extra_bytes, stats.extra_buffers, stats.refused), (0, 0, 1));
}

#[test]
fn jobs_use_them_like_all_others() {
    let (directory, dispatcher) = (scratch(), support::builder().build().unwrap());
    let path = known_file(directory.path(), "known", 10_000);
    for file in [Some(open_buffered(&path)), open_direct(&path)].into_iter().flatten() {
        let pool = pool(2 * MIB);
        let _both = (pool.acquire(1).unwrap(), pool.acquire(1).unwrap());
        let mut buffer = pool.acquire_or_allocate(8192).unwrap();
        buffer.resize(10);
        assert_eq!(*buffer, [0; 10]);
        let job = Job::read_range(&file, buffer, 5000, 100, |done| done.buffer);
        let buffer = dispatcher.spawn(job).unwrap().join().unwrap();
        assert!(*buffer == contents(5000..5100));
        assert_eq!(pool.stats().extra_bytes, 8192);
        drop(buffer);
        assert_eq!(pool.stats().extra_bytes, 0);
    }
}

#[test]
fn they_outlive_their_pool() {
    let pool = pool(MIB);
    let _both = (pool.acquire(1).unwrap(), pool.acquire(1).unwrap());
    let mut buffer = pool.acquire_or_allocate(5).unwrap();
    drop(pool);
    buffer.resize(5);
    buffer.copy_from_slice(b"bytes");
    assert_eq!(&*buffer, b"bytes");
}
