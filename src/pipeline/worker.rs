//! The body of a worker: runs callbacks, fills slots between them, and sleeps when there is nothing
//! to do.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::sync::channel::TryRecvError;

use super::Pipeline;
use super::callback::{end, end_one_early, run_limit};
use super::wakeups::hints::{FillNow, SenderNext};
use super::wakeups::workers::{NAP_MIN, WorkerWakeups};
use crate::admission::Filler;
use crate::sync::{Instant, thread};
use crate::unwind::AbortOnUnwind;
use crate::wait::worker_mark::Role;

const NAP_MAX: Duration = Duration::from_millis(100);

/// How often a worker looks for a job again before it sleeps. Never in a model, which would only
/// have more schedules to try.
const LOOKS: usize = if cfg!(all(test, loom)) { 0 } else { 4 };

/// Runs callbacks until the channel is disconnected.
pub(crate) fn run(pipeline: &Pipeline, number: usize) {
    let _guard = AbortOnUnwind;
    pipeline.with_role(Role::Worker, || Worker::new(pipeline, number).work());
}

pub(super) struct Worker<'a> {
    pipeline: &'a Pipeline,
    wakeups: &'a WorkerWakeups,
    /// Its number among the workers.
    number: usize,
    run: Option<Run>,
}

/// The callbacks that a worker has run since it last filled slots.
struct Run {
    /// When the first of them began.
    since: Instant,
    callbacks: usize,
    /// After how many the worker fills slots, if so many are awake.
    limit: usize,
    awake: usize,
}

/// The next step of a worker that found the channel empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdleStep {
    /// There was something to do after all.
    LookAgain,
    /// Sleep until woken.
    Sleep,
    /// Sleep, but ask the kernel again soon. Jobs wait beside free slots because it had no request
    /// left, and the completion that would make somebody ask may be long in coming.
    Nap,
}

impl Run {
    fn begin(depth: u32, wakeups: &WorkerWakeups) -> Self {
        let awake = wakeups.sleepers.awake();
        let limit = run_limit(depth, awake, wakeups.pace.in_no_time());
        Self { since: Instant::now(), callbacks: 0, limit, awake }
    }

    /// Counts a callback. True if the run is to end.
    fn count(&mut self, depth: u32, wakeups: &WorkerWakeups) -> bool {
        self.callbacks += 1;
        let awake = wakeups.sleepers.awake();
        if awake != self.awake {
            (self.awake, self.limit) = (awake, run_limit(depth, awake, wakeups.pace.in_no_time()));
        }
        self.callbacks >= self.limit
    }
}

impl Worker<'_> {
    pub(super) fn new(pipeline: &Pipeline, number: usize) -> Worker<'_> {
        let wakeups = pipeline.wakeups().workers();
        Worker { pipeline, wakeups, number, run: None }
    }

    fn work(&mut self) {
        let pipeline = self.pipeline;
        let depth = pipeline.admission.limits().depth;
        loop {
            let mut ended_early = false;
            match pipeline.completed.try_recv() {
                Ok(completed) => {
                    let run = self.run.get_or_insert_with(|| Run::begin(depth, self.wakeups));
                    let Some(fill) = end(pipeline, completed) else { return };
                    if run.count(depth, self.wakeups) || fill == FillNow::Yes {
                        self.end_run();
                        ended_early = pipeline.refill();
                    }
                }
                Err(TryRecvError::Empty) => {
                    self.end_run();
                    if !self.waits_briefly() {
                        self.idle();
                    }
                    ended_early = true;
                }
                Err(TryRecvError::Disconnected) => return,
            }
            if ended_early {
                end_one_early(pipeline);
                if pipeline.is_forked() {
                    return;
                }
            }
        }
    }

    fn end_run(&mut self) {
        let Some(Run { since, callbacks, .. }) = self.run.take() else { return };
        self.wakeups.pace.record(since.elapsed(), callbacks);
        if !self.wakeups.pace.is_quick() {
            // Callbacks may have looked quick when these jobs were sent.
            self.wakeups.for_unclaimed();
        }
    }

    /// Fills slots, and sleeps when there is nothing else to do.
    fn idle(&self) {
        let mut nap = Duration::ZERO;
        loop {
            let limit = match self.idle_step() {
                IdleStep::LookAgain => return,
                IdleStep::Sleep => None,
                IdleStep::Nap => {
                    nap = (nap * 2).clamp(NAP_MIN, NAP_MAX);
                    Some(nap)
                }
            };
            let woken = self.wakeups.sleepers.sleep(self.number, limit);
            self.pipeline.launcher.counters.worker_wakeups.fetch_add(1, Ordering::Relaxed);
            if woken {
                self.arrive();
                return;
            }
            if limit.is_some() {
                self.ask_again();
            }
        }
    }

    /// Looks at the channel some times more, with a yield before each, if callbacks take long and
    /// other workers are awake: jobs come often then, and each would wake a worker. True if a job
    /// has come. It does not look if there are slots to fill.
    fn waits_briefly(&self) -> bool {
        let jobs_come =
            LOOKS > 0 && !self.wakeups.pace.is_quick() && self.wakeups.sleepers.awake() > 1;
        if !jobs_come || self.pipeline.admission.lock().can_fill() {
            return false;
        }
        (0..LOOKS).any(|_| {
            thread::yield_now();
            !self.pipeline.completed.is_empty()
        })
    }

    /// Looks for work other than completed jobs, and does it. If there is none, the worker is
    /// announced as idle and may sleep. See "Falling asleep" in `README.md`.
    pub(super) fn idle_step(&self) -> IdleStep {
        let pipeline = self.pipeline;
        let mut books = pipeline.admission.lock();
        let ended_early = pipeline.wakeups().expire_overdue(&mut books);
        if books.can_fill() {
            pipeline.fill(books, Filler::BetweenCallbacks);
            return IdleStep::LookAgain;
        }
        if ended_early {
            return IdleStep::LookAgain;
        }
        // This is under the lock, so a thread that adds work later finds the worker idle.
        self.wakeups.sleepers.announce_idle(self.number, books.next_deadline());
        let starved = books.is_starved();
        drop(books);
        if !pipeline.completed.is_empty() || self.wakeups.sleepers.are_dismissed() {
            self.wakeups.sleepers.cancel_idle(self.number);
            // Also if it was not woken: a thread that saw this worker idle may rely on its coming.
            self.arrive();
            IdleStep::LookAgain
        } else if starved {
            IdleStep::Nap
        } else {
            IdleStep::Sleep
        }
    }

    /// The first step of a worker that was idle. It fills slots before it takes a job: an earlier
    /// submitter relied on this wake-up, and the job's callback may be slow.
    pub(super) fn arrive(&self) {
        let pipeline = self.pipeline;
        let mut books = pipeline.admission.lock();
        books.flags_mut().filler_arrives();
        pipeline.wakeups().expire_overdue(&mut books);
        if books.can_fill() {
            drop(books);
            // Jobs that were sent may have been left to this worker, as it was coming, and filling
            // may take its time.
            pipeline.wakeups().for_sent(&pipeline.admission, 0, SenderNext::Other);
            pipeline.fill(pipeline.admission.lock(), Filler::BetweenCallbacks);
        } else if books.is_starved() {
            self.wakeups.leave_asking();
        }
    }

    /// Asks a kernel again that had no request left, although nothing has completed since.
    fn ask_again(&self) {
        let mut books = self.pipeline.admission.lock();
        books.flags_mut().ask_kernel_again();
        // Nobody else has to come for what this finds.
        books.flags_mut().expect_filler();
        self.pipeline.fill(books, Filler::BetweenCallbacks);
        self.arrive();
    }
}
