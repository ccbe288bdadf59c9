//! Waiting for a pool's buffers: who is woken, who is served first, who is refused instead.

use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use reapool::{AcquireError, BufferPool, Job, PoolBuf, Submitter};

use crate::support::{self, Gate, HANG, Tended, eventually, null, null_read, proc, scale, watched};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const SLAB: usize = 2 * MIB;

fn pool(capacity: usize, classes: &[usize]) -> BufferPool {
    BufferPool::builder().capacity(capacity).classes(classes.iter().copied()).build().unwrap()
}

fn fill(pool: &BufferPool, len: usize) -> Vec<PoolBuf> {
    std::iter::from_fn(|| pool.try_acquire(len).ok()).collect()
}

/// Acquires in a thread, and returns when that waits.
fn waiter(pool: &BufferPool, len: usize) -> JoinHandle<PoolBuf> {
    let (before, own) = (pool.stats().waiting, pool.clone());
    let thread = thread::spawn(move || own.acquire_timeout(len, HANG).unwrap());
    eventually("another thread waits", || pool.stats().waiting > before);
    thread
}

fn join<T: Send + 'static>(thread: JoinHandle<T>) -> T {
    watched(|| thread.join().unwrap())
}

#[test]
fn who_waits_gets_the_buffer_that_comes_home() {
    let pool = pool(SLAB, &[MIB]);
    let mut held = fill(&pool, MIB);
    let addresses: Vec<_> =
        held.iter().map(|buffer| buffer.as_ptr()).map(<*const u8>::addr).collect();
    let first = waiter(&pool, MIB);
    let second = waiter(&pool, MIB);
    drop(held.remove(0));
    let got = join(first);
    assert_eq!((got.as_ptr().addr(), got.len()), (addresses[0], 0));
    assert_eq!(pool.stats().waiting, 1, "one buffer, one thread");
    assert!(!second.is_finished());
    let other = thread::spawn(move || drop(held));
    assert_eq!(join(second).as_ptr().addr(), addresses[1]);
    join(other);
    assert_eq!(pool.stats().waits, 2);
}

#[test]
fn nobody_is_woken_for_nothing() {
    let pool = pool(SLAB, &[4096, MIB]);
    let mut halves = fill(&pool, MIB);
    let (told, told_by) = mpsc::channel();
    let own = pool.clone();
    let thread = thread::spawn(move || {
        told.send(proc::this_thread()).unwrap();
        own.acquire(4096).unwrap()
    });
    let task = told_by.recv().unwrap();
    eventually("it waits", || pool.stats().waiting == 1 && proc::is_asleep(&task));
    let sleeps = || proc::status(&task, "voluntary_ctxt_switches").unwrap();
    let before = sleeps();
    for _ in 0..50 {
        // One comes home, and is of no use to the thread that waits: the slab is not whole.
        halves.remove(0);
        halves.push(pool.try_acquire(MIB).unwrap());
    }
    assert_eq!(sleeps(), before);
    drop(halves);
    assert_eq!(join(thread).capacity(), 4096);
}

#[test]
fn whole_slabs_are_waited_for_and_given_in_order() {
    let pool = pool(2 * SLAB, &[4096, MIB, 2 * SLAB]);
    let mut small = fill(&pool, 4096);
    let large = waiter(&pool, 2 * SLAB);
    let half = waiter(&pool, MIB);
    let last = small.pop();
    drop(small);
    assert_eq!(pool.stats().waiting, 2, "a slab is idle, and is the first one's");
    drop(last);
    let large = join(large);
    assert_eq!(pool.stats().waiting, 1);
    drop(large);
    assert_eq!(join(half).capacity(), MIB);
}

#[test]
fn small_buffers_do_not_starve_a_large_one() {
    let pool = pool(2 * SLAB, &[4096, 2 * SLAB]);
    let gate = Gate::default();
    let busy = |_| {
        let (pool, gate) = (pool.clone(), gate.clone());
        thread::spawn(move || {
            let mut held = pool.acquire(1).unwrap();
            gate.pass();
            let start = Instant::now();
            // Never without a buffer, unless it is refused the next one.
            while let Ok(next) = pool.try_acquire(1) {
                held = next;
                assert!(start.elapsed() < HANG, "the large one starves");
            }
            drop(held);
        })
    };
    let threads: Vec<_> = (0..4).map(busy).collect();
    gate.wait_for(4);
    let large = waiter(&pool, 2 * SLAB);
    gate.open();
    assert_eq!(join(large).capacity(), 2 * SLAB);
    threads.into_iter().for_each(join);
}

#[test]
fn time_limits_hold() {
    let pool = pool(SLAB, &[MIB]);
    let held = fill(&pool, MIB);
    for limit in [Duration::ZERO, Duration::from_millis(20)] {
        let start = Instant::now();
        let refused = pool.acquire_timeout(MIB, limit);
        assert!(matches!(refused, Err(AcquireError::TimedOut)));
        assert!(start.elapsed() >= limit);
    }
    let stats = pool.stats();
    assert_eq!((stats.waiting, stats.waits), (0, 2));
    drop(held);
    for limit in [Duration::ZERO, Duration::MAX] {
        assert!(pool.acquire_timeout(MIB, limit).is_ok(), "one is free");
    }
}

#[test]
fn the_next_is_served_when_the_first_gives_up() {
    let pool = pool(2 * SLAB, &[4096, MIB, 2 * SLAB]);
    let held = pool.acquire(MIB).unwrap();
    let own = pool.clone();
    let give_up = Duration::from_millis(if scale() > 1 { 2000 } else { 200 });
    let first = thread::spawn(move || own.acquire_timeout(2 * SLAB, give_up).err());
    // Or has waited, if this thread was away for so long.
    eventually("the first waits", || pool.stats().waits == 1);
    // There is room, but the first might yet need it.
    let second = thread::spawn({
        let pool = pool.clone();
        move || pool.acquire_timeout(4096, HANG).unwrap()
    });
    assert!(matches!(join(first), Some(AcquireError::TimedOut)));
    assert_eq!(join(second).capacity(), 4096);
    drop(held);
}

#[test]
fn many_waiters_all_get_their_turn() {
    let pool = pool(SLAB, &[64 * KIB, MIB]);
    let rounds = 2000 / scale();
    let work = |number: usize| {
        let pool = pool.clone();
        thread::spawn(move || {
            for round in 0..rounds {
                let len = if (number + round).is_multiple_of(3) { MIB } else { 64 * KIB };
                let mut buffer = pool.acquire(len).unwrap();
                buffer.resize(1);
                thread::yield_now();
            }
        })
    };
    let threads: Vec<_> = (0..16).map(work).collect();
    threads.into_iter().for_each(join);
    let stats = pool.stats();
    assert_eq!(stats.hits + stats.misses, 16 * rounds as u64);
    assert_eq!((stats.refused, stats.waiting, stats.buffers_out), (0, 0, 0));
}

#[test]
fn a_callback_is_refused_instead_of_waiting() {
    let pool = pool(SLAB, &[MIB]);
    let [one, other] = [(); 2].map(|()| Tended::new(support::builder().depth(2).workers(1)));
    let held = [(); 2].map(|()| pool.acquire(MIB).unwrap());
    let ask = |dispatcher: &Submitter| {
        let pool = pool.clone();
        let job = null_read(&null(), move || {
            // One after the other: there are two buffers.
            let waiting = [pool.acquire(1).map(drop), pool.acquire_timeout(1, HANG).map(drop)];
            (waiting, pool.try_acquire(1).map(drop))
        });
        dispatcher.spawn(job).unwrap().join_timeout(HANG).unwrap()
    };
    for dispatcher in [&one, &other] {
        use AcquireError::{Exhausted, InCallback};
        let answers = ask(&dispatcher.submitter());
        assert!(matches!(answers, ([Err(InCallback), Err(InCallback)], Err(Exhausted))));
    }
    assert_eq!((pool.stats().waits, pool.stats().refused), (0, 6));
    drop(held);
    assert!(matches!(ask(&one.submitter()), ([Ok(()), Ok(())], Ok(()))), "no need to wait");
}

/// Chains of jobs, each of which takes another buffer for the next job before it gives its own
/// back.
fn go_on(pool: BufferPool, submitter: Submitter, left: usize, buffer: PoolBuf) -> Job {
    let next = submitter.clone();
    Job::read(null(), buffer, 0, move |done| {
        let Some(left) = left.checked_sub(1) else { return };
        let buffer = pool.acquire(1).unwrap_or_else(|error| {
            assert!(matches!(error, AcquireError::InCallback));
            done.buffer
        });
        next.submit(go_on(pool, submitter, left, buffer)).unwrap();
    })
}

#[test]
fn callbacks_that_acquire_come_to_an_end() {
    watched(|| {
        let pool = pool(SLAB, &[512 * KIB]);
        let dispatcher = support::builder().depth(8).workers(2).build().unwrap();
        // More chains than there are buffers: this thread waits for callbacks to give some back.
        for _ in 0..64 {
            let buffer = pool.acquire(1).unwrap();
            let chain = go_on(pool.clone(), dispatcher.submitter(), 50, buffer);
            dispatcher.submit(chain).unwrap();
        }
        let report = dispatcher.shutdown().unwrap();
        assert_eq!((report.jobs, report.panics), (64 * 51, 0));
        assert_eq!(pool.stats().buffers_out, 0);
    });
}
