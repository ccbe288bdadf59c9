//! Many ranges of a file in one call: read together where they lie close, and given back in order.

use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use bytes::Bytes;
use reapool::{
    AcquireError, BufferPool, FileHandle, Operation, ReadRanges, ReadRangesError, Refusal,
    Submitter,
};

use crate::support::tasks::{Task, on_each_executor};
use crate::support::{
    self, Gate, bad_file, contents, eventually, known_file, null, null_read, open_buffered,
    open_direct, scratch, watched,
};

const LENGTH: u64 = 300_000;

fn pool() -> BufferPool {
    BufferPool::builder().build().unwrap()
}

/// What a file of known contents has in a range.
fn expected(range: &Range<u64>) -> Vec<u8> {
    contents(range.start.min(LENGTH)..range.end.min(LENGTH))
}

fn check(file: &FileHandle, ranges: &[Range<u64>], gap: u64, most: usize) -> u64 {
    let (dispatcher, pool) = (support::builder().build().unwrap(), pool());
    let read = ReadRanges::new(file, ranges.iter().cloned()).gap(gap).most(most);
    let handle = read.spawn(&dispatcher.submitter(), &pool).unwrap();
    let results = handle.join().unwrap().unwrap();
    assert_eq!(results.len(), ranges.len());
    for (bytes, range) in results.iter().zip(ranges) {
        assert!(**bytes == expected(range), "{range:?} of {ranges:?}");
    }
    drop(results);
    assert_eq!((pool.stats().buffers_out, pool.stats().extra_bytes), (0, 0));
    dispatcher.shutdown().unwrap().jobs
}

#[test]
fn all_ranges_are_given_back_in_order_whatever_is_read_together() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", LENGTH);
    let ranges: Vec<_> = (0..60_u64)
        .map(|n| (n * 7919 * 31) % LENGTH..(n * 7919 * 31) % LENGTH + n * n % 5000)
        .chain([0..LENGTH + 1, 5..5, LENGTH..LENGTH + 9, LENGTH - 1..LENGTH + 9])
        .collect();
    for file in [Some(open_buffered(&path)), open_direct(&path)].into_iter().flatten() {
        assert!(check(&file, &ranges[..60], 0, 1) > 40);
        let apart = check(&file, &ranges[..60], 4096, 64 << 10);
        assert!(apart > 4 && check(&file, &ranges[..60], 1 << 20, 1 << 20) == 1);
        check(&file, &ranges, 64 << 10, 4 << 20);
    }
}

#[test]
fn all_reads_go_into_the_kernel_in_one_call() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", LENGTH);
    let Some(file) = open_direct(&path) else { return };
    let (dispatcher, pool) = (support::builder().depth(64).build().unwrap(), pool());
    let ranges = (0..30).map(|place| place * 10_000..place * 10_000 + 10);
    let read = ReadRanges::new(&file, ranges).gap(0);
    read.spawn(&dispatcher.submitter(), &pool).unwrap().join().unwrap().unwrap();
    dispatcher.drain().unwrap();
    assert_eq!((dispatcher.stats().finished, dispatcher.stats().submit_calls), (30, 1));
}

#[test]
fn a_result_keeps_its_buffer_until_the_last_slice_is_dropped() {
    let directory = scratch();
    let file = open_buffered(&known_file(directory.path(), "known", LENGTH));
    let (dispatcher, pool) = (support::builder().build().unwrap(), pool());
    let handle = ReadRanges::new(&file, [9..20, 0..10, 200_000..200_010])
        .spawn(&dispatcher.submitter(), &pool)
        .unwrap();
    let mut results = handle.join().unwrap().unwrap();
    assert_eq!(pool.stats().buffers_out, 2);
    let (first, second) = (results.remove(0), results.remove(0));
    assert_eq!(second[9..].as_ptr(), first.as_ptr(), "they share their bytes");
    let bytes = Bytes::from_owner(second);
    drop((results, first));
    assert_eq!((pool.stats().buffers_out, &*bytes), (1, &*contents(0..10)));
    drop(bytes);
    assert_eq!(pool.stats().buffers_out, 0);
}

#[test]
fn an_error_says_where_and_comes_when_all_have_ended() {
    let (dispatcher, pool) = (support::builder().build().unwrap(), pool());
    let read = ReadRanges::new(bad_file(), [5..10, 1 << 20..(1 << 20) + 3, 7..7]);
    let handle = read.spawn(&dispatcher.submitter(), &pool).unwrap();
    let error = handle.join().unwrap().unwrap_err();
    assert_eq!(
        (error.operation, error.source.raw_os_error()),
        (Operation::Read, Some(libc::EBADF))
    );
    assert!([5, 1 << 20].contains(&error.offset), "{error}");
    dispatcher.drain().unwrap();
    assert_eq!((dispatcher.stats().failed, pool.stats().buffers_out), (2, 0));
}

#[test]
fn nothing_is_read_without_ranges() {
    let (dispatcher, pool) = (support::builder().build().unwrap(), pool());
    for ranges in [vec![], vec![5..5, 9..9]] {
        let count = ranges.len();
        let read = ReadRanges::new(null(), ranges);
        let results = read.spawn(&dispatcher.submitter(), &pool).unwrap().join().unwrap().unwrap();
        assert!(results.len() == count && results.iter().all(|bytes| bytes.is_empty()));
    }
    assert_eq!((dispatcher.stats().accepted, pool.stats().misses), (0, 0));
}

#[test]
fn what_is_refused_gives_its_buffers_back() {
    let (dispatcher, pool) = (support::builder().build().unwrap(), pool());
    let submitter = dispatcher.submitter();
    drop(dispatcher);
    let refused = ReadRanges::new(null(), [0..1, 5..6]).spawn(&submitter, &pool).map(drop);
    assert!(matches!(refused, Err(ReadRangesError::Refused(Refusal::ShutDown))));
    assert_eq!(pool.stats().buffers_out, 0);

    let small = BufferPool::builder().capacity(2 << 20).classes([1 << 20]).extra(0);
    let (small, dispatcher) = (small.build().unwrap(), support::builder().build().unwrap());
    let apart = (0..3).map(|place| place << 30..(place << 30) + 5);
    let refused = ReadRanges::new(null(), apart).spawn(&dispatcher.submitter(), &small).map(drop);
    assert!(matches!(refused, Err(ReadRangesError::Buffer(AcquireError::Exhausted))));
    assert_eq!((small.stats().buffers_out, dispatcher.stats().accepted), (0, 0));
}

#[test]
fn without_room_it_is_refused_or_waits() {
    watched(|| {
        let dispatcher = support::builder().depth(1).backlog(1).workers(1).build().unwrap();
        let (submitter, pool, gate) = (dispatcher.submitter(), pool(), Gate::default());
        let held = gate.clone();
        dispatcher.submit(null_read(&null(), move || held.pass())).unwrap();
        let read = || ReadRanges::new(null(), [0..1, 1 << 30..(1 << 30) + 1]);
        // The first of the two is accepted, and its result dropped.
        let refused = read().try_spawn(&submitter, &pool).map(drop);
        assert!(matches!(refused, Err(ReadRangesError::Refused(Refusal::Full))));
        assert_eq!(pool.stats().buffers_out, 1);
        let (task, read) = (Task::new(), read());
        let mut spawning = Box::pin(read.spawn_async(&submitter, &pool));
        assert!(task.poll(&mut spawning).is_pending());
        gate.open();
        let handle = futures::executor::block_on(spawning).unwrap();
        assert_eq!(handle.join().unwrap().unwrap().len(), 2);
        dispatcher.drain().unwrap();
        assert_eq!((dispatcher.stats().finished, pool.stats().buffers_out), (4, 0));
    });
}

#[test]
fn tasks_of_any_executor_await_all_ranges() {
    watched(|| {
        let directory = scratch();
        let path = known_file(directory.path(), "known", LENGTH);
        on_each_executor(|| {
            let file = open_buffered(&path);
            async move {
                let (dispatcher, pool) = (support::builder().build().unwrap(), pool());
                let read = ReadRanges::new(&file, [100..200, 0..50]);
                let handle = read.spawn_async(&dispatcher.submitter(), &pool).await.unwrap();
                let bytes = handle.await.unwrap();
                assert!(*bytes[0] == contents(100..200) && *bytes[1] == contents(0..50));
                dispatcher.shutdown_async().await.unwrap();
            }
        });
    });
}

/// Waits, when it is woken, until so many jobs have ended.
struct Patient {
    submitter: Submitter,
    jobs: u64,
    waited: AtomicBool,
}

impl Wake for Patient {
    fn wake(self: Arc<Self>) {
        eventually("the other read ends", || self.submitter.stats().finished >= self.jobs);
        self.waited.store(true, Ordering::SeqCst);
    }
}

#[test]
fn a_task_that_gets_the_buffer_of_an_empty_read_holds_up_no_other_read() {
    watched(|| {
        let dispatcher = support::builder().workers(2).build().unwrap();
        let pool = BufferPool::builder().capacity(2 << 20).classes([1 << 20]).extra(0);
        let (pool, gate) = (pool.build().unwrap(), Gate::default());
        let submitter = dispatcher.submitter();
        // Nothing ends before the task waits.
        for held in [gate.clone(), gate.clone()] {
            submitter.submit(null_read(&null(), move || held.pass())).unwrap();
        }
        gate.wait_for(2);
        let read = ReadRanges::new(null(), [0..1, 1 << 30..(1 << 30) + 1]);
        let handle = read.spawn(&submitter, &pool).unwrap();
        let mut buffer = pool.acquire_async(1);
        // Both that are held, and one of the reads: the other's callback is in the waker.
        let patient = Arc::new(Patient { submitter, jobs: 3, waited: AtomicBool::new(false) });
        let waker = Waker::from(Arc::clone(&patient));
        assert!(Pin::new(&mut buffer).poll(&mut Context::from_waker(&waker)).is_pending());
        gate.open();
        assert_eq!(handle.join().unwrap().unwrap().len(), 2);
        dispatcher.drain().unwrap();
        assert!(patient.waited.load(Ordering::SeqCst));
    });
}
