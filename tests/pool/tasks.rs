//! Tasks wait for buffers: in one line with threads, and without losing a buffer.

use std::sync::Arc;
use std::task::Poll;
use std::thread;

use reapool::{AcquireError, AcquireFuture, BufferPool, PoolBuf};
use tokio::runtime::Builder;

use crate::support::tasks::{Task, on_each_executor, yield_once};
use crate::support::{HANG, eventually, scale, watched};

const MIB: usize = 1 << 20;

/// A pool of two buffers, and both of them.
fn exhausted() -> (BufferPool, PoolBuf, PoolBuf) {
    let pool = BufferPool::builder().capacity(2 * MIB).classes([MIB]).build().unwrap();
    let both = (pool.acquire(1).unwrap(), pool.acquire(1).unwrap());
    (pool, both.0, both.1)
}

/// A task that waits.
fn waiting(pool: &BufferPool) -> (Arc<Task>, AcquireFuture) {
    let (task, mut future) = (Task::new(), pool.acquire_async(MIB));
    assert!(task.poll(&mut future).is_pending());
    (task, future)
}

fn ready(poll: Poll<Result<PoolBuf, AcquireError>>) -> PoolBuf {
    let Poll::Ready(result) = poll else { panic!("it has been woken for a buffer") };
    result.unwrap()
}

#[test]
fn a_task_gets_what_is_free_at_once() {
    let (pool, first, _second) = exhausted();
    drop(first);
    let (task, mut future) = (Task::new(), pool.acquire_async(MIB));
    assert_eq!(ready(task.poll(&mut future)).capacity(), MIB);
    let mut larger = pool.acquire_async(MIB + 1);
    let refused = task.poll(&mut larger);
    assert!(matches!(refused, Poll::Ready(Err(AcquireError::TooLarge { .. }))));
    assert_eq!((task.wakings(), pool.stats().waits), (0, 0));
}

#[test]
fn tasks_are_served_in_the_order_in_which_they_came() {
    let (pool, first, second) = exhausted();
    let mut line = [waiting(&pool), waiting(&pool), waiting(&pool)];
    assert!(line[1].0.poll(&mut line[1].1).is_pending(), "polled again, it has the same place");
    assert_eq!((pool.stats().waiting, pool.stats().waits), (3, 3));
    let address = first.as_ptr().addr();
    drop(first);
    let wakings = |line: &[(Arc<Task>, AcquireFuture)]| {
        line.iter().map(|(task, _)| task.wakings()).collect::<Vec<_>>()
    };
    assert_eq!(wakings(&line), [1, 0, 0]);
    assert!(matches!(pool.try_acquire(1), Err(AcquireError::Exhausted)), "it is the task's");
    let buffer = ready(line[0].0.poll(&mut line[0].1));
    assert_eq!((buffer.as_ptr().addr(), buffer.len()), (address, 0));
    drop((second, buffer));
    assert_eq!(wakings(&line), [1, 1, 1]);
    for (task, future) in &mut line[1..] {
        drop(ready(task.poll(future)));
    }
    assert_eq!((pool.stats().buffers_out, pool.stats().waiting), (0, 0));
}

#[test]
fn a_future_that_is_dropped_passes_its_buffer_on() {
    let (pool, first, _second) = exhausted();
    let [unserved, served, mut last] = [waiting(&pool), waiting(&pool), waiting(&pool)];
    drop(unserved.1);
    assert_eq!((pool.stats().waiting, pool.stats().refused), (2, 1));
    drop(first);
    assert_eq!((unserved.0.wakings(), served.0.wakings(), last.0.wakings()), (0, 1, 0));
    drop(served.1);
    assert_eq!(last.0.wakings(), 1);
    drop(ready(last.0.poll(&mut last.1)));
    assert_eq!((pool.stats().buffers_out, pool.stats().waiting), (1, 0));
}

#[test]
fn threads_and_tasks_wait_in_one_line() {
    watched(|| {
        let (pool, first, second) = exhausted();
        let thread = |waiting| {
            let own = pool.clone();
            let thread = thread::spawn(move || own.acquire_timeout(1, HANG).unwrap());
            eventually("the thread waits", || pool.stats().waiting == waiting);
            thread
        };
        let before = thread(1);
        let (task, mut future) = waiting(&pool);
        let behind = thread(3);
        drop(first);
        let first = before.join().unwrap();
        assert_eq!((task.wakings(), behind.is_finished()), (0, false));
        drop(second);
        task.wait_for(1);
        let second = ready(task.poll(&mut future));
        assert!(!behind.is_finished());
        drop((first, second));
        drop(behind.join().unwrap());
        assert_eq!((pool.stats().buffers_out, pool.stats().waiting), (0, 0));
    });
}

#[test]
fn a_future_that_is_forgotten_costs_one_buffer() {
    let (pool, first, second) = exhausted();
    let (task, future) = waiting(&pool);
    std::mem::forget(future);
    drop((first, second));
    assert_eq!((task.wakings(), pool.stats().buffers_out, pool.stats().waiting), (1, 1, 0));
    drop(pool.try_acquire(1).unwrap());
}

#[test]
fn many_tasks_share_two_buffers_on_several_threads() {
    watched(|| {
        let runtime = Builder::new_multi_thread().worker_threads(3).build().unwrap();
        let (pool, first, second) = exhausted();
        drop((first, second));
        let tasks: Vec<_> = (0..10_u8)
            .map(|task| {
                let pool = pool.clone();
                runtime.spawn(async move {
                    for _ in 0..200 / scale() {
                        let mut buffer = pool.acquire_async(MIB).await.unwrap();
                        buffer.resize(1);
                        buffer[0] = task;
                        yield_once().await;
                        assert_eq!(buffer[0], task, "nobody else has it");
                    }
                })
            })
            .collect();
        runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert_eq!((pool.stats().buffers_out, pool.stats().waiting), (0, 0));
    });
}

#[test]
fn a_buffer_is_awaited_under_any_executor() {
    watched(|| {
        on_each_executor(|| async {
            let (pool, first, second) = exhausted();
            let other = pool.clone();
            let next = async move { other.acquire_async(1).await.unwrap().capacity() };
            let give = async move { drop(first) };
            assert_eq!(futures::future::join(next, give).await.0, MIB);
            drop(second);
        });
    });
}
