//! A forked child keeps the buffers that it has copies of, and can't use its parent's pool.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use reapool::{AcquireError, BufferPool, HugePages, PoolBuf, PoolStats};

use crate::support::alone::alone;
use crate::support::child::{first_failure, in_child};
use crate::support::tasks::Task;
use crate::support::{scale, watched};

const MIB: usize = 1 << 20;
const SLAB: usize = 2 * MIB;

fn pool(slabs: usize) -> BufferPool {
    BufferPool::builder().capacity(slabs * SLAB).classes([4096, MIB]).build().unwrap()
}

/// A buffer filled with a byte.
fn filled(pool: &BufferPool, len: usize, byte: u8) -> PoolBuf {
    let mut buffer = pool.acquire(len).unwrap();
    buffer.resize(len);
    buffer.fill(byte);
    buffer
}

/// All that a child can ask of its parent's pool.
fn ask(pool: &BufferPool) -> i32 {
    let is_refused = |answer| matches!(answer, Err(AcquireError::Forked));
    first_failure(&[
        is_refused(pool.acquire(1)),
        is_refused(pool.try_acquire(1)),
        is_refused(pool.acquire_or_allocate(1)),
        Task::new().poll(&mut pool.acquire_async(1)).map(is_refused) == Poll::Ready(true),
        is_refused(pool.acquire_timeout(1, Duration::ZERO)),
        is_refused(pool.clone().acquire(usize::MAX)),
        pool.trim() == 0,
        pool.stats() == PoolStats::default(),
        pool.huge_page_bytes().is_ok_and(|bytes| bytes == 0),
        pool.classes() == [4096, MIB],
    ])
}

#[test]
fn a_child_has_copies_of_its_own() {
    let _alone = alone();
    watched(|| {
        for huge_pages in [HugePages::Off, HugePages::Transparent, HugePages::Explicit] {
            let builder = BufferPool::builder().capacity(2 * SLAB).classes([4096, MIB]);
            let pool = builder.huge_pages(huge_pages).build().unwrap();
            let mut buffers = vec![filled(&pool, 4096, 1), filled(&pool, MIB, 2)];
            let code = in_child(&mut || {
                let checks = [buffers[0][..] == [1; 4096], buffers[1][..] == [2; MIB]];
                buffers.iter_mut().for_each(|buffer| buffer.fill(3));
                let written =
                    buffers.iter().flat_map(|buffer| buffer.iter()).all(|&byte| byte == 3);
                buffers.clear();
                first_failure(&[checks[0], checks[1], written, ask(&pool) == 0])
            });
            assert_eq!(code, Some(0));
            assert!(buffers[0][..] == [1; 4096] && buffers[1][..] == [2; MIB]);
            assert_eq!(pool.stats().buffers_out, 2);
            drop(buffers);
            assert_eq!(pool.trim(), 2 * SLAB);
        }
    });
}

#[test]
fn a_child_that_drops_all_frees_nothing_of_the_parents() {
    let _alone = alone();
    watched(|| {
        let mut all = Some((pool(2), Vec::new()));
        if let Some((pool, buffers)) = &mut all {
            buffers.extend((0..3).map(|byte| filled(pool, MIB, byte)));
        }
        let code = in_child(&mut || {
            all = None;
            0
        });
        assert_eq!(code, Some(0));
        let (pool, buffers) = all.unwrap();
        for (buffer, number) in buffers.iter().zip(0..) {
            assert!(buffer.iter().all(|&byte| byte == number));
        }
        drop(buffers);
        assert_eq!(pool.stats().buffers_out, 0);
    });
}

#[test]
fn a_child_can_make_a_pool_of_its_own() {
    let _alone = alone();
    let parents = pool(1);
    let _held = parents.acquire(1).unwrap();
    let code = in_child(&mut || {
        let pool = pool(1);
        let buffer = filled(&pool, MIB, 1);
        let whole = buffer.iter().all(|&byte| byte == 1);
        drop(buffer);
        first_failure(&[whole, pool.trim() == SLAB])
    });
    assert_eq!(code, Some(0));
}

#[test]
fn forking_while_the_pool_is_busy_harms_neither() {
    let _alone = alone();
    watched(|| {
        let pool = pool(2);
        let stop = Arc::new(AtomicBool::new(false));
        let hammer = |number| {
            let (pool, stop) = (pool.clone(), Arc::clone(&stop));
            thread::spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    let len = if number == 0 { 4096 } else { MIB };
                    let buffers =
                        [(); 3].map(|()| pool.acquire_timeout(len, Duration::from_millis(120)));
                    drop(buffers);
                    pool.trim();
                }
            })
        };
        let hammers: Vec<_> = (0..2).map(hammer).collect();
        for round in 0..50 / scale() as u8 {
            let mut buffer = Some(filled(&pool, 4096, round));
            let code = in_child(&mut || {
                let whole = buffer.take().is_some_and(|buffer| buffer[..] == [round; 4096]);
                first_failure(&[whole, ask(&pool) == 0])
            });
            assert_eq!(code, Some(0), "round {round}");
            assert!(buffer.is_some_and(|buffer| buffer[..] == [round; 4096]));
        }
        stop.store(true, Ordering::SeqCst);
        hammers.into_iter().for_each(|hammer| hammer.join().unwrap());
        assert_eq!(pool.stats().buffers_out, 0);
    });
}
