//! Everything that the kernel may report, at any time.

use std::thread;
use std::time::Duration;

use super::{HANG, Rig, all_well};
use crate::dispatcher::error::ShutdownError;
use crate::engine::fake::{Fake, full};
use crate::engine::lent::FILL;
use crate::job::Job;
use crate::{DrainError, PollEvents};

#[test]
fn completions_out_of_order_late_and_all_at_once() {
    let rig = Rig::new(Fake::default(), 64, 64, 3);
    rig.dispatcher.submit_batch(rig.jobs(0..64)).unwrap();
    let mut held = rig.fake.held(64);
    assert_eq!(rig.dispatcher.drain_timeout(Duration::ZERO), Err(DrainError::TimedOut));
    let late = held.remove(0);
    held.reverse();
    rig.fake.complete(held.iter().map(|request| (*request, full(request))));
    assert_eq!(rig.seen(63), all_well(1..64));
    rig.dispatcher.submit_batch(rig.jobs(64..70)).unwrap();
    let early = rig.fake.held(7);
    rig.fake.complete(early[1..].iter().map(|request| (*request, full(request))));
    assert_eq!(rig.seen(6), all_well(64..70));
    rig.fake.complete([(late, 100)]);
    assert_eq!(rig.seen(1), all_well(0..1));
    rig.end(70);
}

#[test]
fn errors_and_short_counts_at_completion() {
    let rig = Rig::new(Fake::default(), 4, 4, 2);
    rig.dispatcher.submit_batch(rig.jobs(0..4)).unwrap();
    let held = rig.fake.held(4);
    let results = [-i64::from(libc::EIO), 0, 1, -i64::from(libc::EINTR)];
    rig.fake.complete(held.into_iter().zip(results));
    let expected = [(0, Err(libc::EIO)), (1, Ok(0)), (2, Ok(1)), (3, Err(libc::EINTR))];
    assert_eq!(rig.seen(4), expected);
    rig.dispatcher.drain_timeout(HANG).unwrap();
    let stats = rig.dispatcher.stats();
    assert_eq!((stats.failed, stats.short), (2, 2));
    rig.end(4);
}

#[test]
fn a_short_read_shows_no_byte_that_was_not_read() {
    let rig = Rig::new(Fake::default(), 4, 4, 1);
    let job = Job::read(&rig.file, Vec::with_capacity(64), 0, |done| done.buffer);
    let handle = rig.dispatcher.spawn(job).unwrap();
    let request = rig.fake.held(1)[0];
    rig.fake.complete([(request, 10)]);
    assert_eq!(handle.join().unwrap(), [FILL; 10]);

    let boxed: Box<[u8]> = [7; 20].into();
    let handle = rig.dispatcher.spawn(Job::read(&rig.file, boxed, 0, |done| done.buffer)).unwrap();
    let request = rig.fake.held(1)[0];
    rig.fake.complete([(request, 5)]);
    let buffer = handle.join().unwrap();
    assert_eq!((&buffer[..5], &buffer[5..]), (&[FILL; 5][..], &[7; 15][..]));
    rig.end(2);
}

#[test]
fn a_kernel_that_reports_too_much_is_not_believed() {
    let rig = Rig::new(Fake::default(), 4, 4, 1);
    let job = Job::read(&rig.file, Vec::with_capacity(64), 0, |done| done.buffer);
    let handle = rig.dispatcher.spawn(job).unwrap();
    let request = rig.fake.held(1)[0];
    rig.fake.complete([(request, 65)]);
    assert!(matches!(handle.join(), Err(crate::JoinError::Panicked(_))));
    rig.end(1);
}

#[test]
fn doubled_and_invented_events_are_counted_and_ignored() {
    let rig = Rig::new(Fake::default(), 2, 2, 1);
    rig.dispatcher.submit(rig.job(0)).unwrap();
    let old = rig.fake.held(1)[0];
    rig.fake.invent(12345);
    rig.fake.complete([(old, 100), (old, 100)]);
    assert_eq!(rig.seen(1), all_well(0..1));
    rig.dispatcher.drain_timeout(HANG).unwrap();
    // The same slot is in use again; the old token doesn't end the new job.
    rig.dispatcher.submit(rig.job(1)).unwrap();
    let new = rig.fake.held(1)[0];
    rig.fake.complete([(old, 100)]);
    rig.fake.complete([(new, 50)]);
    assert_eq!(rig.seen(1), [(1, Ok(50))]);
    rig.dispatcher.drain_timeout(HANG).unwrap();
    assert_eq!(rig.dispatcher.stats().stray_events, 3);
    rig.end(2);
}

#[test]
fn a_failing_wait_loses_nothing() {
    let rig = Rig::new(Fake::default(), 4, 4, 1);
    rig.dispatcher.submit_batch(rig.jobs(0..2)).unwrap();
    rig.fake.held(2);
    rig.fake.fail_waits([libc::EINTR, libc::EINVAL, libc::EINTR]);
    rig.fake.waits_failed();
    rig.fake.complete_all();
    assert_eq!(rig.seen(2), all_well(0..2));
    assert_eq!(rig.dispatcher.stats().reap_errors, 1);
    rig.end(2);
}

#[test]
fn a_stuck_device_leaks_rather_than_frees() {
    let rig = Rig::new(Fake::default(), 2, 2, 1);
    rig.dispatcher.submit_batch(rig.jobs(0..3)).unwrap();
    rig.fake.held(2);
    let submitter = rig.dispatcher.submitter();
    match rig.dispatcher.shutdown_timeout(Duration::from_millis(1)) {
        Err(ShutdownError::TimedOut(stats)) => {
            assert_eq!((stats.outstanding, stats.in_flight, stats.parked), (3, 2, 1));
        }
        other => panic!("shut down, although the device is stuck: {other:?}"),
    }
    // The engine still writes into buffers that nobody freed, and the callbacks run.
    for count in [2, 1] {
        rig.fake.held(count);
        rig.fake.complete_all();
    }
    for _ in 0..3 {
        assert_eq!(rig.seen.recv_timeout(HANG).unwrap().1, Ok(100));
    }
    // After the last callback the threads end, and the context with them.
    while !rig.fake.is_closed() {
        thread::yield_now();
    }
    assert_eq!(submitter.stats().outstanding, 0);
}

#[test]
fn a_poll_never_fired_delays_nothing_but_the_end() {
    let rig = Rig::new(Fake::default(), 4, 32, 2);
    let poll = rig.dispatcher.spawn(Job::poll(&rig.file, PollEvents::READABLE, |done| done.result));
    let eternal = rig.fake.held(1)[0];
    rig.dispatcher.submit_batch(rig.jobs(0..20)).unwrap_or_else(|error| panic!("{error}"));
    for _ in 0..20 {
        let others = rig.fake.held(2)[1..].to_vec();
        rig.fake.complete([(others[0], 100)]);
    }
    assert_eq!(rig.seen(20), all_well(0..20));
    rig.fake.complete([(eternal, 1)]);
    assert_eq!(poll.unwrap().join().unwrap().unwrap(), 1);
    rig.end(21);
}
