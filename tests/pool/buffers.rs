//! Buffers of a pool: where they are, what they show, how many there are, and what becomes of them.

use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use reapool::{AcquireError, BufferPool, HugePages, PoolBuf, PoolBuildError, PoolBuilder};

use crate::support::{self, HANG, scale};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
/// What memory is mapped in.
const SLAB: usize = 2 * MIB;

fn pool(capacity: usize, classes: &[usize]) -> BufferPool {
    builder(capacity, classes).build().unwrap()
}

fn builder(capacity: usize, classes: &[usize]) -> PoolBuilder {
    BufferPool::builder().capacity(capacity).classes(classes.iter().copied())
}

fn address(buffer: &PoolBuf) -> usize {
    buffer.as_ptr().addr()
}

/// All buffers of a length that the pool has left.
fn take_all(pool: &BufferPool, len: usize) -> Vec<PoolBuf> {
    std::iter::from_fn(|| pool.try_acquire(len).ok()).collect()
}

fn is_exhausted(pool: &BufferPool, len: usize) -> bool {
    matches!(pool.try_acquire(len), Err(AcquireError::Exhausted))
}

#[test]
fn the_smallest_class_that_fits_is_taken() {
    let pool = pool(64 * MIB, &[MIB, 4096, 12_000, 64 * KIB, 3 * MIB, 12_288]);
    assert_eq!(pool.classes(), [4096, 12_288, 64 * KIB, MIB, 3 * MIB], "rounded up, in order");
    let fits = [
        (0, 4096),
        (4096, 4096),
        (4097, 12_288),
        (12_289, 64 * KIB),
        (MIB, MIB),
        (MIB + 1, 3 * MIB),
        (3 * MIB, 3 * MIB),
    ];
    for (len, capacity) in fits {
        for buffer in [pool.acquire(len), pool.try_acquire(len), pool.acquire_timeout(len, HANG)] {
            let buffer = buffer.unwrap();
            assert_eq!((buffer.len(), buffer.capacity()), (0, capacity));
        }
    }
    for len in [3 * MIB + 1, usize::MAX] {
        let Err(AcquireError::TooLarge { requested, largest }) = pool.acquire(len) else {
            panic!("no class has {len} bytes");
        };
        assert_eq!((requested, largest), (len, 3 * MIB));
    }
}

#[test]
fn every_buffer_is_aligned_and_no_other_has_a_part_of_it() {
    for huge_pages in [HugePages::Off, HugePages::Transparent, HugePages::Explicit] {
        let classes = [4096, 12_288, 64 * KIB, MIB, 2 * MIB, 3 * MIB];
        let pool = builder(24 * MIB, &classes).huge_pages(huge_pages).build().unwrap();
        let mut buffers = Vec::new();
        for (number, &class) in classes.iter().rev().enumerate() {
            let taken = std::iter::repeat_with(|| pool.try_acquire(class).unwrap());
            buffers.extend(taken.take(number + 1));
        }
        for (buffer, number) in buffers.iter_mut().zip(0..) {
            let alignment =
                if buffer.capacity().is_power_of_two() { buffer.capacity() } else { 4096 };
            assert!(address(buffer).is_multiple_of(alignment));
            buffer.resize(buffer.capacity());
            buffer.fill(number);
        }
        for (buffer, number) in buffers.iter().zip(0..) {
            assert!(buffer.iter().all(|&byte| byte == number));
        }
    }
}

#[test]
fn nothing_of_an_earlier_user_is_seen() {
    let pool = pool(SLAB, &[64 * KIB]);
    let mut buffer = pool.acquire(1).unwrap();
    buffer.resize(64 * KIB);
    buffer.fill(0xaa);
    let earlier = address(&buffer);
    drop(buffer);

    let mut buffer = pool.acquire(1).unwrap();
    assert_eq!(address(&buffer), earlier, "that which came home last");
    assert!(buffer.is_empty());
    buffer.truncate(9);
    assert!(buffer.is_empty(), "truncating adds nothing");
    buffer.resize(10);
    assert_eq!(&*buffer, [0; 10]);
    buffer.fill(0xbb);
    buffer.truncate(5);
    buffer.resize(64 * KIB);
    assert_eq!(buffer[..5], [0xbb; 5]);
    assert!(buffer[5..].iter().all(|&byte| byte == 0));
    assert_eq!(buffer.capacity(), 64 * KIB);
}

#[test]
#[should_panic(expected = "4097 bytes in a buffer of 4096")]
fn growing_stops_at_the_capacity() {
    pool(SLAB, &[4096]).acquire(1).unwrap().resize(4097);
}

#[test]
fn what_came_home_last_goes_first() {
    let pool = pool(2 * SLAB, &[MIB]);
    let mut buffers: Vec<_> = (0..4).map(|_| pool.acquire(MIB).unwrap()).collect();
    for place in [2, 0, 1, 0] {
        let buffer = buffers.remove(place);
        let earlier = address(&buffer);
        drop(buffer);
        assert_eq!(address(&pool.acquire(MIB).unwrap()), earlier);
    }
    let stats = pool.stats();
    assert_eq!((stats.hits, stats.misses, stats.maps), (6, 2, 2));
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let refusal = |capacity, classes: &[usize]| builder(capacity, classes).build().err();
    let small = |capacity, least| Some(PoolBuildError::CapacityTooSmall { capacity, least });
    assert_eq!(refusal(SLAB, &[]), Some(PoolBuildError::NoClasses));
    assert_eq!(refusal(SLAB, &[4096, 0]), Some(PoolBuildError::EmptyClass));
    assert_eq!(refusal(0, &[4096]), small(0, SLAB));
    assert_eq!(refusal(SLAB - 1, &[4096]), small(SLAB - 1, SLAB));
    assert_eq!(refusal(3 * MIB, &[4096, 3 * MIB]), small(3 * MIB, 4 * MIB));
    for size in [(1 << 30) + 1, usize::MAX] {
        let limit = 1 << 30;
        assert_eq!(refusal(64 * MIB, &[size]), Some(PoolBuildError::ClassTooLarge { size, limit }));
    }
    let many: Vec<_> = (1..=65).map(|number| number * 4096).collect();
    let error = refusal(SLAB, &many).unwrap();
    assert_eq!(error, PoolBuildError::TooManyClasses { count: 65, limit: 64 });
    assert!(builder(SLAB, &many[..64]).build().is_ok());
    let error = refusal(usize::MAX, &[4096]).unwrap();
    assert!(matches!(error, PoolBuildError::CapacityTooLarge { .. }));
    assert!(error.to_string().contains("capacity"), "{error}");
}

/// The memory that some buffers are in is no more than the capacity, and so is what is counted.
fn check_bound(pool: &BufferPool, buffers: &[PoolBuf]) {
    let stats = pool.stats();
    let slabs: BTreeSet<_> = buffers.iter().map(|buffer| address(buffer) / SLAB).collect();
    assert!(slabs.len() * SLAB <= stats.mapped && stats.mapped <= stats.capacity, "{stats:?}");
    assert_eq!(stats.buffers_out, buffers.len());
    assert_eq!(stats.bytes_out, buffers.iter().map(PoolBuf::capacity).sum::<usize>());
}

#[test]
fn no_more_is_mapped_than_the_capacity() {
    let pool = pool(5 * SLAB + 12_345, &[4096, 64 * KIB, MIB, 2 * SLAB]);
    let mut buffers = Vec::new();
    for len in [MIB, 2 * SLAB, 64 * KIB, 4096] {
        buffers.push(pool.try_acquire(len).unwrap());
        check_bound(&pool, &buffers);
    }
    for len in [2 * SLAB, MIB, 64 * KIB, 4096] {
        buffers.extend(take_all(&pool, len));
        check_bound(&pool, &buffers);
    }
    assert!(pool.classes().iter().all(|&len| is_exhausted(&pool, len)));
    assert_eq!(buffers.len(), 2 + 1 + 32 + 512);
    assert_eq!((pool.stats().mapped, pool.stats().refused), (5 * SLAB, 4 + 4));
    buffers.clear();
    check_bound(&pool, &buffers);
}

#[test]
fn slabs_whose_buffers_are_home_serve_other_classes() {
    let pool = pool(4 * SLAB, &[4096, MIB, SLAB, 3 * SLAB]);
    for round in 0..3 {
        let small = take_all(&pool, 4096);
        assert_eq!(small.len(), 4 * 512, "round {round}");
        assert!(is_exhausted(&pool, MIB));
        drop(small);
        let [large, one] = [3 * SLAB, SLAB].map(|len| pool.try_acquire(len).unwrap());
        assert!(is_exhausted(&pool, 4096));
        drop(one);
        let halves = take_all(&pool, MIB);
        assert_eq!(halves.len(), 2);
        drop(large);
        let stats = pool.stats();
        assert_eq!((stats.mapped, stats.buffers_out), (4 * SLAB, 2), "round {round}");
    }
    // 2 MiB are cut anew, at least from one to two; what is longer is mapped anew.
    let stats = pool.stats();
    assert!(stats.repurposed >= 3 && stats.maps - stats.unmaps == stats.slabs as u64, "{stats:?}");
}

#[test]
fn leaked_buffers_take_capacity_and_nothing_else() {
    let pool = pool(3 * SLAB, &[4096, MIB, SLAB]);
    let mut leaked = pool.acquire(MIB).unwrap();
    leaked.resize(MIB);
    leaked.fill(0x1e);
    let bytes: &'static [u8] = Box::leak(Box::new(leaked));
    mem::forget(pool.acquire(4096).unwrap());
    assert_eq!(take_all(&pool, MIB).len(), 3, "one is beside the leaked one");
    assert_eq!(take_all(&pool, 4096).len(), 2 * 512 - 1);
    assert_eq!(take_all(&pool, SLAB).len(), 1, "the others are not whole again");
    assert_eq!(pool.trim(), SLAB);
    let stats = pool.stats();
    assert_eq!((stats.mapped, stats.buffers_out), (2 * SLAB, 2));
    drop(pool);
    assert!(bytes.iter().all(|&byte| byte == 0x1e), "its memory stays");
}

#[test]
fn buffers_outlive_their_pool() {
    let pool = pool(2 * SLAB, &[4096, SLAB]);
    let mut buffers = vec![pool.acquire(1).unwrap(), pool.clone().acquire(SLAB).unwrap()];
    drop(pool);
    for buffer in &mut buffers {
        buffer.resize(buffer.capacity());
        buffer.fill(0x0d);
    }
    let threads = buffers.into_iter().map(|buffer| thread::spawn(move || buffer.last().copied()));
    for thread in threads.collect::<Vec<_>>() {
        assert_eq!(thread.join().unwrap(), Some(0x0d));
    }
}

/// A few bytes of a buffer, far apart; two owners at a time would see each other's.
fn spots(buffer: &mut PoolBuf) -> impl Iterator<Item = &mut [u8; 8]> {
    buffer.as_chunks_mut::<8>().0.iter_mut().step_by(509)
}

#[test]
fn many_threads_never_share_a_buffer_and_come_to_an_end() {
    const THREADS: u64 = 8;
    let rounds = 20_000 / scale() as u64;
    let pool = pool(3 * SLAB, &[4096, 64 * KIB, 512 * KIB, SLAB]);
    let got = Arc::new(AtomicUsize::new(0));
    let work = |thread: u64| {
        let (pool, got) = (pool.clone(), Arc::clone(&got));
        thread::spawn(move || {
            let mut random = 0x9e37_79b9_7f4a_7c15 ^ thread;
            for round in 0..rounds {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let len = 1 << (random % 22);
                let buffer = match random >> 62 {
                    0 => pool.try_acquire(len).ok(),
                    1 => pool.acquire_timeout(len, std::time::Duration::from_micros(50)).ok(),
                    _ => Some(pool.acquire(len).unwrap()),
                };
                let Some(mut buffer) = buffer else { continue };
                assert!(buffer.is_empty());
                buffer.resize(len);
                let mark = (thread * rounds + round + 1).to_ne_bytes();
                spots(&mut buffer).for_each(|spot| *spot = mark);
                if random.is_multiple_of(5) {
                    thread::yield_now();
                }
                assert!(spots(&mut buffer).all(|spot| *spot == mark), "somebody else's");
                got.fetch_add(1, Ordering::Relaxed);
                if random.is_multiple_of(1000) {
                    pool.trim();
                }
                let stats = pool.stats();
                assert!(stats.bytes_out <= stats.mapped && stats.mapped <= stats.capacity);
            }
        })
    };
    let threads: Vec<_> = (0..THREADS).map(work).collect();
    for thread in threads {
        support::watched(|| thread.join()).unwrap();
    }
    let stats = pool.stats();
    assert_eq!((stats.buffers_out, stats.bytes_out, stats.waiting), (0, 0, 0));
    assert_eq!(stats.hits + stats.misses, got.load(Ordering::Relaxed) as u64);
    assert_eq!(stats.hits + stats.misses + stats.refused, THREADS * rounds);
    assert!(stats.waits > 0 && stats.repurposed > 0 && stats.maps > 3, "{stats:?}");
    assert_eq!(pool.trim(), stats.mapped, "everything is home");
}
