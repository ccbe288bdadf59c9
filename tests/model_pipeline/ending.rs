//! Draining, shutting down and dropping: they wait for callbacks and for what these submit, and the
//! threads end once, and all of them.

use std::sync::Arc;

use loom::thread;

use crate::deadline::Deadline;
use crate::error::SubmitErrorKind;
use crate::job::Job;
use crate::model::explore;
use crate::parking::{Done, counting};
use crate::pipeline::{Mistake, Pipeline};

/// A job whose callback submits another.
fn chain(done: &Arc<Done>) -> Job {
    let done = Arc::clone(done);
    Job::nop(move |pipeline| {
        pipeline.park(Job::nop(counting(&done)));
        done.add();
    })
}

/// `Dispatcher::drain`, then `Dispatcher::shutdown`.
fn all_have_run_after_a_drain(mistake: Mistake) {
    explore(2, move || {
        let (pipeline, threads) = Pipeline::start(1, 0, 1, mistake);
        let done = Done::new();
        pipeline.submit(chain(&done)).unwrap();
        assert!(pipeline.admission.wait_until_quiet(Deadline::NEVER));
        assert_eq!(done.count(), 2, "callbacks have run");
        pipeline.close();
        pipeline.reap();
        threads.join();
        assert!(pipeline.is_over());
    });
}

#[test]
fn a_drain_is_for_callbacks_and_for_what_they_submit() {
    all_have_run_after_a_drain(Mistake::None);
}

#[test]
#[should_panic(expected = "callbacks have run")]
fn the_model_finds_a_job_that_is_over_before_its_callback() {
    all_have_run_after_a_drain(Mistake::FinishesFirst);
}

#[test]
#[should_panic(expected = "deadlock")]
fn the_model_finds_that_nobody_ends_the_threads() {
    all_have_run_after_a_drain(Mistake::LeavesTheEnd);
}

#[test]
#[should_panic(expected = "deadlock")]
fn the_model_finds_workers_that_nobody_dismisses() {
    all_have_run_after_a_drain(Mistake::DismissesNobody);
}

/// `Dispatcher::shutdown`, while jobs run and another thread submits one.
fn a_shutdown_meets_a_caller(mistake: Mistake) {
    explore(1, move || {
        let (pipeline, threads) = Pipeline::start(1, 1, 1, mistake);
        let done = Done::new();
        pipeline.submit(chain(&done)).unwrap();
        let (others, count) = (Arc::clone(&pipeline), counting(&done));
        let caller = thread::spawn(move || others.submit(Job::nop(count)));
        let reaping = Arc::clone(&pipeline);
        let reaper = thread::spawn(move || reaping.reap());
        pipeline.close();
        assert!(pipeline.admission.wait_until_quiet(Deadline::NEVER));
        assert!(pipeline.is_over());
        let expected = match caller.join().unwrap() {
            Ok(()) => 3,
            Err(SubmitErrorKind::ShutDown) => 2,
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(done.count(), expected, "what was accepted has run, and nothing else");
        reaper.join().unwrap();
        threads.join();
    });
}

#[test]
fn a_shutdown_is_after_all_that_was_accepted() {
    a_shutdown_meets_a_caller(Mistake::None);
}

#[test]
#[should_panic(expected = "a job is outstanding")]
fn the_model_finds_threads_that_end_too_early() {
    a_shutdown_meets_a_caller(Mistake::EndsAtOnce);
}

/// `Drop` of `Dispatcher` in a callback, which goes on submitting: nobody waits but the threads.
#[test]
fn the_last_owner_is_dropped_in_a_callback() {
    explore(2, || {
        let (pipeline, threads) = Pipeline::start(1, 0, 1, Mistake::None);
        let done = Done::new();
        let inner = Arc::clone(&done);
        let owner = Job::nop(move |pipeline| {
            pipeline.close();
            pipeline.park(Job::nop(counting(&inner)));
            inner.add();
        });
        pipeline.submit(owner).unwrap();
        let refused = pipeline.submit(chain(&done));
        pipeline.reap();
        threads.join();
        assert!(pipeline.is_over());
        assert_eq!(done.count(), if refused.is_err() { 2 } else { 4 });
    });
}
