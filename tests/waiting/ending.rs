//! Draining, shutting down and dropping wait until every accepted job's callback has run.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use reapool::{
    Dispatcher, DrainError, FileHandle, Job, PollEvents, Refusal, ShutdownError, Submitter,
};

use crate::support::{
    self, Drops, Gate, HANG, bad_file, eventfd, eventually, make_readable, null, null_read, proc,
    watched,
};

/// Short, for waits that have to end without what they wait for.
const BRIEFLY: Duration = Duration::from_millis(20);

/// A job whose callback dawdles, submits the next one until none are left, and only then counts.
fn chain(submitter: Submitter, file: FileHandle, left: usize, ran: Arc<AtomicUsize>) -> Job {
    null_read(&file.clone(), move || {
        for _ in 0..10 {
            thread::yield_now();
        }
        if left > 0 {
            let next = chain(submitter.clone(), file, left - 1, Arc::clone(&ran));
            submitter.submit(next).unwrap();
        }
        ran.fetch_add(1, Ordering::SeqCst);
    })
}

#[test]
fn every_wait_is_for_callbacks_and_for_what_they_submit() {
    /// Waits, and returns the dispatcher if it is still there: its drop would wait too.
    type Wait = fn(Dispatcher) -> Option<Dispatcher>;
    let waits: [Wait; 5] = [
        |dispatcher| dispatcher.drain().map(|()| dispatcher).ok(),
        |dispatcher| dispatcher.drain_timeout(HANG).map(|()| dispatcher).ok(),
        |dispatcher| {
            assert_eq!(dispatcher.shutdown().unwrap().jobs, 404);
            None
        },
        |dispatcher| {
            assert_eq!(dispatcher.shutdown_timeout(HANG).unwrap().jobs, 404);
            None
        },
        |dispatcher| {
            drop(dispatcher);
            None
        },
    ];
    watched(move || {
        for (number, wait) in waits.into_iter().enumerate().cycle().take(50) {
            let dispatcher = support::builder().depth(2).workers(2).build().unwrap();
            let (submitter, ran) = (dispatcher.submitter(), Arc::new(AtomicUsize::new(0)));
            for _ in 0..4 {
                let job = chain(dispatcher.submitter(), null(), 100, Arc::clone(&ran));
                dispatcher.submit(job).unwrap();
            }
            let still_there = wait(dispatcher);
            assert_eq!(ran.load(Ordering::SeqCst), 404, "wait {number}");
            assert_eq!(submitter.stats().outstanding, 0);
            drop(still_there);
        }
    });
}

#[test]
fn completed_operations_are_not_enough_and_time_outs_leave_all_as_it_was() {
    watched(|| {
        let dispatcher = support::builder().depth(4).workers(1).build().unwrap();
        let gate = Gate::default();
        let held = gate.clone();
        dispatcher.submit(null_read(&null(), move || held.pass())).unwrap();
        gate.wait_for(1);
        assert_eq!(dispatcher.stats().in_flight, 0, "the kernel is done");
        assert_eq!(dispatcher.drain_timeout(BRIEFLY), Err(DrainError::TimedOut));
        assert_eq!(dispatcher.drain_timeout(Duration::ZERO), Err(DrainError::TimedOut));
        gate.open();
        assert_eq!(dispatcher.drain_timeout(HANG), Ok(()));
        // Still open for more.
        dispatcher.submit(null_read(&null(), || ())).unwrap();
        assert_eq!(dispatcher.drain_timeout(Duration::MAX), Ok(()));
        assert_eq!(dispatcher.drain_timeout(Duration::ZERO), Ok(()), "nothing to wait for");
        assert_eq!(dispatcher.shutdown().unwrap().jobs, 2);
    });
}

#[test]
fn several_threads_can_drain_at_once() {
    watched(|| {
        let dispatcher = Arc::new(support::builder().depth(4).workers(1).build().unwrap());
        for _ in 0..20 {
            let gate = Gate::default();
            let held = gate.clone();
            dispatcher.submit(null_read(&null(), move || held.pass())).unwrap();
            let (sender, drained) = mpsc::channel();
            for _ in 0..3 {
                let (dispatcher, sender) = (Arc::clone(&dispatcher), sender.clone());
                thread::spawn(move || sender.send(dispatcher.drain()).unwrap());
            }
            gate.wait_for(1);
            assert!(drained.try_recv().is_err(), "the callback has not returned");
            gate.open();
            for _ in 0..3 {
                assert_eq!(drained.recv_timeout(HANG).unwrap(), Ok(()));
            }
        }
    });
}

#[test]
fn a_shutdown_reports() {
    watched(|| {
        let dispatcher = support::builder().depth(4).workers(2).build().unwrap();
        for _ in 0..10 {
            dispatcher.submit(null_read(&null(), || ())).unwrap();
        }
        for _ in 0..3 {
            dispatcher.submit(null_read(&bad_file(), || ())).unwrap();
        }
        for _ in 0..2 {
            dispatcher.submit(null_read(&null(), || panic!("as the test wants it"))).unwrap();
        }
        let report = dispatcher.shutdown().unwrap();
        assert_eq!((report.jobs, report.failed, report.panics), (15, 3, 2));
        assert_eq!((report.stats.accepted, report.stats.finished), (15, 15));
    });
}

/// The ways to submit that wait for room; each gives back its job's buffer if refused.
fn submit(submitter: &Submitter, way: usize) -> (Refusal, Vec<u8>) {
    let job = Job::write(null(), vec![way as u8; 9], 0, |_| ());
    let (kind, job) = match way {
        0 => submitter.submit(job).map_err(|error| (error.kind(), error.into_inner())).unwrap_err(),
        1 => {
            let refused = submitter.submit_timeout(job, HANG);
            refused.map_err(|error| (error.kind(), error.into_inner())).unwrap_err()
        }
        2 => {
            let refused = submitter.submit_batch([job]).unwrap_err();
            assert_eq!(refused.accepted(), 0);
            (refused.kind(), refused.into_inner().remove(0))
        }
        3 => submitter.spawn(job).map_err(|error| (error.kind(), error.into_inner())).unwrap_err(),
        _ => unreachable!("there are 4 ways"),
    };
    (kind, job.into_buffer().unwrap())
}

#[test]
fn a_shutdown_refuses_callers_also_those_that_wait_for_room_but_not_callbacks() {
    watched(|| {
        let dispatcher = support::builder().depth(1).backlog(1).workers(1).build().unwrap();
        let (gate, submitter) = (Gate::default(), dispatcher.submitter());
        let (held, inner) = (gate.clone(), dispatcher.submitter());
        let occupant = null_read(&null(), move || {
            held.pass();
            inner.submit(null_read(&null(), || ())).unwrap();
        });
        dispatcher.submit(occupant).unwrap();
        gate.wait_for(1);
        dispatcher.submit(null_read(&null(), || ())).unwrap();

        let (sender, refused) = mpsc::channel();
        let (announce, announced) = mpsc::channel();
        for way in 0..4 {
            let (submitter, sender) = (submitter.clone(), sender.clone());
            let announce = announce.clone();
            thread::spawn(move || {
                announce.send(proc::this_thread()).unwrap();
                sender.send((way, submit(&submitter, way))).unwrap();
            });
        }
        for thread in announced.iter().take(4) {
            eventually("the caller waits", || proc::is_asleep(&thread));
        }
        assert!(refused.try_recv().is_err(), "they are to wait for room");
        let shutdown = thread::spawn(move || dispatcher.shutdown().unwrap());
        for _ in 0..4 {
            let (way, answer) = refused.recv_timeout(HANG).unwrap();
            assert_eq!(answer, (Refusal::ShutDown, vec![way as u8; 9]));
        }
        assert_eq!(submit(&submitter, 0).0, Refusal::ShutDown);
        gate.open();
        let report = shutdown.join().unwrap();
        assert_eq!((report.jobs, report.panics), (1 + 1 + 1, 0));
        for way in 0..4 {
            assert_eq!(submit(&submitter, way), (Refusal::ShutDown, vec![way as u8; 9]));
        }
        assert_eq!(submitter.stats().refused, 9);
    });
}

#[test]
fn a_shutdown_that_times_out_frees_nothing_and_the_threads_see_to_the_rest() {
    watched(|| {
        let dispatcher = support::builder().depth(1).workers(1).build().unwrap();
        let (submitter, eventfd, drops) = (dispatcher.submitter(), eventfd(), Drops::default());
        let (sender, ran) = mpsc::channel();
        let (guard, finished) = (drops.guard(), sender.clone());
        let stuck = Job::poll(&eventfd, PollEvents::READABLE, move |done| {
            let _guard = guard;
            finished.send(done.result.unwrap()).unwrap();
        });
        dispatcher.submit(stuck).unwrap();
        let buffer = drops.buffer(vec![7; 64]);
        let waiting = Job::read(null(), buffer, 0, move |done| {
            sender.send(done.buffer.inner.capacity()).unwrap();
        });
        dispatcher.submit(waiting).unwrap();

        let error = dispatcher.shutdown_timeout(BRIEFLY).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("2 jobs") && text.contains("1 in the kernel"), "{text}");
        let ShutdownError::TimedOut(stats) = error else { panic!("{error:?}") };
        assert_eq!((stats.outstanding, stats.in_flight, stats.parked), (2, 1, 1));
        assert_eq!(drops.count(), 0, "the kernel may still write");
        assert_eq!(submit(&submitter, 0).0, Refusal::ShutDown);

        make_readable(&eventfd);
        let events = PollEvents::from_result(ran.recv_timeout(HANG).unwrap());
        assert!(events.contains(PollEvents::READABLE));
        assert_eq!(ran.recv_timeout(HANG).unwrap(), 64);
        eventually("both jobs end", || submitter.stats().outstanding == 0);
        assert_eq!(drops.count(), 2);
    });
}
