//! Which workers are woken, how many, and for which jobs.

use std::time::Duration;

use super::{HANG, Rig, all_well};
use crate::Dispatcher;
use crate::admission::limits::Limits;
use crate::engine::fake::{Fake, full};
use crate::job::completed::Completed;
use crate::pipeline::wakeups::hints::SenderNext;
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
    let blocking = crate::blocking::BlockingPool::new(1, Default::default());
    let (pipeline, completed_tx) =
        Pipeline::new(Box::new(Fake::default()), limits, Runs::Workers(1), blocking, None);
    let file = crate::FileHandle::from(std::fs::File::open("/dev/null").unwrap());
    let job = crate::Job::read(file, Vec::new(), 0, |_| ());
    assert!(completed_tx.try_send(Completed { token: 0, res: 0, job }).is_ok());
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
    let blocking = crate::blocking::BlockingPool::new(1, Default::default());
    let fake = Fake::default();
    let (pipeline, completed_tx) =
        Pipeline::new(Box::new(fake.clone()), limits, Runs::Workers(2), blocking, None);
    let file = crate::FileHandle::from(std::fs::File::open("/dev/null").unwrap());
    let job = || crate::Job::read(&file, Vec::new(), 0, |_| ());
    let sleepers = &pipeline.wakeups().workers().sleepers;
    (0..2).for_each(|worker| sleepers.announce_idle(worker, None));
    assert!(sleepers.wake_one(), "for something else");
    assert!(completed_tx.try_send(Completed { token: 0, res: 0, job: job() }).is_ok());
    pipeline.wakeups().for_sent(&pipeline.admission, 1, SenderNext::Other);
    assert_eq!((sleepers.idle(), sleepers.coming()), (1, 1), "it is left to the one that comes");
    assert!(sleepers.sleep(1, None));
    assert!(pipeline.admission.lock().post(job()).is_ok());
    Worker::new(&pipeline, 1).arrive();
    assert_eq!(fake.calls().len(), 1);
    assert_eq!((sleepers.idle(), sleepers.coming()), (0, 1));
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
