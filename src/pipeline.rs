//! What callers, reaper and workers share, and the steps by which a job moves between them.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::admission::{Admission, Buffered, Limits, Outcome, Patience, State};
use crate::birth::Birth;
use crate::engine::{Engine, Request};
use crate::error::SubmitErrorKind;
use crate::job::Job;
use crate::slots::Slots;
use crate::stats::Counters;
use crate::unwind::{PanicHandler, PanicSink};

/// What goes over the channel to the workers.
pub(crate) enum Parcel {
    /// The kernel is done with a job: run its callback.
    Done(Completed),
    /// Jobs wait beside free slots, and whoever noticed may not, or had better not, submit them.
    Refill,
}

/// A job that the kernel is done with.
pub(crate) struct Completed {
    /// Its slot, occupied until the callback has returned.
    pub(crate) index: u32,
    /// What the kernel said, as it encodes it.
    pub(crate) res: i64,
    pub(crate) job: Job,
}

/// What a worker may do that found nothing to do.
pub(crate) enum Rest {
    /// There was something after all.
    LookAgain,
    /// Sleep until there is a parcel.
    Sleep,
    /// Sleep, but ask the kernel again soon: jobs wait beside free slots because it had no request
    /// left, and a completion that would make somebody ask may be long in coming.
    Nap,
}

pub(crate) struct Pipeline {
    /// The process that the context and the threads belong to.
    birth: Birth,
    pub(crate) engine: Box<dyn Engine>,
    pub(crate) slots: Slots,
    pub(crate) admission: Admission,
    pub(crate) counters: Counters,
    pub(crate) panics: Arc<PanicSink>,
    /// Where jobs go that failed at submission, and summons to workers. Taken when the threads are
    /// told to end: the workers' channel is disconnected once the reaper has dropped its own.
    outlet: Mutex<Option<Sender<Parcel>>>,
    pub(crate) parcels: Receiver<Parcel>,
    /// Workers that found nothing to do and sleep, or are about to. Counted in under the admission
    /// lock; sequentially consistent, like the channel's indices, for `has_spare_worker`.
    idle_workers: AtomicUsize,
    /// The reaper could not be told to end.
    reaper_deaf: AtomicBool,
}

thread_local! {
    /// The pipeline whose worker this thread is, by address; 0 on all other threads.
    static WORKER_OF: Cell<usize> = const { Cell::new(0) };
    /// Whether the callback that this worker runs has submitted something.
    static HAS_SUBMITTED: Cell<bool> = const { Cell::new(false) };
    /// The list of one submission, kept so that none is allocated each time.
    static BATCH: Cell<Vec<Request>> = const { Cell::new(Vec::new()) };
}

impl Pipeline {
    /// Also returns the sender that the reaper is to have.
    pub(crate) fn new(
        engine: Box<dyn Engine>,
        limits: Limits,
        panic_handler: Option<PanicHandler>,
    ) -> (Arc<Self>, Sender<Parcel>) {
        // Each parcel but one summons stands for an occupied slot, so a send never blocks.
        let (sender, parcels) = bounded(limits.depth as usize + 1);
        let pipeline = Self {
            birth: Birth::here(),
            engine,
            slots: Slots::new(limits.depth),
            admission: Admission::new(limits),
            counters: Counters::default(),
            panics: Arc::new(PanicSink::new(panic_handler)),
            outlet: Mutex::new(Some(sender.clone())),
            parcels,
            idle_workers: AtomicUsize::new(0),
            reaper_deaf: AtomicBool::new(false),
        };
        (Arc::new(pipeline), sender)
    }

    /// Whether this is another process than the one that the dispatcher was made in: its threads
    /// don't exist here, its context isn't ours, and its locks may be held for ever.
    pub(crate) fn is_forked(&self) -> bool {
        self.birth.is_elsewhere()
    }

    /// Whether the calling thread is one of this pipeline's workers.
    pub(crate) fn on_worker(&self) -> bool {
        WORKER_OF.get() == std::ptr::from_ref(self).addr()
    }

    /// Runs `work` with the calling thread marked as one of this pipeline's workers. Not longer:
    /// what destructors of thread-local values submit comes when nobody is left to run it.
    pub(crate) fn as_worker(&self, work: impl FnOnce()) {
        WORKER_OF.set(std::ptr::from_ref(self).addr());
        work();
        WORKER_OF.set(0);
    }

    /// Marks the beginning of a callback.
    pub(crate) fn begin_callback() {
        HAS_SUBMITTED.set(false);
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
        let result =
            if self.on_worker() { self.park(jobs) } else { self.accept_outside(jobs, patience) };
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
                    self.admission.pass_room_on(&mut self.admission.lock());
                    return Err(kind);
                }
            };
            self.admission.accept_outside(&mut state, jobs)?;
            self.admission.pass_room_on(&mut state);
            self.move_on(state, Buffered::Leave);
        }
        Ok(())
    }

    /// Accepts jobs that a callback submits. They wait for the end of the run of callbacks, so that
    /// they enter the kernel together, but never beside a free slot while another worker is idle:
    /// then the callback's first go at once, and an idle worker comes for the rest.
    fn park(&self, jobs: &mut impl ExactSizeIterator<Item = Job>) -> Result<(), SubmitErrorKind> {
        let mut state = self.admission.lock();
        let result = self.admission.accept_parked(&mut state, jobs);
        let first = !HAS_SUBMITTED.replace(true);
        if !state.can_fill() || !self.has_spare_worker() {
            return result;
        }
        if first {
            self.move_on(state, Buffered::Leave);
        } else if self.wants_summons(&mut state) {
            drop(state);
            self.send(Parcel::Refill);
        }
        result
    }

    /// Moves waiting jobs into free slots and on into the kernel: what a worker does between
    /// callbacks.
    pub(crate) fn refill(&self) {
        self.move_on(self.admission.lock(), Buffered::Submit);
    }

    /// As `refill`, for threads that must not do what the kernel performs during the submission.
    pub(crate) fn flush(&self) {
        self.move_on(self.admission.lock(), Buffered::Leave);
    }

    fn move_on(&self, mut state: MutexGuard<'_, State>, buffered: Buffered) {
        // Values of other thread-locals may submit when they are dropped, after this one was.
        let mut batch = BATCH.try_with(Cell::take).unwrap_or_default();
        let buffered = match buffered {
            // With others there to take the next, one at a time: each takes its thread's time.
            Buffered::Submit if self.has_spare_worker() => Buffered::SubmitOne,
            other => other,
        };
        self.admission.fill_slots(&mut state, &self.slots, buffered, &mut batch);
        let summon = buffered != Buffered::Submit && self.wants_summons(&mut state);
        drop(state);
        if summon {
            // First, as the submission may take its time.
            self.send(Parcel::Refill);
        }
        self.launch(&batch);
        batch.clear();
        let _ = BATCH.try_with(|kept| kept.set(batch));
    }

    /// Refills before a callback that may be slow, if another worker is idle: what was submitted
    /// before is not to wait for this one.
    pub(crate) fn refill_if_others_idle(&self) {
        if self.has_spare_worker() {
            self.flush();
        }
    }

    /// Whether a worker sleeps for which there is no parcel on the channel.
    ///
    /// A worker that is awake may snatch a parcel from the one that it would have woken. So this is
    /// asked not only when a job begins to wait, but by whoever has taken a parcel: who asked
    /// before and saw the parcel there relied on it. The order of the two is that of the channel.
    fn has_spare_worker(&self) -> bool {
        let idle = self.idle_workers.load(Ordering::SeqCst);
        idle > 0 && idle > self.parcels.len()
    }

    /// What a worker does when the channel is empty. If it may sleep, it is counted as idle until it
    /// calls [`rise`](Self::rise).
    pub(crate) fn rest(&self) -> Rest {
        let state = self.admission.lock();
        if state.can_fill() {
            self.move_on(state, Buffered::Submit);
            return Rest::LookAgain;
        }
        self.idle_workers.fetch_add(1, Ordering::SeqCst);
        if state.is_starved() { Rest::Nap } else { Rest::Sleep }
    }

    pub(crate) fn rise(&self) {
        self.idle_workers.fetch_sub(1, Ordering::SeqCst);
    }

    /// Asks a kernel again that had no request left, although nothing has completed since.
    pub(crate) fn ask_again(&self) {
        let mut state = self.admission.lock();
        state.starved = false;
        self.move_on(state, Buffered::Submit);
    }

    /// What a worker does when it was summoned.
    pub(crate) fn answer_summons(&self) {
        self.admission.lock().summoned = false;
        self.refill();
    }

    /// Ends a job whose callback has returned.
    pub(crate) fn finish(&self, index: u32, outcome: Outcome) {
        if self.admission.finish(index, outcome) {
            self.stop();
        }
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

    /// Hands a job to the workers that failed before the kernel had it.
    pub(crate) fn deliver(&self, completed: Completed) {
        self.send(Parcel::Done(completed));
    }

    fn stop(&self) {
        self.outlet.lock().unwrap_or_else(PoisonError::into_inner).take();
        if self.engine.wake().is_err() {
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
        // Somebody has to be awake to ask.
        let summon = self.wants_summons(&mut state);
        drop(state);
        if summon {
            self.send(Parcel::Refill);
        }
    }

    /// Whether an idle worker is to be asked to fill slots, or to ask a starved kernel again; the
    /// caller then does that.
    fn wants_summons(&self, state: &mut State) -> bool {
        let idle = self.idle_workers.load(Ordering::SeqCst) > 0;
        let wanted = (state.can_fill() || state.is_starved()) && idle && !state.summoned;
        state.summoned |= wanted;
        wanted
    }

    fn send(&self, parcel: Parcel) {
        let outlet = self.outlet.lock().unwrap_or_else(PoisonError::into_inner);
        // Without an outlet nothing is outstanding, and a summons has nothing to call for.
        if let Some(outlet) = &*outlet {
            assert!(outlet.try_send(parcel).is_ok(), "the channel has room for every slot");
        }
    }
}
