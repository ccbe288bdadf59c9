//! Jobs without the kernel: nops, and work that blocks and keeps nobody else waiting.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use reapool::{BuildErrorKind, DrainError, Job, JoinError, Operation, Refusal};

use crate::support::{self, Drops, Gate, HANG, eventually, null, null_read, scale, watched};

#[test]
fn each_callback_runs_once_whatever_the_job() {
    let jobs = 20_000 / scale();
    watched(move || {
        let dispatcher = support::builder().depth(16).workers(2).build().unwrap();
        let counts: Arc<Vec<_>> = Arc::new((0..2 * jobs).map(|_| AtomicUsize::new(0)).collect());
        let file = null();
        for number in 0..jobs {
            let (counts, submitter) = (Arc::clone(&counts), dispatcher.submitter());
            let then = move || {
                counts[number].fetch_add(1, Ordering::SeqCst);
                let last = move || {
                    counts[jobs + number].fetch_add(1, Ordering::SeqCst);
                };
                let job = match number % 4 {
                    0 => Job::nop(last),
                    1 => Job::blocking(last, |()| ()),
                    _ => null_read(&null(), last),
                };
                submitter.submit(job).unwrap();
            };
            let job = match number % 3 {
                0 => Job::nop(then),
                1 => Job::blocking(|| (), |()| then()),
                _ => null_read(&file, then),
            };
            dispatcher.submit(job).unwrap();
        }
        dispatcher.drain_timeout(HANG).unwrap();
        assert!(counts.iter().all(|count| count.load(Ordering::SeqCst) == 1));
        let stats = dispatcher.shutdown().unwrap().stats;
        assert_eq!(stats.finished, 2 * jobs as u64);
        assert_eq!(stats.submitted + stats.nops + stats.blocking_calls, stats.finished);
        let nops = (0..jobs).filter(|n| n % 3 == 0).count() + jobs.div_ceil(4);
        assert_eq!(stats.nops, nops as u64);
    });
}

#[test]
fn work_keeps_no_worker_and_no_other_work_waiting() {
    watched(|| {
        // One more than are held, for the engine that needs one.
        let builder = support::builder().depth(32).workers(1).blocking_threads(17);
        let (dispatcher, gate) = (builder.build().unwrap(), Gate::default());
        let held = || {
            let gate = gate.clone();
            dispatcher.spawn(Job::blocking(move || gate.pass(), |()| 1)).unwrap()
        };
        let handles: Vec<_> = (0..16).map(|_| held()).collect();
        gate.wait_for(16);
        let nop = dispatcher.spawn(Job::nop(|| 2)).unwrap();
        assert_eq!(nop.join_timeout(HANG).unwrap(), 2);
        let read = dispatcher.spawn(null_read(&null(), || 3)).unwrap();
        assert_eq!(read.join_timeout(HANG).unwrap(), 3);
        let stats = dispatcher.stats();
        assert_eq!(stats.blocking_calls, 16);
        assert!((16..=17).contains(&stats.blocking_threads), "{stats:?}");
        eventually("only these are left", || dispatcher.stats().outstanding == 16);
        assert_eq!(dispatcher.stats().in_flight, 0);
        assert_eq!(dispatcher.drain_timeout(Duration::ZERO), Err(DrainError::TimedOut));
        gate.open();
        for handle in handles {
            assert_eq!(handle.join_timeout(HANG).unwrap(), 1);
        }
    });
}

#[test]
fn a_number_of_threads_that_makes_no_sense_is_refused() {
    for threads in [0, 513, usize::MAX] {
        let error = support::builder().blocking_threads(threads).build().unwrap_err();
        assert_eq!(error.kind(), BuildErrorKind::InvalidConfig);
        assert!(error.to_string().contains("blocking_threads"), "{error}");
    }
}

#[test]
fn a_panic_of_the_work_is_the_callbacks() {
    watched(|| {
        let (sender, heard) = mpsc::channel();
        let builder = support::builder().depth(1).workers(1).blocking_threads(1);
        let handled = builder.panic_handler(move |panic| {
            sender.send((panic.operation, panic.payload.is::<&str>())).unwrap();
        });
        let (dispatcher, drops) = (handled.build().unwrap(), Drops::default());
        for _ in 0..10 {
            let guard = drops.guard();
            // Without the panic hook and its output.
            let panics = || -> u8 { resume_unwind(Box::new("the test's")) };
            let callback = move |_| {
                drop(guard);
                unreachable!("there is no value")
            };
            let job: Job<u8> = Job::blocking(panics, callback);
            let Err(JoinError::Panicked(payload)) = dispatcher.spawn(job).unwrap().join() else {
                panic!("the handle is told otherwise")
            };
            assert_eq!(payload.into_inner().downcast_ref(), Some(&"the test's"));
            assert_eq!(heard.recv_timeout(HANG).unwrap(), (Operation::Blocking, true));
        }
        let job = Job::blocking(|| 5, |value| value + 1);
        assert_eq!(dispatcher.spawn(job).unwrap().join().unwrap(), 6);
        let report = dispatcher.shutdown().unwrap();
        assert_eq!((report.jobs, report.panics, drops.count()), (11, 10, 10));
        assert!(heard.try_recv().is_err(), "and of nothing else");
    });
}

#[test]
fn what_is_refused_in_callbacks_is_refused_in_work() {
    watched(|| {
        let builder = support::builder().depth(2).backlog(0).parked_limit(3).workers(1);
        let dispatcher = Arc::new(builder.build().unwrap());
        let (inner, gate) = (Arc::clone(&dispatcher), Gate::default());
        let held = gate.clone();
        let handle = dispatcher.spawn(Job::nop(move || held.pass())).unwrap();
        let work = move || {
            let drained = inner.drain();
            let Err(JoinError::InCallback(handle)) = handle.join() else { return None };
            // With no room for callers that could wait for it.
            inner.submit_batch((0..3).map(|_| Job::nop(|| ()))).unwrap();
            let refused = inner.submit(Job::nop(|| ())).unwrap_err().kind();
            Some((drained, refused, handle))
        };
        let answers = dispatcher.spawn(Job::blocking(work, |answers| answers)).unwrap();
        gate.wait_for(1);
        // The one worker is held, so it is known not to be the callback that waits for this. With
        // its slot the work would find room.
        eventually("the work is refused", || dispatcher.stats().refused == 1);
        gate.open();
        let (drained, refused, handle) = answers.join_timeout(HANG).unwrap().unwrap();
        assert_eq!(drained, Err(DrainError::InCallback));
        assert_eq!(refused, Refusal::Full);
        handle.join_timeout(HANG).unwrap();
        eventually("what it submitted runs", || dispatcher.stats().finished == 5);
    });
}

#[test]
fn what_work_submits_does_not_wait_for_its_end() {
    watched(|| {
        let dispatcher = support::builder().depth(8).workers(1).build().unwrap();
        let (inner, (sender, receiver)) = (dispatcher.submitter(), mpsc::channel());
        let work = move || {
            for number in 0..4 {
                let sender = sender.clone();
                inner.submit(Job::nop(move || sender.send(number).unwrap())).unwrap();
            }
            (0..4).filter(|_| receiver.recv_timeout(HANG).is_ok()).count()
        };
        let came = dispatcher.spawn(Job::blocking(work, |came| came)).unwrap();
        assert_eq!(came.join_timeout(HANG).unwrap(), 4);
    });
}
