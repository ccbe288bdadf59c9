//! A slow callback delays no other job while a worker is idle, whatever they have in common.

use std::sync::mpsc;

use reapool::{Dispatcher, FileHandle, Job, PollEvents, Submitter};

use crate::support::{
    self, Gate, HANG, effort, eventfd, make_readable, null, null_read, scale, watched,
};

/// Races need many chances; `.ci/nightly` gives them more.
fn rounds() -> usize {
    60 * effort() / scale()
}

/// So much that a worker runs several callbacks before it fills the slots that they left.
const DEPTH: usize = 64;

/// One batch in which some callbacks are held, on all workers but one.
#[derive(Clone, Copy)]
struct Scene {
    workers: usize,
    /// Callbacks that are held until all other jobs have ended.
    held: usize,
    /// How many of these submit something before they are held, and how much.
    submitters: usize,
    fan_out: usize,
    /// Other jobs in the batch.
    others: usize,
    /// What the callback of each of these submits.
    follow_ups: usize,
}

/// How the jobs of a scene get to their callbacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Through the kernel.
    Kernel,
    /// Straight.
    Nop,
    /// Through the page cache.
    Cached,
    /// In any of these ways, or over blocking threads.
    Mixed,
}

/// What the jobs of a scene share.
#[derive(Clone)]
struct Stage {
    submitter: Submitter,
    file: FileHandle,
    cached: FileHandle,
    way: Way,
    gate: Gate,
    ended: mpsc::Sender<()>,
}

impl Stage {
    fn job_with(&self, number: usize, callback: impl FnOnce() + Send + 'static) -> Job {
        match (self.way, number % 4) {
            (Way::Nop, _) | (Way::Mixed, 0) => Job::nop(callback),
            (Way::Mixed, 1) => Job::blocking(|| (), |()| callback()),
            (Way::Cached, _) | (Way::Mixed, 2) => {
                Job::read(&self.cached, vec![0; 16], 0, move |_| callback())
            }
            _ => null_read(&self.file, callback),
        }
    }

    fn submit_followers(&self, count: usize) {
        for number in 0..count {
            let ended = self.ended.clone();
            let job = self.job_with(number, move || ended.send(()).unwrap());
            self.submitter.submit(job).unwrap();
        }
    }

    fn job(&self, number: usize, held: bool, followers: usize) -> Job {
        let stage = self.clone();
        self.job_with(number, move || {
            stage.submit_followers(followers);
            if held {
                stage.gate.pass();
            }
            stage.ended.send(()).unwrap();
        })
    }
}

impl Scene {
    fn jobs(self, round: usize, stage: &Stage) -> Vec<Job> {
        let count = self.held + self.others;
        let job = |number: usize| {
            // The held ones are neighbours, in each place of the batch in turn.
            let place = (number + round) % count;
            let followers = match place {
                _ if place < self.submitters => self.fan_out,
                _ if place < self.held => 0,
                _ => self.follow_ups,
            };
            stage.job(number, place < self.held, followers)
        };
        (0..count).map(job).collect()
    }

    fn play(self, dispatcher: &Dispatcher, way: Way) {
        let rounds = if way == Way::Kernel { rounds() } else { rounds() / 2 };
        for round in 0..rounds {
            if round % 4 >= 2 {
                lull(dispatcher);
            }
            let (ended, endings) = mpsc::channel();
            let gate = Gate::default();
            let (submitter, file) = (dispatcher.submitter(), null());
            let cached = FileHandle::from(std::fs::File::open("Cargo.toml").unwrap());
            let stage = Stage { submitter, file, cached, way, gate: gate.clone(), ended };
            let jobs = self.jobs(round, &stage);
            drop(stage);
            if round % 2 == 0 {
                dispatcher.submit_batch(jobs).unwrap();
            } else {
                jobs.into_iter().for_each(|job| dispatcher.submit(job).unwrap());
            }
            let expected = self.submitters * self.fan_out + self.others * (1 + self.follow_ups);
            let in_time = |_: &usize| endings.recv_timeout(HANG / 4).is_ok();
            let count = (0..expected).take_while(in_time).count();
            gate.open();
            assert_eq!(count, expected, "delayed by a held callback, {way:?}, in round {round}");
            for _ in 0..self.held {
                endings.recv_timeout(HANG).unwrap();
            }
        }
    }

    /// Plays with nothing else to do, and with an operation in flight that doesn't end.
    fn holds(self) {
        watched(move || {
            let builder = support::builder().depth(DEPTH).workers(self.workers);
            let dispatcher = builder.build().unwrap();
            self.play(&dispatcher, Way::Kernel);
            self.play(&dispatcher, Way::Cached);
            let eventfd = eventfd();
            dispatcher.submit(Job::poll(&eventfd, PollEvents::READABLE, |_| ())).unwrap();
            for way in [Way::Kernel, Way::Nop, Way::Cached, Way::Mixed] {
                self.play(&dispatcher, way);
            }
            make_readable(&eventfd);
            assert_eq!(dispatcher.shutdown().unwrap().panics, 0);
        });
    }
}

/// Lets the dispatcher believe that callbacks are over in no time, so that it wakes nobody for a
/// few that wait.
fn lull(dispatcher: &Dispatcher) {
    let (file, (ended, endings)) = (null(), mpsc::channel());
    for _ in 0..40 {
        let job = |_| {
            let ended = ended.clone();
            null_read(&file, move || ended.send(()).unwrap())
        };
        dispatcher.submit_batch((0..DEPTH).map(job)).unwrap();
    }
    drop(ended);
    assert_eq!(endings.iter().count(), 40 * DEPTH);
}

/// One of two workers is held; nobody submits in a callback.
const ONE_OF_TWO: Scene =
    Scene { workers: 2, held: 1, submitters: 0, fan_out: 0, others: 0, follow_ups: 0 };
/// Three of four workers are held.
const THREE_OF_FOUR: Scene = Scene { workers: 4, held: 3, ..ONE_OF_TWO };

#[test]
fn others_of_the_same_batch_go_on() {
    for others in [1, 14, 40] {
        Scene { others, ..ONE_OF_TWO }.holds();
        Scene { others, ..THREE_OF_FOUR }.holds();
    }
}

#[test]
fn more_than_the_depth_go_on_through_the_slots_that_are_left() {
    // Not more than depth and backlog take, as nobody outside is to wait.
    Scene { others: 2 * DEPTH - 4, ..ONE_OF_TWO }.holds();
    Scene { others: 2 * DEPTH - 4, ..THREE_OF_FOUR }.holds();
}

#[test]
fn what_an_earlier_callback_submitted_goes_on() {
    for (others, follow_ups) in [(1, 1), (1, 100), (8, 1)] {
        Scene { others, follow_ups, ..ONE_OF_TWO }.holds();
    }
}

#[test]
fn what_an_earlier_callback_submitted_goes_on_while_one_worker_is_left() {
    for (others, follow_ups) in [(1, 1), (1, 100), (8, 1)] {
        Scene { others, follow_ups, ..THREE_OF_FOUR }.holds();
    }
}

#[test]
fn what_the_held_callback_itself_submitted_goes_on() {
    for (others, fan_out) in [(0, 1), (0, 100), (8, 1)] {
        Scene { others, submitters: 1, fan_out, ..ONE_OF_TWO }.holds();
    }
}

#[test]
fn what_held_callbacks_submitted_goes_on_while_one_worker_is_left() {
    for (others, submitters, fan_out) in [(0, 3, 1), (0, 1, 100), (0, 1, 1), (8, 1, 1)] {
        Scene { others, submitters, fan_out, ..THREE_OF_FOUR }.holds();
    }
}
