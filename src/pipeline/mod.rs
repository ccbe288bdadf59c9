//! How jobs move: into slots, to the kernel or thread that performs them, onto the channel, into
//! their callbacks. This is the only layer with threads of its own. `README.md` in this folder is
//! the protocol.
//!
//! [`Pipeline`] has the steps. It keeps the books in an [`Admission`], and hands jobs on by a
//! [`Launcher`], which also handles the kernel's answers (`EAGAIN`). Its [`Wakeups`] decide who is
//! woken. These use the steps: the bodies of the threads (`worker`, `reaper`, `blocking_work`), the
//! end of a job (`callback`), and the ways in (`entrance`) and out (`cancel`, also for deadlines).

mod blocking_work;
pub(crate) mod callback;
pub(crate) mod cancel;
mod coalescing;
pub(crate) mod entrance;
pub(crate) mod launcher;
#[cfg(all(test, loom))]
mod models;
pub(crate) mod panics;
pub(crate) mod reaper;
#[cfg(all(test, not(loom)))]
mod scripted;
mod spin;
pub(crate) mod wakeups;
mod watch;
pub(crate) mod worker;

use std::cell::Cell;
use std::mem;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::sync::channel::{Receiver, Sender, bounded};

use crate::admission::batch::Batch;
use crate::admission::books::{Books, Then};
use crate::admission::counters::Counters;
use crate::admission::counters::Outcome;
use crate::admission::limits::Limits;
use crate::admission::{Admission, AfterEnd, Filled, Filler};
use crate::blocking::{BlockingPool, BlockingRequest, Errand, PoolService, ThreadKind, ThreadPool};
use crate::engine::Engine;
use crate::engine::operation::Operation;
use crate::job::Job;
use crate::job::completed::Completed;
use crate::pipeline::launcher::{Launcher, Look};
use crate::pipeline::panics::{PanicHandler, PanicSink};
use crate::pipeline::wakeups::Wakeups;
use crate::pipeline::wakeups::doorbell::Doorbell;
use crate::pipeline::wakeups::hints::{FillNow, SenderNext};
use crate::pipeline::wakeups::owner::OwnerWakeups;
use crate::pipeline::wakeups::workers::WorkerWakeups;
use crate::sync::MutexGuard;
use crate::sys::fork::ForkMark;
use crate::unwind::{catch, discard};
use crate::wait::waiting_threads::{Wait, WaitingThreads};
use crate::wait::wake;
use crate::wait::worker_mark::{self, Role};

pub(crate) struct Pipeline {
    /// Tells whether this is still the process that the context and the threads belong to.
    fork_mark: ForkMark,
    /// Dropped before the admission: the engine gives memory back that jobs have.
    launcher: Launcher,
    admission: Admission,
    /// The channel of jobs whose callbacks are to be run.
    completed: Receiver<Completed>,
    panics: Arc<PanicSink>,
    /// The reaper could not be told to end. Set by the thread that tried.
    reaper_deaf: AtomicBool,
    /// Workers and blocking threads that wait for jobs.
    waiting_workers: WaitingThreads,
    waiting_blocking_threads: WaitingThreads,
    /// Those of both, whose jobs keep their slots meanwhile.
    waiting_slots: WaitingThreads,
    /// Threads that do errands and wait for others.
    waiting_converters: WaitingThreads,
}

/// The threads that run the callbacks.
pub(crate) enum Runs {
    /// This many workers.
    Workers(usize),
    /// The owner of an event loop, which this doorbell wakes.
    Owner(Doorbell),
}

thread_local! {
    /// The lists of one filling of slots, kept so that none is allocated each time.
    static BATCH: Cell<Batch> = Cell::default();
}

/// Its parts, each with a state of its own that it keeps private.
impl Pipeline {
    /// Also returns the sender of completed jobs that the reaper is to have.
    pub(crate) fn new(
        engine: Box<dyn Engine>,
        limits: Limits,
        runs: Runs,
        blocking: Arc<BlockingPool>,
        panic_handler: Option<PanicHandler>,
    ) -> (Arc<Self>, Sender<Completed>) {
        // Each job on the channel occupies a slot, so a send never blocks.
        let (sender, completed) = bounded(limits.depth as usize);
        let counters = Arc::new(Counters::default());
        let workers = if let Runs::Workers(count) = runs { count } else { 1 };
        let wakeups = match runs {
            Runs::Workers(count) => Wakeups::Workers(WorkerWakeups::new(count, completed.clone())),
            Runs::Owner(doorbell) => {
                Wakeups::Owner(OwnerWakeups::new(doorbell, Arc::clone(&counters)))
            }
        };
        let blocking_threads = blocking.limit();
        let threads = blocking.thread_settings();
        let most_converters = threads.converters(workers);
        let converters = ThreadPool::of_kind(ThreadKind::Converter, most_converters, threads);
        let pipeline = Arc::new(Self {
            fork_mark: ForkMark::of_this_process(),
            admission: Admission::new(limits, engine.backend()),
            launcher: Launcher::new(
                engine,
                (blocking, converters),
                sender.clone(),
                counters,
                wakeups,
            ),
            completed,
            panics: Arc::new(PanicSink::new(panic_handler)),
            reaper_deaf: AtomicBool::new(false),
            waiting_workers: WaitingThreads::of(workers),
            waiting_blocking_threads: WaitingThreads::of(blocking_threads),
            waiting_slots: WaitingThreads::of(limits.depth as usize),
            waiting_converters: WaitingThreads::of(most_converters),
        });
        let service: Arc<dyn PoolService<BlockingRequest>> = pipeline.clone();
        pipeline.launcher.blocking.serve(Arc::downgrade(&service));
        let service: Arc<dyn PoolService<Errand>> = pipeline.clone();
        pipeline.launcher.converters.serve(Arc::downgrade(&service));
        (pipeline, sender)
    }

    pub(crate) fn admission(&self) -> &Admission {
        &self.admission
    }

    pub(crate) fn launcher(&self) -> &Launcher {
        &self.launcher
    }

    pub(crate) fn completed(&self) -> &Receiver<Completed> {
        &self.completed
    }

    pub(crate) fn panics(&self) -> &Arc<PanicSink> {
        &self.panics
    }

    pub(crate) fn wakeups(&self) -> &Wakeups {
        &self.launcher.wakeups
    }
}

/// Which part the calling thread has in this pipeline.
impl Pipeline {
    /// Whether this is another process than the one that the dispatcher was made in. Then its
    /// threads don't exist here, its context is the other process's, and its locks may be held for
    /// ever.
    pub(crate) fn is_forked(&self) -> bool {
        self.fork_mark.is_forked()
    }

    /// Whether the calling thread is one of this pipeline's workers, or a blocking thread that does
    /// a blocking job's work.
    pub(crate) fn is_worker_here(&self) -> bool {
        self.role_here().is_some_and(Role::completes_jobs)
    }

    /// Whether the calling thread does something of this pipeline's that is outstanding meanwhile.
    pub(crate) fn is_outstanding_here(&self) -> bool {
        self.role_here().is_some()
    }

    fn role_here(&self) -> Option<Role> {
        worker_mark::role_in(ptr::from_ref(self).addr())
    }

    /// Lets the calling thread wait for jobs of this dispatcher, as long as the value exists.
    /// `None` if it must not: it runs a callback or blocking work, and every other thread that
    /// could do so waits already, or a job that waits has every other slot.
    pub(crate) fn wait_for_jobs(&self) -> Option<Wait<'_>> {
        let threads = match self.role_here() {
            None | Some(Role::Converter) => return Some(Wait::Outside),
            Some(Role::Worker) => &self.waiting_workers,
            Some(Role::BlockingThread) => &self.waiting_blocking_threads,
        };
        Some(Wait::Inside { _thread: threads.wait()?, _slot: self.waiting_slots.wait()? })
    }

    /// The same for errands. `None` also if it does one, and all others of its kind wait already.
    pub(crate) fn wait_for_errands(&self) -> Option<Wait<'_>> {
        if self.role_here() == Some(Role::Converter) {
            return Some(Wait::InErrand { _thread: self.waiting_converters.wait()? });
        }
        self.wait_for_jobs()
    }

    /// Whether the job that the calling thread waits for might have to be run by itself.
    pub(crate) fn must_not_wait(&self) -> bool {
        self.is_worker_here() || self.wakeups().is_owner_here()
    }

    /// Runs `work` with the calling thread marked as one that runs this pipeline's callbacks.
    pub(crate) fn with_role(&self, role: Role, work: impl FnOnce()) {
        worker_mark::with_role(ptr::from_ref(self).addr(), role, work);
    }
}

/// The steps of jobs.
impl Pipeline {
    /// Accepts a job without waiting, whatever the bounds: for parts of this crate that have bounds
    /// of their own. The job comes back only if nobody would run its callback any more.
    pub(crate) fn post(&self, job: Job) -> Result<(), Job> {
        if self.is_forked() {
            return Err(job);
        }
        let mut books = self.admission.lock();
        books.post(job)?;
        if self.is_worker_here() {
            self.after_parking(books);
        } else {
            self.fill(books, Filler::Caller);
        }
        Ok(())
    }

    /// Sees to jobs that a callback has submitted. Those that can't keep this thread waiting may go
    /// at once. The others go with an idle worker that is woken for them, or at the end of the run
    /// of callbacks. See "Submission in a callback" in `README.md`.
    #[inline]
    pub(crate) fn after_parking(&self, mut books: MutexGuard<'_, Books>) {
        let ended_early = self.wakeups().expire_overdue(&mut books);
        let fill = self.wakeups().when_to_fill(&books);
        if fill == FillNow::Yes && worker_mark::fills_first() {
            return self.fill(books, Filler::InCallback);
        }
        self.wakeups().for_parked(books, fill);
        if ended_early {
            self.wakeups().for_ended_early(&self.admission);
        }
    }

    /// Moves waiting jobs into free slots and hands them on, as a worker does between callbacks.
    ///
    /// True if jobs that ended early wait for a worker.
    pub(crate) fn refill(&self) -> bool {
        let mut books = self.admission.lock();
        let ended_early = self.wakeups().expire_overdue(&mut books);
        self.fill(books, Filler::BetweenCallbacks);
        ended_early
    }

    /// Does the same without spending time on reads of buffered files.
    pub(crate) fn flush(&self) {
        self.fill(self.admission.lock(), Filler::Caller);
    }

    /// Moves waiting jobs into free slots and hands them on, as far as this thread may.
    pub(crate) fn fill<'a>(&'a self, mut books: MutexGuard<'a, Books>, filler: Filler) {
        let (admission, wakeups) = (&self.admission, self.wakeups());
        let between_callbacks = filler == Filler::BetweenCallbacks;
        let next = if between_callbacks { SenderNext::TakesOne } else { SenderNext::Other };
        // The thread-local may be gone: values of others may submit when they are dropped after it.
        let mut batch = BATCH.try_with(Cell::take).unwrap_or_default();
        if between_callbacks {
            books.flags_mut().count_refill();
        }
        loop {
            let filled = admission.fill_slots(&mut books, filler, &mut batch);
            let ended_early = wakeups.expire_overdue(&mut books);
            if between_callbacks && batch.requests.is_empty() {
                drop(books);
            } else {
                // First, as the submission may take its time.
                wakeups.wake_filler(books);
            }
            if ended_early {
                wakeups.for_ended_early(admission);
            }
            self.launcher.launch(admission, &mut batch, next);
            let read = batch.look.take();
            batch.clear();
            let Some(read) = read else {
                if filled == Filled::AsFarAsPossible {
                    break;
                }
                books = admission.lock();
                continue;
            };
            let look = self.launcher.look(admission, read);
            books = admission.lock();
            if look == Look::Hit {
                // Copying has taken its time, as a callback does, so this thread runs the callback
                // first. Another worker is woken for the rest if it must not wait.
                if wakeups.when_to_fill(&books) == FillNow::Yes {
                    wakeups.wake_filler(books);
                }
                break;
            }
            if !wakeups.fills_on() || !books.can_fill() {
                break;
            }
        }
        let _ = BATCH.try_with(|kept| kept.set(batch));
    }

    /// Has a thread of its own do something that may wait for jobs. It counts as a job that is
    /// outstanding. False if no thread can be started, or nobody is to wait for it any more.
    pub(crate) fn run_errand(self: &Arc<Self>, work: impl FnOnce() + Send + 'static) -> bool {
        if self.is_forked() || !self.admission.lock().hold() {
            return false;
        }
        let held = Held(Arc::clone(self));
        let errand = Errand::new(move || {
            // The destructors of what it has are the user's.
            if let Err(payload) = catch(work) {
                held.0.panics.report(&payload, Operation::Blocking, 0);
                discard(payload);
            }
            // In a forked child, locks may be held for ever.
            if held.0.is_forked() { mem::forget(held) } else { drop(held) }
        });
        self.launcher.converters.push([errand])
    }

    /// Ends a job whose callback has returned, and frees the slot that this token names, if it had
    /// one.
    #[inline]
    pub(crate) fn finish(&self, slot: Option<u64>, outcome: Outcome) -> FillNow {
        let mut books = self.admission.lock();
        let after_end = self.admission.finish(&mut books, slot, outcome);
        let fill = self.wakeups().when_to_fill(&books);
        drop(books);
        if let Some(AfterEnd { then, woken }) = after_end {
            self.follow(then);
            wake(woken);
        }
        fill
    }

    /// Has an exact job go on that is done in part. It frees the slot that this token names, and
    /// there is one for it when its turn comes.
    pub(crate) fn resume(&self, token: u64, job: Job) -> FillNow {
        let mut books = self.admission.lock();
        books.resume(token, job);
        self.wakeups().when_to_fill(&books)
    }
}

/// Something that is outstanding, as a job is, as long as this exists.
struct Held(Arc<Pipeline>);

impl Drop for Held {
    fn drop(&mut self) {
        let outcome = Outcome { failed: false, short: false, uncounted: true };
        // It frees no slot, so there is nothing to fill.
        let _ = self.0.finish(None, outcome);
    }
}

/// The end of the pipeline.
impl Pipeline {
    /// Refuses jobs from outside callbacks. When nothing is outstanding, the threads end.
    pub(crate) fn close(&self) {
        self.follow(self.admission.close());
    }

    /// Whether jobs from outside callbacks are refused.
    pub(crate) fn is_closing(&self) -> bool {
        self.is_forked() || self.admission.lock().flags().is_closing()
    }

    /// Tells the threads to end, if that is the next step. See "Ending" in `README.md`.
    fn follow(&self, then: Then) {
        if then == Then::GoOn {
            return;
        }
        self.launcher.stop();
        let has_reaper = matches!(self.wakeups(), Wakeups::Workers(_));
        if has_reaper && self.launcher.engine.wake().is_err() {
            self.reaper_deaf.store(true, Ordering::Release);
        }
        self.admission.threads_are_told();
        // Last, as this is users' code. The calling thread ran or refused the last callback, so it
        // is never the reaper.
        self.panics.end();
    }

    /// Whether the reaper could not be told to end, so that nobody must wait for the threads.
    pub(crate) fn is_reaper_deaf(&self) -> bool {
        self.reaper_deaf.load(Ordering::Acquire)
    }
}
