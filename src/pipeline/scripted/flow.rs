//! Which thread submits jobs, when, and which of them together.

use super::{HANG, Rig, all_well};
use crate::admission::refusal::Refusal;
use crate::engine::fake::{Fake, SubmittedBy, full};
use crate::job::Job;

#[test]
fn what_callbacks_submit_enters_the_kernel_together() {
    let rig = Rig::new(Fake::default(), 64, 64, 1);
    rig.run_together(8, |submitter, next| submitter.submit(next).unwrap());
    // One for the job that held the worker, eight single submissions, and one for the jobs that
    // eight callbacks submitted.
    rig.fake.held(8);
    let calls = rig.fake.calls();
    assert_eq!(calls.len(), 10);
    assert_eq!(calls[9].offsets, (100..108).collect::<Vec<_>>());
    assert_eq!(calls[9].by, SubmittedBy::Worker);
    rig.fake.complete_all();
    assert_eq!(rig.seen(8), all_well(100..108));
    rig.end(17);
}

#[test]
fn chains_let_nobody_in_before_they_end() {
    let rig = Rig::new(Fake::default(), 2, 1, 1);
    for name in 0..3 {
        let (submitter, next) = (rig.dispatcher.submitter(), rig.job(100 + name));
        let job =
            Job::read(&rig.file, vec![0; 100], name, move |_| submitter.submit(next).unwrap());
        rig.dispatcher.submit(job).unwrap();
    }
    // Links of chains end, and each has another after it, so there is room for nobody.
    for _ in 0..3 {
        let first = rig.fake.held(2)[0];
        let calls = rig.fake.calls().len();
        rig.fake.complete([(first, full(&first))]);
        rig.fake.called(calls + 1);
        assert_eq!(rig.dispatcher.stats().outstanding, 3);
        let error = rig.dispatcher.try_submit(rig.job(200)).unwrap_err();
        assert_eq!(error.kind(), Refusal::Full);
    }
    rig.fake.held(2);
    rig.fake.complete_all();
    rig.fake.held(1);
    rig.fake.complete_all();
    assert_eq!(rig.seen(3), all_well(100..103));
    rig.dispatcher.drain_timeout(HANG).unwrap();
    rig.dispatcher.submit_batch(rig.jobs(200..203)).unwrap();
    assert_eq!(rig.dispatcher.try_submit(rig.job(203)).unwrap_err().kind(), Refusal::Full);
    rig.fake.held(2);
    rig.fake.complete_all();
    rig.fake.held(1);
    rig.fake.complete_all();
    assert_eq!(rig.seen(3), all_well(200..203));
    rig.end(9);
}

#[test]
fn a_run_ends_before_the_device_runs_dry() {
    let rig = Rig::new(Fake::default(), 64, 64, 1);
    rig.run_together(63, |submitter, next| submitter.submit(next).unwrap());
    rig.fake.held(63);
    let lengths: Vec<usize> =
        rig.fake.calls()[64..].iter().map(|call| call.offsets.len()).collect();
    // The job that held the worker was the first of the first run.
    assert_eq!(lengths, [15, 16, 16, 16], "a quarter of the depth at a time");
    rig.fake.complete_all();
    assert_eq!(rig.seen(63), all_well(100..163));
    rig.end(127);
}

#[test]
fn the_backlog_is_submitted_by_workers_in_order() {
    let rig = Rig::new(Fake::default(), 4, 8, 1);
    rig.dispatcher.submit_batch(rig.jobs(0..12)).unwrap();
    assert_eq!(rig.fake.calls().len(), 1, "the caller submits what finds a slot");
    for round in 0..3 {
        let held = rig.fake.held(4);
        let names: Vec<u64> = held.iter().map(|request| request.transfer.offset).collect();
        assert_eq!(names, (4 * round..4 * round + 4).collect::<Vec<_>>());
        rig.fake.complete_all();
        assert_eq!(rig.seen(4), all_well(4 * round..4 * round + 4));
    }
    assert!(rig.fake.calls()[1..].iter().all(|call| call.by == SubmittedBy::Worker));
    rig.end(12);
}
