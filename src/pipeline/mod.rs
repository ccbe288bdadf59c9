//! What callers, reaper and workers share, and the steps by which a job moves between them.

mod blocking_work;
pub(crate) mod cancel;
mod coalescing;
pub(crate) mod doorbell;
mod idle;
mod launch;
#[cfg(all(test, loom))]
mod models;
mod pace;
pub(crate) mod panics;
pub(crate) mod reaper;
#[cfg(all(test, not(loom)))]
mod scripted;
mod spin;
mod wakeups;
mod watch;
pub(crate) mod worker;

use std::cell::Cell;
use std::ptr;
use std::sync::PoisonError;

use crate::admission::batch::Batch;
use crate::admission::counters::Counters;
use crate::admission::refusal::SubmitErrorKind;
use crate::admission::slots::Slots;
use crate::admission::{Admission, Cached, Limits, Outcome, Patience, State};
use crate::blocking::{BlockingPool, BlockingService};
use crate::engine::Engine;
use crate::job::Job;
use crate::pipeline::doorbell::Doorbell;
use crate::pipeline::pace::Pace;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::channel::{Receiver, Sender, bounded};
use crate::sync::{Arc, Mutex, MutexGuard};
use crate::sys::fork::ForkMark;
use crate::wait::sleepers::Sleepers;
use crate::wait::{wake, worker_mark};
use panics::{PanicHandler, PanicSink};

/// A job that the kernel is done with.
pub(crate) struct Completed {
    /// Its slot, occupied until the callback has returned.
    pub(crate) index: u32,
    /// What the kernel said, as it encodes it.
    pub(crate) res: i64,
    pub(crate) job: Job,
}

pub(crate) struct Pipeline {
    /// The process that the context and the threads belong to.
    fork_mark: ForkMark,
    pub(crate) engine: Box<dyn Engine>,
    pub(crate) slots: Slots,
    pub(crate) admission: Admission,
    pub(crate) counters: Counters,
    pub(crate) panics: Arc<PanicSink>,
    /// Where jobs go that the reaper doesn't see. Taken when the threads are
    /// told to end: the workers' channel is disconnected once the reaper has dropped its own.
    outlet: Mutex<Option<Sender<Completed>>>,
    pub(crate) parcels: Receiver<Completed>,
    pub(crate) sleepers: Sleepers,
    pub(crate) pace: Pace,
    pub(crate) blocking: Arc<BlockingPool>,
    /// Without reaper and workers: how the owner is told of what there is for it.
    pub(crate) doorbell: Option<Doorbell>,
    /// The reaper could not be told to end.
    reaper_deaf: AtomicBool,
}

thread_local! {
    /// The lists of one filling of slots, kept so that none is allocated each time.
    static BATCH: Cell<Batch> = const { Cell::new(Batch::new()) };
}

impl Pipeline {
    /// Also returns the sender that the reaper is to have.
    pub(crate) fn new(
        engine: Box<dyn Engine>,
        limits: Limits,
        workers: usize,
        blocking: Arc<BlockingPool>,
        panic_handler: Option<PanicHandler>,
        doorbell: Option<Doorbell>,
    ) -> (Arc<Self>, Sender<Completed>) {
        // Each job on it occupies a slot, so a send never blocks.
        let (sender, parcels) = bounded(limits.depth as usize);
        let pipeline = Arc::new(Self {
            fork_mark: ForkMark::here(),
            engine,
            slots: Slots::new(limits.depth),
            admission: Admission::new(limits),
            counters: Counters::default(),
            panics: Arc::new(PanicSink::new(panic_handler)),
            outlet: Mutex::new(Some(sender.clone())),
            parcels,
            sleepers: Sleepers::new(workers),
            pace: Pace::new(),
            blocking,
            doorbell,
            reaper_deaf: AtomicBool::new(false),
        });
        let service: Arc<dyn BlockingService> = pipeline.clone();
        pipeline.blocking.serve(Arc::downgrade(&service));
        (pipeline, sender)
    }

    /// Whether this is another process than the one that the dispatcher was made in: its threads
    /// don't exist here, its context isn't ours, and its locks may be held for ever.
    pub(crate) fn is_forked(&self) -> bool {
        self.fork_mark.is_elsewhere()
    }

    /// Whether the calling thread is one of this pipeline's workers, or one of its lane that does a
    /// blocking job's work.
    pub(crate) fn on_worker(&self) -> bool {
        worker_mark::is_worker_of(ptr::from_ref(self).addr())
    }

    /// Whether what the calling thread waits for might have to be done by itself.
    pub(crate) fn must_not_wait(&self) -> bool {
        self.on_worker() || self.doorbell.as_ref().is_some_and(Doorbell::is_owned_here)
    }

    /// Runs `work` with the calling thread marked as one of this pipeline's workers. Not longer:
    /// what destructors of thread-local values submit comes when nobody is left to run it.
    pub(crate) fn as_worker(&self, work: impl FnOnce()) {
        worker_mark::as_worker_of(ptr::from_ref(self).addr(), work);
    }

    /// Accepts jobs; those that it refuses stay in the iterator.
    pub(crate) fn accept(
        &self,
        jobs: &mut impl ExactSizeIterator<Item = Job>,
        patience: Patience,
    ) -> Result<(), SubmitErrorKind> {
        if self.is_forked() {
            return Err(SubmitErrorKind::Forked);
        }
        let result = if self.on_worker() {
            self.park(jobs)
        } else if self.must_not_wait() {
            self.accept_outside(jobs, Patience::None)
        } else {
            self.accept_outside(jobs, patience)
        };
        if result.is_err() {
            self.admission.lock().tally.refused += jobs.len() as u64;
        }
        result
    }

    fn accept_outside(
        &self,
        jobs: &mut impl ExactSizeIterator<Item = Job>,
        patience: Patience,
    ) -> Result<(), SubmitErrorKind> {
        while jobs.len() > 0 {
            let state = self.admission.lock();
            let waited = self.admission.wait_for_room(state, patience);
            let mut state = match waited {
                Ok(state) => state,
                Err(kind) => {
                    // A call for room may have been meant for this caller.
                    self.pass_room_on();
                    return Err(kind);
                }
            };
            self.admission.accept_outside(&mut state, jobs)?;
            self.admission.pass_room_on(&mut state);
            self.move_on_and_wake(state);
        }
        Ok(())
    }

    /// Sees to what was let in from outside callbacks, and to the tasks that have been called.
    pub(crate) fn move_on_and_wake<'a>(&'a self, mut state: MutexGuard<'a, State>) {
        let called = state.room.line.take_woken();
        if !called.is_empty() {
            // First, as the submission may take its time.
            drop(state);
            wake(called);
            state = self.admission.lock();
        }
        self.move_on(state, Cached::Leave);
    }

    /// Calls somebody else for room, if there is any, when who was called doesn't take it.
    pub(crate) fn pass_room_on(&self) {
        let mut state = self.admission.lock();
        self.admission.pass_room_on(&mut state);
        let called = state.room.line.take_woken();
        drop(state);
        wake(called);
    }

    /// Accepts jobs that a callback submits. They wait for the end of the run of callbacks, so that
    /// they enter the kernel together, but, unless callbacks are quick, not beside a free slot while
    /// another worker is idle: then the callback's first go at once, and an idle worker comes for
    /// the rest.
    fn park(&self, jobs: &mut impl ExactSizeIterator<Item = Job>) -> Result<(), SubmitErrorKind> {
        let mut state = self.admission.lock();
        let result = self.admission.accept_parked(&mut state, jobs);
        self.see_to_parked(state);
        result
    }

    /// What follows when a callback has submitted.
    fn see_to_parked(&self, mut state: MutexGuard<'_, State>) {
        let first = worker_mark::submits_first();
        let early = self.mind_deadlines(&mut state);
        match (self.owes_others(&state), first) {
            (true, true) => return self.move_on(state, Cached::Leave),
            (true, false) => self.summon(state),
            // Who has an event loop hears of an earlier deadline, too.
            (false, _) if self.doorbell.is_some() => self.summon(state),
            (false, _) if state.is_starved() => {
                drop(state);
                self.leave_asking();
            }
            (false, _) => drop(state),
        }
        if early {
            self.call_for_early();
        }
    }

    /// Accepts a job without waiting, whatever the bounds: for parts of this crate that have bounds of
    /// their own. Given back only if nobody would run its callback any more.
    pub(crate) fn post(&self, job: Job) -> Result<(), Job> {
        if self.is_forked() {
            return Err(job);
        }
        let mut state = self.admission.lock();
        if state.stopped {
            return Err(job);
        }
        state.post(job);
        if self.on_worker() {
            self.see_to_parked(state);
        } else {
            self.move_on(state, Cached::Leave);
        }
        Ok(())
    }

    /// Whether jobs from outside callbacks are refused.
    pub(crate) fn is_closing(&self) -> bool {
        self.is_forked() || self.admission.lock().closing
    }

    /// Moves waiting jobs into free slots and on into the kernel: what a worker does between
    /// callbacks.
    ///
    /// True if some have ended without a slot, and wait for a worker.
    pub(crate) fn refill(&self) -> bool {
        let mut state = self.admission.lock();
        let early = self.mind_deadlines(&mut state);
        self.move_on(state, Cached::TakeOne);
        early
    }

    /// As `refill`, for threads that must not spend time on reads of buffered files.
    pub(crate) fn flush(&self) {
        self.move_on(self.admission.lock(), Cached::Leave);
    }

    pub(crate) fn move_on<'a>(&'a self, mut state: MutexGuard<'a, State>, cached: Cached) {
        let between_callbacks = cached == Cached::TakeOne;
        let mut early = false;
        // Values of other thread-locals may submit when they are dropped, after this one was.
        let mut batch = BATCH.try_with(Cell::take).unwrap_or_default();
        state.refills += u64::from(between_callbacks);
        loop {
            self.admission.fill_slots(&mut state, &self.slots, cached, &mut batch);
            early |= self.mind_deadlines(&mut state);
            if between_callbacks && batch.requests.is_empty() {
                drop(state);
            } else {
                // First, as the submission may take its time.
                self.summon(state);
            }
            if std::mem::take(&mut early) {
                self.call_for_early();
            }
            self.launch(&batch, between_callbacks);
            let read = batch.look.take();
            batch.clear();
            let Some((request, requested)) = read else { break };
            let hit = self.look(&request, requested);
            state = self.admission.lock();
            if hit && self.owes_others(&state) {
                // Copying takes time, as callbacks do, so this one first runs the callback.
                self.summon(state);
                break;
            }
            // Whoever has an event loop decides for itself when it has looked enough.
            if hit || self.doorbell.is_some() || !state.can_fill() {
                break;
            }
        }
        let _ = BATCH.try_with(|kept| kept.set(batch));
    }

    /// Ends a job whose callback has returned, in this slot or in none. True if the slots that are
    /// free now must not wait for the end of the run.
    pub(crate) fn finish(&self, slot: Option<u32>, outcome: Outcome) -> bool {
        let mut state = self.admission.lock();
        let stop = self.admission.finish(&mut state, slot, outcome);
        let owes = self.owes_others(&state);
        let called = state.room.line.take_woken();
        drop(state);
        if stop {
            self.stop();
        }
        wake(called);
        owes
    }

    /// Has a job submitted again that is in the slot with this index. True if it must not wait for
    /// the end of the run.
    pub(crate) fn resume(&self, index: u32, job: Job) -> bool {
        let mut state = self.admission.lock();
        state.resume(index, job);
        self.owes_others(&state)
    }

    /// Refuses jobs from outside callbacks; when nothing is outstanding, the threads end.
    pub(crate) fn close(&self) {
        if self.admission.close() {
            self.stop();
        }
    }

    /// Whether the reaper could not be told to end, so that nobody must wait for the threads.
    pub(crate) fn is_reaper_deaf(&self) -> bool {
        self.reaper_deaf.load(Ordering::Acquire)
    }

    /// Hands a job to the workers that the reaper has not seen, and calls one if need be.
    pub(crate) fn deliver(&self, completed: Completed) {
        self.send([completed]);
        self.call_for_sent(false);
    }

    /// Puts jobs on the channel. The caller then sees to it that somebody comes for them.
    pub(crate) fn send(&self, jobs: impl IntoIterator<Item = Completed>) {
        let outlet = self.outlet.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = outlet.as_ref().expect("a job is outstanding, so the threads go on");
        let mut count = 0;
        for completed in jobs {
            assert!(sender.try_send(completed).is_ok(), "the channel has room for every slot");
            count += 1;
        }
        drop(outlet);
        if let Some(doorbell) = &self.doorbell {
            doorbell.tell(count);
        }
    }

    fn stop(&self) {
        self.outlet.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.blocking.dismiss();
        if self.doorbell.is_none() && self.engine.wake().is_err() {
            self.reaper_deaf.store(true, Ordering::Release);
        }
        self.admission.told_to_stop();
    }

    /// Puts jobs back that the kernel had no request for, last first, until it is asked again.
    pub(crate) fn starve(
        &self,
        mut state: MutexGuard<'_, State>,
        refused: impl Iterator<Item = (u32, Job)>,
    ) {
        self.admission.starve(&mut state, refused);
        let early = self.mind_deadlines(&mut state);
        // Somebody has to be awake to ask.
        self.summon(state);
        if early {
            self.call_for_early();
        }
    }
}
