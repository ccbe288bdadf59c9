//! What callers, workers and the reaper share, and their steps.

use std::collections::VecDeque;
use std::sync::Arc;

use loom::thread::{self, JoinHandle};

use crate::admission::{Admission, Cached, Limits, Outcome, Patience, State};
use crate::batch::Batch;
use crate::deadline::Deadline;
use crate::error::SubmitErrorKind;
use crate::event_loop::Teller;
use crate::idle::Rest;
use crate::job::Job;
use crate::model::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::model::sync::{Condvar, Mutex, MutexGuard};
use crate::sleepers::Sleepers;
use crate::slots::{Slots, index_of};

/// A mistake that is made somewhere.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mistake {
    None,
    /// Who submits calls nobody for what is left to workers.
    SummonsNobody,
    /// What a callback submits always waits for the end of the run.
    ParksForLong,
    /// A worker that finds nothing to fill counts itself idle when it has given up the lock.
    TurnsInLater,
    /// A job counts as finished before its callback runs.
    FinishesFirst,
    /// `close` leaves it to the last job to have the threads end, also if there is none.
    LeavesTheEnd,
    /// `close` has the threads end, whatever is outstanding.
    EndsAtOnce,
    /// The channel is disconnected, and nobody is told.
    DismissesNobody,
}

/// The channel of completed jobs, whose state is sequentially consistent as that of crossbeam's is.
pub(crate) struct Parcels {
    count: AtomicUsize,
    queue: Mutex<VecDeque<(u32, Job)>>,
    disconnected: AtomicBool,
}

enum Empty {
    Now,
    ForGood,
}

impl Parcels {
    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn send(&self, index: u32, job: Job) {
        let mut queue = self.queue.lock().unwrap();
        queue.push_back((index, job));
        self.count.store(queue.len(), Ordering::SeqCst);
    }

    fn try_recv(&self) -> Result<(u32, Job), Empty> {
        // Before: what was sent before it was disconnected is received.
        let last = self.disconnected.load(Ordering::SeqCst);
        let mut queue = self.queue.lock().unwrap();
        let received = queue.pop_front();
        self.count.store(queue.len(), Ordering::SeqCst);
        received.ok_or(if last { Empty::ForGood } else { Empty::Now })
    }
}

/// How long callbacks take: long.
pub(crate) struct Pace;

impl Pace {
    pub(crate) fn is_quick(&self) -> bool {
        false
    }

    pub(crate) fn workers_for(&self, waiting: usize) -> usize {
        waiting
    }
}

pub(crate) struct Pipeline {
    mistake: Mistake,
    pub(crate) admission: Admission,
    slots: Slots,
    pub(crate) parcels: Parcels,
    pub(crate) sleepers: Sleepers,
    pub(crate) pace: Pace,
    pub(crate) teller: Option<Teller>,
    /// Whether the sender of `src/pipeline.rs` is there.
    outlet: Mutex<bool>,
    /// The request that wakes the reaper, and how often it was made.
    stop: Mutex<usize>,
    wakes: Condvar,
}

/// The threads of a dispatcher.
pub(crate) struct Threads(Vec<JoinHandle<()>>);

impl Threads {
    pub(crate) fn join(self) {
        self.0.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

impl Pipeline {
    /// `Pipeline::new`, `Builder::start`.
    pub(crate) fn start(
        depth: u32,
        backlog: usize,
        workers: usize,
        mistake: Mistake,
    ) -> (Arc<Self>, Threads) {
        let pipeline = Arc::new(Self {
            mistake,
            admission: Admission::new(Limits { depth, backlog, parked: 9 }),
            slots: Slots::new(depth),
            parcels: Parcels {
                count: AtomicUsize::new(0),
                queue: Mutex::default(),
                disconnected: AtomicBool::new(false),
            },
            sleepers: Sleepers::new(workers),
            pace: Pace,
            teller: None,
            outlet: Mutex::new(true),
            stop: Mutex::new(0),
            wakes: Condvar::new(),
        });
        let start = |number| {
            let pipeline = Arc::clone(&pipeline);
            thread::spawn(move || pipeline.work(number))
        };
        let threads = Threads((0..workers).map(start).collect());
        (pipeline, threads)
    }

    /// `Pipeline::accept_outside`, of one job.
    pub(crate) fn submit(&self, job: Job) -> Result<(), SubmitErrorKind> {
        let mut one = Some(job).into_iter();
        let patience = Patience::Until(Deadline::NEVER);
        let mut state = self.admission.wait_for_room(self.admission.lock(), patience)?;
        self.admission.accept_outside(&mut state, &mut one)?;
        self.admission.pass_room_on(&mut state);
        self.move_on(state, Cached::Leave);
        Ok(())
    }

    /// `Pipeline::park`, with a callback's first submission.
    pub(crate) fn park(&self, job: Job) {
        let mut state = self.admission.lock();
        self.admission.accept_parked(&mut state, &mut Some(job).into_iter()).unwrap();
        if self.owes_others(&state) && self.mistake != Mistake::ParksForLong {
            self.move_on(state, Cached::Leave);
        }
    }

    /// `Pipeline::move_on`, `Pipeline::launch` and `Pipeline::look`, where all is in the page cache.
    pub(crate) fn move_on<'a>(&'a self, mut state: MutexGuard<'a, State>, cached: Cached) {
        let between_callbacks = cached == Cached::TakeOne;
        let mut batch = Batch::default();
        self.admission.fill_slots(&mut state, &self.slots, cached, &mut batch);
        if between_callbacks || self.mistake == Mistake::SummonsNobody {
            drop(state);
        } else {
            self.summon(state);
        }
        if !batch.ready.is_empty() {
            batch.ready.iter().for_each(|&token| self.send(token));
            self.call_for_sent(between_callbacks && batch.look.is_none());
        }
        let Some(token) = batch.look else { return };
        self.send(token);
        self.call_for_sent(true);
        let state = self.admission.lock();
        if self.owes_others(&state) {
            self.summon(state);
        }
    }

    /// `Pipeline::mind_deadlines`: there are none.
    pub(crate) fn mind_deadlines(&self, _state: &mut State) -> bool {
        false
    }

    pub(crate) fn summon_owner(&self, teller: &Teller, _state: MutexGuard<'_, State>) {
        let _ = teller.is_attended();
    }

    /// `Pipeline::send`, of what `Pipeline::taken` has.
    fn send(&self, token: u64) {
        let job = self.slots.take(token).expect("a job that was not handed on is in its slot");
        let outlet = self.outlet.lock().unwrap();
        assert!(*outlet, "a job is outstanding, so the threads go on");
        self.parcels.send(index_of(token) as u32, job);
    }

    /// `workers::work`, where each callback is a run.
    fn work(self: &Arc<Self>, worker: usize) {
        loop {
            match self.parcels.try_recv() {
                Ok((index, job)) => {
                    self.end(index, job);
                    // `Run::end`, `Pipeline::refill`.
                    self.call_for_waiting();
                    self.move_on(self.admission.lock(), Cached::TakeOne);
                }
                Err(Empty::Now) => self.sleep(worker),
                Err(Empty::ForGood) => return,
            }
        }
    }

    /// `workers::end`.
    fn end(self: &Arc<Self>, index: u32, job: Job) {
        if self.mistake == Mistake::FinishesFirst {
            self.finish(index);
            job.run(self);
        } else {
            job.run(self);
            self.finish(index);
        }
    }

    /// `workers::rest`.
    fn sleep(&self, worker: usize) {
        let rest = match self.mistake {
            Mistake::TurnsInLater => self.rest_later(worker),
            _ => self.rest(worker),
        };
        match rest {
            Rest::LookAgain => {}
            Rest::Sleep => {
                if self.sleepers.sleep(worker, None) {
                    self.arrive();
                }
            }
            Rest::Nap => unreachable!("no kernel is asked for anything"),
        }
    }

    /// `Pipeline::rest`, with a mistake.
    fn rest_later(&self, worker: usize) -> Rest {
        let state = self.admission.lock();
        if state.can_fill() {
            self.move_on(state, Cached::TakeOne);
            return Rest::LookAgain;
        }
        drop(state);
        self.sleepers.turn_in(worker, None);
        if !self.parcels.is_empty() || self.sleepers.are_dismissed() {
            self.sleepers.rise(worker);
            self.arrive();
            return Rest::LookAgain;
        }
        Rest::Sleep
    }

    /// `Pipeline::finish`.
    fn finish(&self, index: u32) {
        let outcome = Outcome { failed: false, short: false, posted: false };
        let mut state = self.admission.lock();
        let stop = self.admission.finish(&mut state, Some(index), outcome);
        drop(state);
        if stop {
            self.stop();
        }
    }

    /// `Pipeline::close`.
    pub(crate) fn close(&self) {
        if self.mistake == Mistake::LeavesTheEnd {
            self.admission.lock().closing = true;
            return;
        }
        if self.admission.close() || self.mistake == Mistake::EndsAtOnce {
            self.stop();
        }
    }

    /// `Pipeline::stop`.
    fn stop(&self) {
        *self.outlet.lock().unwrap() = false;
        *self.stop.lock().unwrap() += 1;
        self.wakes.notify_one();
        self.admission.told_to_stop();
    }

    /// `reaper::run`: it has no jobs to pass on here.
    pub(crate) fn reap(&self) {
        let mut stop = self.stop.lock().unwrap();
        while *stop == 0 {
            stop = self.wakes.wait(stop).unwrap();
        }
        drop(stop);
        self.parcels.disconnected.store(true, Ordering::SeqCst);
        if self.mistake != Mistake::DismissesNobody {
            self.sleepers.dismiss();
        }
    }

    /// That all is over, as `wait_until_told` waits for, and was ended once.
    pub(crate) fn is_over(&self) -> bool {
        self.admission.wait_until_told();
        let nothing_left = self.admission.lock().outstanding() == 0;
        nothing_left && *self.stop.lock().unwrap() == 1
    }
}
