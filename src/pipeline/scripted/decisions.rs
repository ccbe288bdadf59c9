//! How many workers are woken, case by case: decisions alone, without threads that act on them.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use crate::admission::limits::Limits;
use crate::blocking::BlockingPool;
use crate::engine::fake::Fake;
use crate::engine::first_token;
use crate::file::FileHandle;
use crate::job::Job;
use crate::job::completed::Completed;
use crate::pipeline::wakeups::hints::{FillNow, SenderNext};
use crate::pipeline::{Pipeline, Runs};
use crate::sync::channel::Sender;

/// A pipeline whose workers have no threads: some are idle, and the others count as awake.
struct Unmanned {
    pipeline: Arc<Pipeline>,
    completed_tx: Sender<Completed>,
}

impl Unmanned {
    fn new(workers: usize, idle: usize, callbacks_take: Duration) -> Self {
        let limits = Limits { depth: 64, backlog: 2, parked: 2 };
        let blocking = BlockingPool::new(1, Default::default());
        let (pipeline, completed_tx) = Pipeline::new(
            Box::new(Fake::default()),
            limits,
            Runs::Workers(workers),
            blocking,
            None,
        );
        let wakeups = pipeline.wakeups().workers();
        (0..idle).for_each(|worker| wakeups.sleepers.announce_idle(worker, None));
        (0..200).for_each(|_| wakeups.pace.record(callbacks_take, 1));
        Self { pipeline, completed_tx }
    }

    fn job() -> Job {
        let file = FileHandle::from(File::open("/dev/null").unwrap());
        Job::read(file, Vec::new(), 0, |_| ())
    }

    /// Has a job wait beside the free slots.
    fn wait(&self) {
        assert!(self.pipeline.admission.lock().post(Self::job()).is_ok());
    }

    /// Puts jobs on the channel, for which nobody is woken yet.
    fn send(&self, jobs: u32) {
        for index in 0..jobs {
            let completed = Completed { token: first_token(index), res: 0, job: Self::job() };
            assert!(self.completed_tx.try_send(completed).is_ok());
        }
    }

    fn set_watched(&self, watched: bool) {
        self.pipeline.admission.lock().flags_mut().set_watched(watched);
    }

    fn is_watched(&self) -> bool {
        self.pipeline.admission.lock().flags().is_watched()
    }

    fn idle(&self) -> usize {
        self.pipeline.wakeups().workers().sleepers.idle()
    }

    /// Returns how many workers `call` wakes.
    fn woken(&self, call: impl FnOnce(&Pipeline)) -> usize {
        let before = self.idle();
        call(&self.pipeline);
        before - self.idle()
    }
}

const MICRO: Duration = Duration::from_micros(1);

#[test]
fn after_a_harvest_slow_callbacks_get_a_worker_each_and_quick_ones_as_many_as_they_are_worth() {
    // Jobs, idle workers of 6, the time that a callback takes; how many are woken, and whether the
    // reaper watches.
    for (jobs, idle, takes, woken, watched) in [
        (3, 6, 100 * MICRO, 3, false),
        (5, 2, 100 * MICRO, 2, false),
        // Each wake-up costs as much as some tens of these. One worker is woken if none is awake.
        (1, 6, MICRO, 1, false),
        (2, 6, MICRO, 1, true),
        (2, 5, MICRO, 0, true),
        (64, 6, MICRO, 2, true),
        (0, 6, MICRO, 0, false),
        (64, 6, 9 * MICRO, 6, true),
        (64, 3, 9 * MICRO, 3, true),
    ] {
        let all = Unmanned::new(6, idle, takes);
        all.send(jobs);
        let count =
            all.woken(|pipeline| pipeline.wakeups().workers().after_harvest(&pipeline.admission));
        let what = format!("{jobs} jobs of {takes:?}, {idle} idle");
        assert_eq!((count, all.is_watched()), (woken, watched), "{what}");
    }
}

#[test]
fn for_a_job_that_a_worker_sends_an_idle_one_is_woken_unless_the_reaper_watches() {
    // Jobs on the channel, the time that a callback takes, what the sender does next, whether the
    // reaper watches; woken of 3 idle workers, of 4.
    for (jobs, takes, next, watched, woken) in [
        (1, 100 * MICRO, SenderNext::Other, false, 1),
        (1, 100 * MICRO, SenderNext::TakesOne, false, 0),
        (3, 100 * MICRO, SenderNext::TakesOne, false, 2),
        (1, 100 * MICRO, SenderNext::Other, true, 1),
        (1, MICRO, SenderNext::Other, false, 1),
        (2, MICRO, SenderNext::Other, true, 0),
    ] {
        let all = Unmanned::new(4, 3, takes);
        all.send(jobs);
        all.set_watched(watched);
        let count = all.woken(|pipeline| pipeline.wakeups().for_sent(&pipeline.admission, 1, next));
        assert_eq!(count, woken, "{jobs} jobs of {takes:?}, {next:?}, watched: {watched}");
    }
}

#[test]
fn slots_are_filled_at_once_if_an_idle_worker_could_and_the_end_of_the_run_may_be_far() {
    // Idle workers, whether a job waits, whether the reaper watches, the time that a callback
    // takes.
    for (idle, waits, watched, takes, expected) in [
        (1, true, false, MICRO, FillNow::Yes),
        (1, true, true, 100 * MICRO, FillNow::Yes),
        (1, true, true, MICRO, FillNow::AtEndOfRun),
        (1, false, false, 100 * MICRO, FillNow::AtEndOfRun),
        (0, true, false, 100 * MICRO, FillNow::AtEndOfRun),
    ] {
        let all = Unmanned::new(2, idle, takes);
        if waits {
            all.wait();
        }
        all.set_watched(watched);
        let fill = all.pipeline.wakeups().when_to_fill(&all.pipeline.admission.lock());
        assert_eq!(fill, expected, "{idle} idle, {waits}, watched: {watched}, {takes:?}");
    }
}

#[test]
fn one_worker_is_woken_to_fill_slots_and_no_second_before_it_has_come() {
    let all = Unmanned::new(3, 2, MICRO);
    let fill = |pipeline: &Pipeline| pipeline.wakeups().wake_filler(pipeline.admission.lock());
    assert_eq!(all.woken(fill), 0, "nothing waits");
    all.wait();
    assert_eq!((all.woken(fill), all.woken(fill)), (1, 0));
    assert!(all.pipeline.admission.lock().flags_mut().filler_arrives());
    assert_eq!(all.woken(fill), 1);
}

#[test]
fn without_an_idle_worker_nobody_is_expected_and_nothing_is_watched() {
    let all = Unmanned::new(2, 0, MICRO);
    all.wait();
    all.pipeline.wakeups().wake_filler(all.pipeline.admission.lock());
    assert!(!all.pipeline.admission.lock().flags().is_filler_coming(), "nobody was woken");
    all.set_watched(true);
    assert!(all.pipeline.wakeups().workers().watch(&all.pipeline.admission).is_none());
    assert!(!all.is_watched());
}

#[test]
fn when_the_reaper_can_not_watch_idle_workers_are_woken_for_what_was_left() {
    let all = Unmanned::new(4, 3, MICRO);
    all.set_watched(true);
    all.send(2);
    let stop = |pipeline: &Pipeline| {
        pipeline.wakeups().workers().stop_watching(&pipeline.admission);
    };
    assert_eq!((all.woken(stop), all.is_watched()), (2, false));
}

#[test]
fn the_reaper_sees_how_often_workers_have_filled_slots() {
    let all = Unmanned::new(3, 2, MICRO);
    let watched = || {
        let unserved = all.pipeline.wakeups().workers().watch(&all.pipeline.admission);
        unserved.map(|unserved| (unserved.can_fill, unserved.refills))
    };
    assert_eq!(watched(), None);
    all.wait();
    assert_eq!(watched(), Some((true, 0)));
    assert!(all.is_watched());
    all.pipeline.refill();
    assert_eq!(watched(), None);
    assert!(!all.is_watched());
    all.wait();
    assert_eq!(watched(), Some((true, 1)));
    // Filling slots in a call of the user's is not a worker's.
    all.pipeline.flush();
    assert_eq!(all.pipeline.admission.lock().flags().refills(), 1);
}
