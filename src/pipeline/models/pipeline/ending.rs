//! Draining, shutting down and dropping: they wait for callbacks and for the jobs that these
//! submit, and all threads end, once.

use std::sync::Arc;

use super::{Done, Running, counting, submit};
use crate::admission::refusal::Refusal;
use crate::job::Job;
use crate::pipeline::Pipeline;
use crate::pipeline::models::explore;
use crate::sync::thread;

/// A job whose callback submits another.
fn chain(pipeline: &Arc<Pipeline>, done: &Arc<Done>) -> Job {
    let (pipeline, done) = (Arc::clone(pipeline), Arc::clone(done));
    Job::nop(move || {
        submit(&pipeline, Job::nop(counting(&done))).unwrap();
        done.add();
    })
}

/// A drain, then a shutdown.
#[test]
fn a_drain_is_for_callbacks_and_for_what_they_submit() {
    explore(2, || {
        let running = Running::without_kernel(1, 0, 1);
        let done = Done::new();
        running.submit(chain(&running.pipeline, &done)).unwrap();
        running.drain();
        assert_eq!(done.count(), 2, "callbacks have run");
        running.end();
    });
}

/// A shutdown, while jobs run and another thread submits one.
#[test]
fn a_shutdown_is_after_all_that_was_accepted() {
    explore(1, || {
        let running = Running::without_kernel(1, 1, 1);
        let done = Done::new();
        running.submit(chain(&running.pipeline, &done)).unwrap();
        let (others, count) = (Arc::clone(&running.pipeline), counting(&done));
        let caller = thread::spawn(move || submit(&others, Job::nop(count)));
        running.pipeline.close();
        running.drain();
        let expected = match caller.join().unwrap() {
            Ok(()) => 3,
            Err(Refusal::ShutDown) => 2,
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(done.count(), expected, "what was accepted has run, and nothing else");
        running.join();
    });
}

/// The last owner is dropped in a callback that goes on submitting: nobody waits but the threads.
#[test]
fn the_last_owner_is_dropped_in_a_callback() {
    explore(2, || {
        let running = Running::without_kernel(1, 0, 1);
        let done = Done::new();
        let (pipeline, inner) = (Arc::clone(&running.pipeline), Arc::clone(&done));
        let owner = Job::nop(move || {
            pipeline.close();
            submit(&pipeline, Job::nop(counting(&inner))).unwrap();
            inner.add();
        });
        running.submit(owner).unwrap();
        let refused = running.submit(chain(&running.pipeline, &done));
        running.join();
        assert_eq!(done.count(), if refused.is_err() { 2 } else { 4 });
    });
}
