//! Who may enter, and when: free slots, the jobs that wait for one, and what is accounted for.
//!
//! Everything here is under one lock, held for a few instructions and never during users' code or a
//! system call, but for the one that wakes a thread. `pipeline.rs` decides when to fill slots; this file keeps the books:
//!
//! - `accepted - finished` jobs are outstanding: each waits here, for a slot or, if it is not to have one
//!   any more, for a worker; or occupies a slot; or is in its callback. Callers outside
//!   callbacks are let in only while there are fewer than `depth + backlog`, so chains of jobs, which
//!   go on taking a place as long as they last, count against it.
//! - A slot is free, or occupied by one job from before its submission until its callback returned.
//! - While a worker is idle, no job waits beside a free slot, unless the kernel is out of requests.

pub(crate) mod backlog;
pub(crate) mod batch;
pub(crate) mod counters;
pub(crate) mod ended_early;
pub(crate) mod refusal;
pub(crate) mod slots;

use std::collections::VecDeque;
use std::sync::PoisonError;

use crate::admission::backlog::Backlog;
use crate::admission::batch::Batch;
use crate::admission::ended_early::Early;
use crate::admission::refusal::SubmitErrorKind;
use crate::admission::slots::Slots;
use crate::engine::operation::Operation;
use crate::job::Job;
use crate::job::stopped::CancelReason;
use crate::job::task::{JobView, Route};
use crate::sync::{Condvar, Mutex, MutexGuard};
use crate::wait::limit::WaitLimit;
use crate::wait::room::Room;
use crate::wait::wake;

/// How long a caller is ready to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Patience {
    None,
    Until(WaitLimit),
}

/// What to do about reads of buffered files, for which somebody looks into the page cache, and copies
/// what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cached {
    /// Stop before the first, and leave it to a worker.
    Leave,
    /// Stop after the first.
    TakeOne,
}

/// Bounds on jobs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Slots.
    pub(crate) depth: u32,
    /// Jobs beyond the depth that may be outstanding for one more to be let in from outside.
    pub(crate) backlog: usize,
    /// Jobs beyond the backlog that may be waiting for one more of a callback's to be parked.
    pub(crate) parked: usize,
}

impl Limits {
    /// How many jobs may be outstanding.
    fn outstanding(&self) -> u64 {
        u64::from(self.depth) + self.backlog as u64
    }

    /// How many may still be outstanding when callers that wait for room are called.
    fn half_empty(&self) -> u64 {
        u64::from(self.depth) + self.backlog as u64 / 2
    }
}

pub(crate) struct Admission {
    limits: Limits,
    state: Mutex<State>,
    /// Callers wait here for room in the backlog.
    room: Condvar,
    /// Callers wait here until nothing is outstanding.
    quiet: Condvar,
}

/// What the lock guards.
pub(crate) struct State {
    free: Vec<u32>,
    pub(crate) waiting: Backlog,
    /// Jobs that go on, with the slots that they have: before all others.
    resumed: VecDeque<(u32, Job)>,
    /// Jobs that end without having been done.
    pub(crate) early: Early,
    pub(crate) tally: Tally,
    /// Of the jobs outstanding, those that were posted.
    posted: u64,
    /// A worker has been asked to fill slots and has not come yet.
    pub(crate) summoned: bool,
    /// The kernel had no request left; it is asked again after the next completion.
    pub(crate) starved: bool,
    /// The reaper looks soon whether jobs that wait beside free slots still do.
    pub(crate) watched: bool,
    /// How often a worker has filled slots between callbacks.
    pub(crate) refills: u64,
    /// No jobs from outside callbacks are accepted any more.
    pub(crate) closing: bool,
    /// Somebody tells the threads to end.
    pub(crate) stopped: bool,
    /// The threads have been told.
    told: bool,
    /// Who waits for room, threads on the condition of this name. Who calls tasks wakes them when
    /// the lock has been given up.
    pub(crate) room: Room,
}

/// What has happened since the start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    pub(crate) finished: u64,
    pub(crate) failed: u64,
    pub(crate) short: u64,
    pub(crate) buffered: u64,
    pub(crate) nops: u64,
    pub(crate) blocking_calls: u64,
    pub(crate) resumed: u64,
    pub(crate) cancelled: u64,
    pub(crate) timed_out: u64,
}

impl Tally {
    /// Counts a job that is moved into a slot.
    fn count(&mut self, brief: &JobView) {
        self.buffered += u64::from(brief.buffered);
        self.nops += u64::from(brief.transfer.operation == Operation::Nop);
        self.blocking_calls += u64::from(brief.transfer.operation == Operation::Blocking);
    }

    /// Counts a job that is not to be done, if it has not been counted before.
    pub(crate) fn count_early(&mut self, why: CancelReason, first: bool) {
        match why {
            CancelReason::Cancelled => self.cancelled += u64::from(first),
            CancelReason::TimedOut => self.timed_out += u64::from(first),
        }
    }
}

/// How a job ended, for the books.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) failed: bool,
    pub(crate) short: bool,
    pub(crate) posted: bool,
}

impl Admission {
    pub(crate) fn new(limits: Limits) -> Self {
        let state = State {
            // Taken from the end: low indices first, and the last one freed, still in cache, next.
            free: (0..limits.depth).rev().collect(),
            waiting: Backlog::new(),
            early: Early::default(),
            resumed: VecDeque::new(),
            tally: Tally::default(),
            posted: 0,
            summoned: false,
            starved: false,
            watched: false,
            refills: 0,
            closing: false,
            stopped: false,
            told: false,
            room: Room::default(),
        };
        Self { limits, state: Mutex::new(state), room: Condvar::new(), quiet: Condvar::new() }
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics between two related changes; a poisoned lock is as good as any.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Accepts jobs from outside callbacks into the backlog, as many as there is room for.
    pub(crate) fn accept_outside(
        &self,
        state: &mut State,
        jobs: &mut impl ExactSizeIterator<Item = Job>,
    ) -> Result<(), SubmitErrorKind> {
        if state.closing {
            return Err(SubmitErrorKind::ShutDown);
        }
        let room = self.room(state);
        state.accept(jobs.take(room));
        Ok(())
    }

    /// Accepts jobs from a callback: they are parked until slots are free.
    pub(crate) fn accept_parked(
        &self,
        state: &mut State,
        jobs: &mut impl ExactSizeIterator<Item = Job>,
    ) -> Result<(), SubmitErrorKind> {
        let most = self.limits.parked.saturating_add(self.limits.backlog);
        state.accept(jobs.take(most.saturating_sub(state.waiting.len())));
        if jobs.len() == 0 { Ok(()) } else { Err(SubmitErrorKind::Full) }
    }

    /// Waits until the backlog has room or the dispatcher closes.
    pub(crate) fn wait_for_room<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        patience: Patience,
    ) -> Result<MutexGuard<'a, State>, SubmitErrorKind> {
        while self.room(&state) == 0 && !state.closing {
            let Patience::Until(deadline) = patience else { return Err(SubmitErrorKind::Full) };
            state.room.thread_waits();
            let waited = deadline.wait(&self.room, state);
            let timed_out = waited.is_err();
            state = waited.unwrap_or_else(|state| state);
            state.room.thread_came();
            if timed_out {
                return Err(SubmitErrorKind::TimedOut);
            }
        }
        Ok(state)
    }

    /// Passes the call on: whoever was woken for room and leaves some of it wakes the next.
    pub(crate) fn pass_room_on(&self, state: &mut State) {
        let (room, is_last) = (self.room(state), state.outstanding() == 0);
        if state.room.pass_on(room, is_last) {
            self.room.notify_one();
        }
    }

    /// Calls a waiting caller: not for each job that ends, but when the backlog is half empty, or
    /// half a backlog of jobs has ended without it getting there, as happens if chains keep more
    /// than half of it filled.
    fn call_for_jobs(&self, state: &mut State) {
        let (room, is_last) = (self.room(state), state.outstanding() == 0);
        let is_much = state.counted() <= self.limits.half_empty();
        if state.room.job_ended(room, is_much, is_last, self.limits.backlog as u64 / 2) {
            self.room.notify_one();
        }
    }

    /// How many more jobs from outside callbacks are let in.
    pub(crate) fn room(&self, state: &State) -> usize {
        let room = self.limits.outstanding().saturating_sub(state.counted());
        usize::try_from(room).unwrap_or(usize::MAX)
    }

    /// Moves jobs that go on into their slots, and waiting ones into free slots, in order, and lists
    /// where they go.
    pub(crate) fn fill_slots(
        &self,
        state: &mut State,
        slots: &Slots,
        cached: Cached,
        batch: &mut Batch,
    ) {
        state.give_up_overdue();
        while state.can_fill() {
            let Some(brief) = state.next().map(Job::view) else { break };
            let looks = brief.route == Route::Cache;
            if looks && cached == Cached::Leave {
                break;
            }
            let Some((index, job)) = state.take_next() else { break };
            state.tally.count(&brief);
            if brief.transfer.operation == Operation::Poll {
                state.early.poll_begins(&job, index);
            }
            batch.push(slots.put(index, job), &brief);
            if looks {
                break;
            }
        }
    }

    /// Puts jobs that the kernel had no request for back where they came from, in order: `refused`
    /// yields slot and job, last first. The caller has checked that other slots are occupied,
    /// so that a completion will come.
    pub(crate) fn starve(&self, state: &mut State, refused: impl Iterator<Item = (u32, Job)>) {
        for (index, job) in refused {
            state.free.push(index);
            if job.is_poll() {
                state.early.poll_ends(&job, index);
            }
            state.tally.buffered -= u64::from(job.view().buffered);
            match job.stopped {
                None => state.waiting.push_front(job),
                Some(why) => state.early.push(job, why),
            }
        }
        state.starved = true;
    }

    /// Takes note of a job whose callback has returned, and frees its slot, if it had one. True if the
    /// threads are to be told to end, which the caller then does.
    pub(crate) fn finish(&self, state: &mut State, slot: Option<u32>, outcome: Outcome) -> bool {
        if let Some(index) = slot {
            state.free.push(index);
            state.starved = false;
        }
        state.tally.finished += 1;
        state.posted -= u64::from(outcome.posted);
        state.tally.failed += u64::from(outcome.failed);
        state.tally.short += u64::from(outcome.short);
        self.call_for_jobs(state);
        if state.outstanding() > 0 {
            return false;
        }
        self.quiet.notify_all();
        state.may_stop()
    }

    /// Refuses jobs from outside callbacks from now on. True if the threads are to be told to end.
    pub(crate) fn close(&self) -> bool {
        let mut state = self.lock();
        state.closing = true;
        self.room.notify_all();
        state.room.line.wake_first(usize::MAX);
        let (called, stop) = (state.room.line.take_woken(), state.may_stop());
        drop(state);
        wake(called);
        stop
    }

    /// Takes note that the threads have been told to end.
    pub(crate) fn told_to_stop(&self) {
        self.lock().told = true;
        self.quiet.notify_all();
    }

    /// Waits until the threads have been told to end, after the last job has.
    pub(crate) fn wait_until_told(&self) {
        let mut state = self.lock();
        while !state.told {
            state = self.quiet.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until nothing is outstanding. False if the deadline came first.
    pub(crate) fn wait_until_quiet(&self, deadline: WaitLimit) -> bool {
        let mut state = self.lock();
        while state.outstanding() > 0 {
            match deadline.wait(&self.quiet, state) {
                Ok(waited) => state = waited,
                Err(_) => return false,
            }
        }
        true
    }
}

impl State {
    /// The job that is submitted next.
    fn next(&self) -> Option<&Job> {
        self.resumed.front().map(|(_, job)| job).or_else(|| self.waiting.front())
    }

    /// Takes it out, with the slot that it has or gets.
    fn take_next(&mut self) -> Option<(u32, Job)> {
        if let Some(resumed) = self.resumed.pop_front() {
            return Some(resumed);
        }
        let index = self.free.pop()?;
        let job = self.waiting.pop_front();
        job.map(|job| (index, job))
    }

    /// Takes a job back that goes on. It keeps its slot. The kernel has a request more to give than
    /// before, as after a callback.
    pub(crate) fn resume(&mut self, index: u32, job: Job) {
        self.resumed.push_back((index, job));
        self.tally.resumed += 1;
        self.starved = false;
    }

    /// Accepts a job without asking for room.
    pub(crate) fn post(&mut self, mut job: Job) {
        job.posted = true;
        self.posted += 1;
        self.accept(std::iter::once(job));
    }

    fn accept(&mut self, jobs: impl Iterator<Item = Job>) {
        let before = self.waiting.len();
        for mut job in jobs {
            job.start_clock();
            self.waiting.push_back(job);
        }
        self.tally.accepted += (self.waiting.len() - before) as u64;
    }

    /// Whether there is a job to put into a slot, a slot to put it into, and hope that the kernel
    /// takes it.
    pub(crate) fn can_fill(&self) -> bool {
        !self.starved && self.has_pair()
    }

    /// Whether jobs wait beside free slots for the kernel alone.
    pub(crate) fn is_starved(&self) -> bool {
        self.starved && self.has_pair()
    }

    /// Whether a job waits beside a free slot, or has one.
    fn has_pair(&self) -> bool {
        !self.resumed.is_empty() || !self.free.is_empty() && !self.waiting.is_empty()
    }

    /// Jobs that take a place which others wait for. What parts of this crate post does not, as it
    /// has bounds of its own.
    fn counted(&self) -> u64 {
        self.outstanding() - self.posted
    }

    pub(crate) fn outstanding(&self) -> u64 {
        self.tally.accepted - self.tally.finished
    }

    /// Jobs that wait for a slot.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Jobs that have a slot and wait to go on.
    pub(crate) fn resumed(&self) -> usize {
        self.resumed.len()
    }

    pub(crate) fn free_slots(&self) -> usize {
        self.free.len()
    }

    fn may_stop(&mut self) -> bool {
        let now = self.closing && !self.stopped && self.outstanding() == 0;
        self.stopped |= now;
        now
    }
}
