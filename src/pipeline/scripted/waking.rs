//! Which workers are woken, how many, and for which jobs.

use std::time::Duration;

use super::{HANG, Rig, all_well};
use crate::Dispatcher;
use crate::admission::limits::Limits;
use crate::engine::fake::{Fake, full};
use crate::pipeline::completed::Completed;
use crate::pipeline::wakeups::hints::{FillNow, SenderNext};
use crate::pipeline::worker::{IdleStep, Worker};
use crate::pipeline::{Pipeline, Runs};

/// A thread may lose its CPU at any time, and then another is woken in its place. So the expected
/// has to happen only once in this many tries. Without the mechanism under test it never would.
const TRIES: u64 = 100;

impl Rig {
    /// Makes callbacks look as if they took no time.
    fn lull(&self) {
        let pipeline = &self.dispatcher.submitter().pipeline.clone();
        for _ in 0..200 {
            pipeline.wakeups().workers().pace.record(Duration::ZERO, 1);
        }
    }

    /// Lets all workers fall asleep.
    pub(super) fn all_asleep(&self, workers: usize) {
        let pipeline = &self.dispatcher.submitter().pipeline.clone();
        while pipeline.wakeups().workers().sleepers.idle() < workers {
            std::thread::yield_now();
        }
    }

    /// Completes eight jobs at once. The callback of each submits another. Returns how many workers
    /// woke up for them, and in how many calls the other jobs entered the kernel.
    fn harvest_of_eight(&self) -> (u64, usize) {
        self.all_asleep(2);
        let (wake_ups, calls) = (self.dispatcher.stats().worker_wakeups, self.fake.calls().len());
        let jobs = (0..8).map(|name| {
            let (submitter, next) = (self.dispatcher.submitter(), self.job(100 + name));
            crate::Job::read(&self.file, vec![0; 100], name, move |_| {
                submitter.submit(next).unwrap();
            })
        });
        self.dispatcher.submit_batch(jobs).unwrap();
        self.fake.held(8);
        self.fake.complete_all();
        self.fake.called(calls + 2);
        while self.fake.held(1).len() < 8 {
            std::thread::yield_now();
        }
        self.all_asleep(2);
        let woken = self.dispatcher.stats().worker_wakeups - wake_ups;
        let calls = self.fake.calls().len() - calls - 1;
        self.fake.complete_all();
        assert_eq!(self.seen(8), all_well(100..108));
        (woken, calls)
    }
}

#[test]
fn quick_callbacks_wake_one_worker_and_submit_together() {
    let rig = Rig::new(Fake::default(), 64, 64, 2);
    let mut together = 0;
    for tries in 1..=TRIES {
        rig.lull();
        if rig.harvest_of_eight() == (1, 1) {
            together = tries;
            break;
        }
    }
    assert!(together > 0, "each time somebody was woken who wasn't needed");
    rig.end(16 * together);
}

#[test]
fn slow_callbacks_wake_all_that_can_be_of_use() {
    let rig = Rig::new(Fake::default(), 64, 64, 2);
    let mut all = 0;
    for tries in 1..=TRIES {
        for _ in 0..100 {
            rig.dispatcher
                .submitter()
                .pipeline
                .wakeups()
                .workers()
                .pace
                .record(Duration::from_millis(1), 1);
        }
        let (woken, _) = rig.harvest_of_eight();
        if woken >= 2 {
            all = tries;
            break;
        }
    }
    assert!(all > 0, "a worker slept each time");
    rig.end(16 * all);
}

#[test]
fn callbacks_that_turn_out_slow_get_all_workers_at_once() {
    const WORKERS: usize = 16;
    let rig = Rig::new(Fake::default(), 64, 64, WORKERS);
    rig.all_asleep(WORKERS);
    rig.lull();
    let (all, begun) = std::sync::mpsc::channel();
    let (release, released) = crossbeam_channel::bounded::<()>(0);
    let held = (0..WORKERS as u64).map(|name| {
        let (all, released) = (all.clone(), released.clone());
        crate::Job::read(&rig.file, vec![0; 100], name, move |_| {
            all.send(()).unwrap();
            let _ = released.recv_timeout(HANG);
        })
    });
    rig.dispatcher.submit_batch(held).unwrap();
    rig.fake.held(WORKERS);
    let looks = rig.fake.waited(|_, _| true).len();
    rig.fake.complete_all();
    (0..WORKERS).for_each(|_| begun.recv_timeout(HANG).unwrap());
    let looks = rig.fake.waited(|_, _| true).len() - looks;
    drop(release);
    // The harvest, the first look, and the look at which the reaper sees it: not one look for each
    // worker.
    assert!(looks < WORKERS / 2, "the reaper looked {looks} times until all had been woken");
    rig.end(WORKERS as u64);
}

/// A worker announces that it is idle. Another thread relies on that, and expects a filler. Before
/// this thread wakes it, the worker finds a job and cancels the announcement. It comes to fill
/// slots all the same.
#[test]
fn a_summons_is_answered_by_a_worker_that_rises_by_itself() {
    let limits = Limits { depth: 2, backlog: 2, parked: 2 };
    let blocking = crate::blocking::BlockingPool::new(1);
    let (pipeline, completed_tx) =
        Pipeline::new(Box::new(Fake::default()), limits, Runs::Workers(1), blocking, None);
    let file = crate::FileHandle::from(std::fs::File::open("/dev/null").unwrap());
    let job = crate::Job::read(file, Vec::new(), 0, |_| ());
    assert!(completed_tx.try_send(Completed { index: 0, res: 0, job }).is_ok());
    pipeline.admission.lock().flags_mut().expect_filler();
    assert_eq!(Worker::new(&pipeline, 0).idle_step(), IdleStep::LookAgain);
    assert_eq!(pipeline.wakeups().workers().sleepers.idle(), 0);
    assert!(
        !pipeline.admission.lock().flags().is_filler_coming(),
        "the next thread that needs a filler would wake nobody"
    );
}

/// A job is sent while a worker is coming, so nobody is woken for it. But that worker first submits
/// something, or copies, which may take its time. Another worker that is idle comes for the job.
#[test]
fn what_was_left_to_a_worker_that_comes_does_not_wait_until_it_has_filled_slots() {
    let limits = Limits { depth: 2, backlog: 2, parked: 2 };
    let blocking = crate::blocking::BlockingPool::new(1);
    let fake = Fake::default();
    let (pipeline, completed_tx) =
        Pipeline::new(Box::new(fake.clone()), limits, Runs::Workers(2), blocking, None);
    let file = crate::FileHandle::from(std::fs::File::open("/dev/null").unwrap());
    let job = || crate::Job::read(&file, Vec::new(), 0, |_| ());
    let sleepers = &pipeline.wakeups().workers().sleepers;
    (0..2).for_each(|worker| sleepers.announce_idle(worker, None));
    assert!(sleepers.wake_one(), "for something else");
    assert!(completed_tx.try_send(Completed { index: 0, res: 0, job: job() }).is_ok());
    pipeline.wakeups().for_sent(&pipeline.admission, 1, SenderNext::Other);
    assert_eq!((sleepers.idle(), sleepers.coming()), (1, 1), "it is left to the one that comes");
    assert!(sleepers.sleep(1, None));
    assert!(pipeline.admission.lock().post(job()).is_ok());
    Worker::new(&pipeline, 1).arrive();
    assert_eq!(fake.calls().len(), 1);
    assert_eq!((sleepers.idle(), sleepers.coming()), (0, 1));
}

/// A pipeline whose workers have no threads: some are idle, and the others count as awake.
struct Unmanned {
    pipeline: std::sync::Arc<Pipeline>,
    completed_tx: crate::sync::channel::Sender<Completed>,
}

impl Unmanned {
    fn new(workers: usize, idle: usize, callbacks_take: Duration) -> Self {
        let limits = Limits { depth: 64, backlog: 2, parked: 2 };
        let blocking = crate::blocking::BlockingPool::new(1);
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

    fn job() -> crate::Job {
        let file = crate::FileHandle::from(std::fs::File::open("/dev/null").unwrap());
        crate::Job::read(file, Vec::new(), 0, |_| ())
    }

    /// Has a job wait beside the free slots.
    fn wait(&self) {
        assert!(self.pipeline.admission.lock().post(Self::job()).is_ok());
    }

    /// Puts jobs on the channel, for which nobody is woken yet.
    fn send(&self, jobs: u32) {
        for index in 0..jobs {
            let completed = Completed { index, res: 0, job: Self::job() };
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
    // Jobs, idle workers of 6, the time that a callback takes; woken, and whether the reaper watches.
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
    // Idle workers, whether a job waits, whether the reaper watches, the time that a callback takes.
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

#[test]
fn half_of_what_is_in_flight_is_waited_for_but_not_for_ever() {
    let rig = Rig::new(Fake::default(), 64, 64, 1);
    rig.dispatcher.submit_batch(rig.jobs(0..64)).unwrap();
    let first = rig.fake.held(64)[0];
    rig.fake.complete([(first, full(&first))]);
    // Half of 64, or of 63 if one had already been reaped.
    let half = |least: usize| least == 31 || least == 32;
    let waits = rig.fake.waited(|least, limit| half(least) && limit.is_some());
    let for_ever = |&(least, limit): &(usize, Option<Duration>)| least > 1 && limit.is_none();
    assert!(!waits.iter().any(for_ever), "nobody may wait for ever for more than one");
    // Nothing came: the reaper then waits for one completion alone, and without a limit.
    assert_eq!(rig.seen(1), all_well(0..1));
    let alone = |waits: &[(usize, Option<Duration>)]| {
        let many = waits.iter().position(|&(least, _)| half(least)).unwrap();
        waits[many + 1..].contains(&(1, None))
    };
    while !alone(&rig.fake.waited(|_, _| true)) {
        std::thread::yield_now();
    }
    rig.fake.complete_all();
    assert_eq!(rig.seen(63), all_well(1..64));
    rig.end(64);
}

#[test]
fn without_coalescing_each_completion_is_passed_on_at_once() {
    let limits = Limits { depth: 64, backlog: 64, parked: 1000 };
    let builder = Dispatcher::builder().coalesce(Duration::ZERO);
    let rig = Rig::build(builder, Fake::default(), limits, 1);
    rig.dispatcher.submit_batch(rig.jobs(0..64)).unwrap();
    for request in rig.fake.held(64) {
        rig.fake.complete([(request, full(&request))]);
    }
    assert_eq!(rig.seen(64), all_well(0..64));
    assert!(rig.fake.waited(|_, _| true).iter().all(|&(least, _)| least == 1));
    rig.end(64);
}

#[test]
fn polls_are_not_waited_for() {
    let rig = Rig::new(Fake::default(), 64, 64, 1);
    let poll = |_| crate::Job::poll(&rig.file, crate::PollEvents::READABLE, |_| ());
    rig.dispatcher.submit_batch((0..16).map(poll)).unwrap();
    rig.fake.held(16);
    for name in 0..4 {
        rig.dispatcher.submit(rig.job(name)).unwrap();
        let read = rig.fake.held(17)[16];
        rig.fake.complete([(read, full(&read))]);
        assert_eq!(rig.seen(1), all_well(name..name + 1));
    }
    assert!(rig.fake.waited(|_, _| true).iter().all(|&(least, _)| least == 1));
    rig.fake.complete_all();
    rig.end(20);
}
