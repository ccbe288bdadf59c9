//! Workers that sleep, and how they are woken.
//!
//! Parking spots, wake-ups and the alarm are the crate's own. Around them is the least that the
//! pipeline is for them: a channel that wakes nobody, and deadlines under a lock.

use std::sync::Arc;
use std::time::Duration;

use super::explore;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Condvar, Instant, Mutex, pass};
use crate::wait::sleepers::Sleepers;

/// A mistake that the pipeline makes.
#[derive(Clone, Copy, PartialEq)]
enum Mistake {
    None,
    /// A worker looks at the channel, and counts itself idle later.
    LooksFirst,
    /// A sender looks for idle workers, and sends later.
    WakesFirst,
    /// A worker that was woken, and finds a job before it has noticed, does not take the wake-up.
    LeavesTheWakeUp,
    /// A worker announces itself idle with a deadline that it saw before it took the lock.
    SetsAnOldAlarm,
}

struct Pipeline {
    mistake: Mistake,
    sleepers: Sleepers,
    /// How many jobs are on the channel; as of crossbeam's, its state is sequentially consistent.
    parcels: AtomicUsize,
    /// Nothing more will be sent.
    disconnected: AtomicBool,
    /// How many jobs have been run.
    finished: Mutex<usize>,
    quiet: Condvar,
}

impl Pipeline {
    fn new(workers: usize, mistake: Mistake) -> Arc<Self> {
        Arc::new(Self {
            mistake,
            sleepers: Sleepers::new(workers),
            parcels: AtomicUsize::new(0),
            disconnected: AtomicBool::new(false),
            finished: Mutex::new(0),
            quiet: Condvar::new(),
        })
    }

    /// Sends a job, and wakes a worker for it as the pipeline does if callbacks are slow.
    fn deliver(&self) {
        if self.mistake == Mistake::WakesFirst {
            self.sleepers.wake_one();
            self.parcels.fetch_add(1, Ordering::SeqCst);
            return;
        }
        self.parcels.fetch_add(1, Ordering::SeqCst);
        // In this order: a worker that is woken in between comes for the job, or for more.
        let coming = self.sleepers.coming();
        if self.parcels.load(Ordering::SeqCst) > coming {
            self.sleepers.wake_one();
        }
    }

    /// Takes a job off the channel, if there is one.
    fn take_one(&self) -> bool {
        let less = |count: usize| count.checked_sub(1);
        self.parcels.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok()
    }

    /// The loop of a worker.
    fn work(&self, worker: usize) {
        loop {
            if self.take_one() {
                *self.finished.lock().unwrap() += 1;
                self.quiet.notify_all();
                continue;
            }
            if self.disconnected.load(Ordering::SeqCst) {
                return;
            }
            self.rest(worker);
        }
    }

    fn rest(&self, worker: usize) {
        let something = || self.parcels.load(Ordering::SeqCst) > 0 || self.sleepers.are_dismissed();
        let looked_first = self.mistake == Mistake::LooksFirst && something();
        self.sleepers.announce_idle(worker, None);
        match self.mistake {
            Mistake::LooksFirst if !looked_first => {}
            Mistake::LeavesTheWakeUp if something() => return,
            _ if something() => {
                self.sleepers.cancel_idle(worker);
                return;
            }
            _ => {}
        }
        self.sleepers.sleep(worker, None);
    }

    /// Waits until this number of jobs have been run.
    fn drain(&self, jobs: usize) {
        let mut finished = self.finished.lock().unwrap();
        while *finished < jobs {
            finished = self.quiet.wait(finished).unwrap();
        }
    }

    /// Has the workers end, as the reaper does last.
    fn end(&self) {
        self.disconnected.store(true, Ordering::SeqCst);
        self.sleepers.dismiss();
    }
}

fn workers(pipeline: &Arc<Pipeline>) -> Vec<JoinHandle<()>> {
    let start = |number| {
        let pipeline = Arc::clone(pipeline);
        thread::spawn(move || pipeline.work(number))
    };
    (0..pipeline.sleepers.workers()).map(start).collect()
}

/// All jobs are run before the workers are dismissed. Then all workers end, and none counts as idle
/// or woken any more.
fn jobs_are_sent(number: usize, jobs: usize, preemptions: usize, mistake: Mistake) {
    explore(preemptions, move || {
        let pipeline = Pipeline::new(number, mistake);
        let workers = workers(&pipeline);
        (0..jobs).for_each(|_| pipeline.deliver());
        pipeline.drain(jobs);
        pipeline.end();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        let left = (pipeline.sleepers.idle(), pipeline.sleepers.coming());
        assert_eq!(left, (0, 0), "nobody is idle or called any more");
    });
}

#[test]
fn a_worker_comes_for_each_job_and_all_end() {
    jobs_are_sent(1, 2, 3, Mistake::None);
}

#[test]
fn so_do_two() {
    jobs_are_sent(2, 2, 1, Mistake::None);
}

#[test]
#[should_panic(expected = "deadlock")]
fn the_model_finds_a_job_between_the_look_and_the_bed() {
    jobs_are_sent(1, 1, 3, Mistake::LooksFirst);
}

#[test]
#[should_panic(expected = "deadlock")]
fn the_model_finds_a_call_that_comes_before_its_job() {
    jobs_are_sent(1, 1, 3, Mistake::WakesFirst);
}

#[test]
#[should_panic(expected = "nobody is idle or called")]
fn the_model_finds_a_call_that_is_left() {
    jobs_are_sent(1, 2, 3, Mistake::LeavesTheWakeUp);
}

/// The jobs that wait and have a deadline, as the books keep them.
struct Deadlines {
    mistake: Mistake,
    sleepers: Sleepers,
    /// The deadlines, in order.
    waiting: Mutex<Vec<Instant>>,
}

const SOON: Duration = Duration::from_millis(1);
const LATER: Duration = Duration::from_millis(2);

impl Deadlines {
    fn new(workers: usize, mistake: Mistake) -> Arc<Self> {
        let waiting = Mutex::new(Vec::new());
        Arc::new(Self { mistake, sleepers: Sleepers::new(workers), waiting })
    }

    /// Accepts a job with this deadline.
    fn add(&self, deadline: Instant) {
        let mut waiting = self.waiting.lock().unwrap();
        waiting.push(deadline);
        waiting.sort_unstable();
        self.sleepers.wake_by(waiting[0]);
    }

    /// Gives up the jobs whose deadline has come. True if the last has been given up.
    fn give_up(&self) -> bool {
        let mut waiting = self.waiting.lock().unwrap();
        let now = Instant::now();
        let before = waiting.len();
        waiting.retain(|&deadline| deadline > now);
        if let Some(&next) = waiting.first() {
            self.sleepers.wake_by(next);
        }
        before > 0 && waiting.is_empty()
    }

    /// The loop of a worker that has no other jobs, until it is dismissed.
    fn work(&self, worker: usize) {
        loop {
            let old = self.waiting.lock().unwrap().first().copied();
            let waiting = self.waiting.lock().unwrap();
            let first = match self.mistake {
                Mistake::SetsAnOldAlarm => old,
                _ => waiting.first().copied(),
            };
            self.sleepers.announce_idle(worker, first);
            drop(waiting);
            if self.sleepers.are_dismissed() {
                self.sleepers.cancel_idle(worker);
                return;
            }
            let woken = self.sleepers.sleep(worker, None);
            if woken && self.sleepers.are_dismissed() {
                return;
            }
            if self.give_up() {
                // Ends the model.
                self.sleepers.dismiss();
            }
        }
    }
}

/// Jobs are added while workers fall asleep, and time passes after that. No worker is woken for
/// them.
fn deadlines_pass(workers: usize, limits: &'static [Duration], wakes: bool, mistake: Mistake) {
    explore(2, move || {
        let start = Instant::now();
        let deadlines = Deadlines::new(workers, mistake);
        let threads = (0..workers).map(|number| {
            let deadlines = Arc::clone(&deadlines);
            thread::spawn(move || deadlines.work(number))
        });
        let threads: Vec<_> = threads.collect();
        limits.iter().for_each(|&limit| deadlines.add(start + limit));
        if wakes {
            deadlines.sleepers.wake_one();
        }
        pass();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(deadlines.waiting.lock().unwrap().is_empty());
    });
}

#[test]
fn somebody_wakes_up_at_the_deadline() {
    deadlines_pass(1, &[LATER], false, Mistake::None);
}

#[test]
fn and_at_an_earlier_one_that_comes_later() {
    deadlines_pass(1, &[LATER, SOON], false, Mistake::None);
}

#[test]
fn also_if_there_are_two_and_one_is_called() {
    deadlines_pass(2, &[SOON], true, Mistake::None);
}

/// A worker counts itself idle and finds a job after all, whose callback goes on until the end of
/// the model. The other worker minds the deadline.
#[test]
fn an_alarm_goes_on_to_another_worker() {
    explore(2, || {
        let deadlines = Deadlines::new(2, Mistake::None);
        deadlines.add(Instant::now() + SOON);
        let [busy, idle] = [(); 2].map(|()| Arc::clone(&deadlines));
        let busy = thread::spawn(move || {
            let waiting = busy.waiting.lock().unwrap();
            busy.sleepers.announce_idle(0, waiting.first().copied());
            drop(waiting);
            busy.sleepers.cancel_idle(0);
        });
        let idle = thread::spawn(move || idle.work(1));
        pass();
        [busy, idle].into_iter().for_each(|thread| thread.join().unwrap());
        assert!(deadlines.waiting.lock().unwrap().is_empty());
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn the_model_finds_an_alarm_that_is_old() {
    deadlines_pass(1, &[SOON], false, Mistake::SetsAnOldAlarm);
}
