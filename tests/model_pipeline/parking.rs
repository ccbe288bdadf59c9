//! Who fills a free slot: whoever holds the lock while a job waits beside one either moves it, or knows
//! who will.

use std::sync::Arc;

use crate::deadline::Deadline;
use crate::job::Job;
use crate::model::explore;
use crate::model::sync::{Condvar, Mutex};
use crate::pipeline::{Mistake, Pipeline};

/// What callbacks have done.
#[derive(Default)]
pub(crate) struct Done {
    count: Mutex<usize>,
    more: Condvar,
}

impl Done {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn add(&self) {
        *self.count.lock().unwrap() += 1;
        self.more.notify_all();
    }

    pub(crate) fn count(&self) -> usize {
        *self.count.lock().unwrap()
    }

    /// Waits until it is so many.
    fn wait_for(&self, count: usize) {
        let mut done = self.count.lock().unwrap();
        while *done < count {
            done = self.more.wait(done).unwrap();
        }
    }
}

pub(crate) fn counting(done: &Arc<Done>) -> impl FnOnce(&Arc<Pipeline>) + Send + 'static {
    let done = Arc::clone(done);
    move |_| done.add()
}

/// Ends the threads of a model that has come to its end.
fn end(pipeline: &Pipeline, threads: crate::pipeline::Threads) {
    pipeline.close();
    pipeline.reap();
    threads.join();
}

/// Jobs are submitted from outside, one after the other, for one slot.
fn jobs_wait_for_a_slot(mistake: Mistake) {
    explore(2, move || {
        let (pipeline, threads) = Pipeline::start(1, 1, 1, mistake);
        let done = Done::new();
        (0..2).for_each(|_| pipeline.submit(Job::nop(counting(&done))).unwrap());
        assert!(pipeline.admission.wait_until_quiet(Deadline::NEVER));
        assert_eq!(done.count(), 2);
        end(&pipeline, threads);
    });
}

#[test]
fn a_job_that_waits_gets_the_slot_of_one_that_ends() {
    jobs_wait_for_a_slot(Mistake::None);
}

/// A job is submitted from outside that only workers may put into its slot, as that is free.
fn a_job_is_left_to_workers(mistake: Mistake) {
    explore(3, move || {
        let (pipeline, threads) = Pipeline::start(2, 0, 1, mistake);
        let done = Done::new();
        pipeline.submit(Job::cached(counting(&done))).unwrap();
        assert!(pipeline.admission.wait_until_quiet(Deadline::NEVER));
        end(&pipeline, threads);
    });
}

#[test]
fn a_worker_comes_for_what_is_left_to_it() {
    a_job_is_left_to_workers(Mistake::None);
}

#[test]
#[should_panic(expected = "deadlock")]
fn the_model_finds_that_nobody_is_summoned() {
    a_job_is_left_to_workers(Mistake::SummonsNobody);
}

#[test]
#[should_panic(expected = "deadlock")]
fn the_model_finds_a_job_between_the_books_and_the_bed() {
    a_job_is_left_to_workers(Mistake::TurnsInLater);
}

/// A callback submits, and goes on until what it submitted has run, which another worker has to do.
fn a_callback_takes_its_time(job: fn(Arc<Done>) -> Job, mistake: Mistake) {
    explore(1, move || {
        let (pipeline, threads) = Pipeline::start(2, 0, 2, mistake);
        let done = Done::new();
        let slow = Arc::clone(&done);
        let callback = move |pipeline: &Arc<Pipeline>| {
            pipeline.park(job(Arc::clone(&slow)));
            slow.wait_for(1);
        };
        pipeline.submit(Job::nop(callback)).unwrap();
        assert!(pipeline.admission.wait_until_quiet(Deadline::NEVER));
        end(&pipeline, threads);
    });
}

#[test]
fn what_a_slow_callback_submits_is_done_by_another_worker() {
    a_callback_takes_its_time(|done| Job::nop(counting(&done)), Mistake::None);
}

#[test]
fn also_if_it_is_left_to_workers() {
    a_callback_takes_its_time(|done| Job::cached(counting(&done)), Mistake::None);
}

#[test]
#[should_panic(expected = "deadlock")]
fn the_model_finds_what_a_slow_callback_keeps_to_itself() {
    a_callback_takes_its_time(|done| Job::nop(counting(&done)), Mistake::ParksForLong);
}

/// Two jobs from outside, of which the first goes on until the second has run.
fn callbacks_meet(mistake: Mistake) {
    explore(1, move || {
        let (pipeline, threads) = Pipeline::start(2, 0, 2, mistake);
        let done = Done::new();
        let slow = Arc::clone(&done);
        pipeline.submit(Job::cached(move |_| slow.wait_for(1))).unwrap();
        pipeline.submit(Job::cached(counting(&done))).unwrap();
        assert!(pipeline.admission.wait_until_quiet(Deadline::NEVER));
        end(&pipeline, threads);
    });
}

#[test]
fn a_slow_callback_delays_no_other_job_while_a_worker_is_idle() {
    callbacks_meet(Mistake::None);
}
