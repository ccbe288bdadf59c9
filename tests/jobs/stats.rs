//! The counters add up in every snapshot, and count what they say.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use reapool::{Job, PollEvents, Refusal, Stats, Submitter};

use crate::support::{
    self, Gate, HANG, bad_file, eventfd, eventually, known_file, make_readable, null, null_read,
    open_buffered, scratch, watched,
};

const DEPTH: usize = 4;
const WORKERS: usize = 2;

/// The invariants that are documented on `Stats`.
fn check(stats: &Stats, depth: usize) {
    assert_eq!(stats.accepted, stats.finished + stats.outstanding, "{stats:?}");
    let occupied = stats.outstanding.checked_sub(stats.parked as u64).expect("parked ones are out");
    assert!(occupied <= depth as u64, "{stats:?}");
    assert!((stats.in_flight + stats.blocking) as u64 <= occupied, "{stats:?}");
    assert!(stats.failed <= stats.finished, "{stats:?}");
    assert!(stats.short <= stats.finished, "{stats:?}");
    // Counted a moment before its job is finished, on each worker one.
    assert!(stats.panics <= stats.finished + WORKERS as u64, "{stats:?}");
}

/// What only grows.
fn totals(stats: &Stats) -> [u64; 17] {
    [
        stats.accepted,
        stats.refused,
        stats.finished,
        stats.failed,
        stats.short,
        stats.panics,
        stats.completed,
        stats.submit_calls,
        stats.reap_calls,
        stats.largest_harvest as u64,
        stats.worker_wakeups,
        stats.reap_errors,
        stats.buffered,
        stats.cached,
        stats.blocking_transfers,
        stats.nops,
        stats.blocking_calls,
    ]
}

/// Submits jobs of many kinds, some from callbacks, some more than there is room for.
fn submit_all_sorts(submitter: &Submitter) {
    let (null, bad) = (null(), bad_file());
    for number in 0..2000 {
        let inner = submitter.clone();
        let job = match number % 5 {
            0 => null_read(&bad, || ()),
            1 => Job::read(&null, vec![0; 16], 0, move |done| {
                let next = null_read(&done.file, || ());
                inner.submit(next).unwrap();
            }),
            // Without the panic hook and its output.
            2 => null_read(&null, || std::panic::resume_unwind(Box::new("the test's"))),
            3 => Job::write(&null, vec![0; 16], 0, |_| ()),
            _ => null_read(&null, || ()),
        };
        if let Err(error) = submitter.try_submit(job) {
            assert_eq!(error.kind(), Refusal::Full);
            submitter.submit(error.into_inner()).unwrap();
        }
    }
}

#[test]
fn every_snapshot_adds_up_while_others_submit() {
    watched(|| {
        let dispatcher = support::builder().depth(DEPTH).workers(WORKERS).build().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (watcher, stopped) = (dispatcher.submitter(), Arc::clone(&stop));
        let watch = thread::spawn(move || {
            let mut last = totals(&Stats::default());
            while !stopped.load(Ordering::SeqCst) {
                let stats = watcher.stats();
                check(&stats, DEPTH);
                let now = totals(&stats);
                assert!(last.iter().zip(&now).all(|(last, now)| last <= now), "{last:?}, {now:?}");
                last = now;
            }
        });
        let submitters: Vec<_> = (0..2)
            .map(|_| {
                let submitter = dispatcher.submitter();
                thread::spawn(move || submit_all_sorts(&submitter))
            })
            .collect();
        submitters.into_iter().for_each(|thread| thread.join().unwrap());
        dispatcher.drain_timeout(HANG).unwrap();
        stop.store(true, Ordering::SeqCst);
        watch.join().unwrap();

        let stats = dispatcher.stats();
        check(&stats, DEPTH);
        assert_eq!((stats.finished, stats.failed, stats.panics), (4800, 800, 800));
        // All that read from the null device, and neither those that failed nor the writes.
        assert_eq!(stats.short, 4800 - 800 - 800);
        let refused = if support::on_threads() { 0 } else { stats.failed };
        assert_eq!(stats.submitted + refused, stats.finished, "these failed at submission");
        assert_eq!(stats.completed, stats.submitted);
        assert_eq!((stats.outstanding, stats.parked, stats.in_flight), (0, 0, 0));
        assert_eq!((stats.stray_events, stats.reap_errors), (0, 0));
    });
}

#[test]
fn a_held_state_has_exact_numbers() {
    watched(|| {
        let builder = support::builder().depth(2).backlog(3).workers(1);
        let dispatcher = builder.build().unwrap();
        assert_eq!(dispatcher.stats().outstanding, 0);
        let (eventfd, first, second) = (eventfd(), Gate::default(), Gate::default());
        dispatcher.submit(Job::poll(&eventfd, PollEvents::READABLE, |_| ())).unwrap();
        let (inner, gates) = (dispatcher.submitter(), [first.clone(), second.clone()]);
        let occupant = null_read(&null(), move || {
            gates[0].pass();
            for _ in 0..5 {
                inner.submit(null_read(&null(), || ())).unwrap();
            }
            gates[1].pass();
        });
        dispatcher.submit(occupant).unwrap();
        first.wait_for(1);
        let stats = dispatcher.stats();
        assert_eq!((stats.outstanding, stats.parked, stats.in_flight), (2, 0, 1));
        assert_eq!((stats.submitted, stats.completed), (2, 1), "one is in its callback");
        let batch = dispatcher.try_submit_batch((0..9).map(|_| null_read(&null(), || ())));
        assert_eq!(batch.unwrap_err().accepted(), 3);
        let one = dispatcher.try_submit(null_read(&null(), || ())).unwrap_err();
        assert_eq!(one.kind(), Refusal::Full);
        first.open();
        second.wait_for(1);

        let stats = dispatcher.stats();
        check(&stats, 2);
        assert_eq!((stats.accepted, stats.refused, stats.finished), (2 + 5 + 3, 6 + 1, 0));
        assert_eq!((stats.outstanding, stats.parked, stats.in_flight), (10, 8, 1));
        second.open();
        eventually("the poll is left", || dispatcher.stats().outstanding == 1);
        let stats = dispatcher.stats();
        assert_eq!((stats.finished, stats.parked, stats.in_flight), (9, 0, 1));
        make_readable(&eventfd);
        assert_eq!(dispatcher.shutdown().unwrap().stats.finished, 10);
    });
}

#[test]
fn failed_short_and_buffered_jobs_are_counted() {
    watched(|| {
        let directory = scratch();
        let file = open_buffered(&known_file(directory.path(), "known", 100));
        let dispatcher = support::builder().depth(8).workers(1).build().unwrap();
        let read = |offset, len| Job::read(&file, vec![0; len], offset, |_| ());
        // Whole; short at the end of the file; nothing; and whole, being asked for nothing.
        for job in [read(0, 100), read(50, 100), read(200, 10), read(0, 0)] {
            dispatcher.submit(job).unwrap();
        }
        dispatcher.submit(Job::write(&file, vec![0; 10], 0, |_| ())).unwrap();
        dispatcher.submit(Job::sync_data(&file, |_| ())).unwrap();
        dispatcher.submit(Job::read(bad_file(), vec![0; 10], 0, |_| ())).unwrap();
        let stats = dispatcher.shutdown().unwrap().stats;
        assert_eq!((stats.finished, stats.failed, stats.short), (7, 1, 2));
        assert_eq!(stats.buffered, 5, "transfers through the page cache");
        if support::on_threads() {
            assert_eq!((stats.cached, stats.blocking_transfers, stats.submitted), (4, 3, 2));
        } else {
            assert_eq!((stats.cached, stats.blocking_transfers), (4, 1));
            assert_eq!(stats.submitted, 1, "the sync");
            assert_eq!(stats.finished - stats.submitted - stats.buffered, 1, "refused");
        }
    });
}

#[test]
fn panics_are_ahead_of_the_finished_jobs_by_those_that_are_ending() {
    watched(|| {
        let dispatcher = support::builder().depth(64).workers(WORKERS).build().unwrap();
        let (submitter, file) = (dispatcher.submitter(), null());
        let submitting = thread::spawn(move || {
            for _ in 0..500 {
                // Without the panic hook and its output.
                let panics = || std::panic::resume_unwind(Box::new("the test's"));
                submitter.submit_batch((0..100).map(|_| null_read(&file, panics))).unwrap();
            }
        });
        while !submitting.is_finished() {
            check(&dispatcher.stats(), 64);
        }
        submitting.join().unwrap();
        assert_eq!(dispatcher.shutdown().unwrap().panics, 50_000);
    });
}

#[test]
fn harvests_and_wakeups_are_counted() {
    watched(|| {
        let dispatcher = support::builder().depth(16).workers(1).build().unwrap();
        let eventfds: Vec<_> = (0..10).map(|_| eventfd()).collect();
        let job = |eventfd| Job::poll(eventfd, PollEvents::READABLE, |_| ());
        dispatcher.submit_batch(eventfds.iter().map(job)).unwrap();
        let stats = dispatcher.stats();
        assert_eq!((stats.submit_calls, stats.in_flight, stats.largest_harvest), (1, 10, 0));
        for (number, eventfd) in eventfds.iter().enumerate() {
            make_readable(eventfd);
            let finished = number as u64 + 1;
            eventually("the job ends", || dispatcher.stats().finished == finished);
        }
        let stats = dispatcher.stats();
        assert_eq!((stats.completed, stats.largest_harvest), (10, 1), "each was reaped alone");
        // Once more for each time that it looked after a worker that was just going to sleep.
        eventually("the reaper waits again", || dispatcher.stats().reap_calls >= 11);

        // Whether the worker had slept before, and what the reaper finds, is a matter of chance.
        eventually("the worker is woken", || {
            dispatcher.spawn(null_read(&null(), || ())).unwrap().join_timeout(HANG).unwrap();
            dispatcher.stats().worker_wakeups > stats.worker_wakeups
        });
        eventually("several are reaped at once", || {
            dispatcher.submit_batch((0..16).map(|_| null_read(&null(), || ()))).unwrap();
            dispatcher.drain_timeout(HANG).unwrap();
            dispatcher.stats().largest_harvest > 1
        });
        assert!(dispatcher.stats().largest_harvest <= 16, "no more than the depth");
    });
}
