//! How workers are woken: at once, or by the reaper if those that are awake don't keep up.
//!
//! Waking a thread costs more than most callbacks. So as long as callbacks are quick, work that an
//! idle worker could do is left to the workers that are awake. The reaper watches, and wakes others
//! if they don't get on with it. If callbacks are slow, an idle worker is woken at once. The
//! scenarios are in `README.md` beside this folder, from "Waking workers" on.

use std::time::Duration;

use crate::sync::channel::Receiver;

use super::hints::{FillNow, SenderNext};
use super::pace::Pace;
use crate::admission::Admission;
use crate::admission::books::Books;
use crate::job::completed::Completed;
use crate::sync::{Instant, MutexGuard};
use crate::wait::sleepers::Sleepers;

/// How long an idle worker sleeps before it asks a kernel again that had no request left.
pub(crate) const NAP_MIN: Duration = Duration::from_millis(1);

pub(crate) struct WorkerWakeups {
    pub(in crate::pipeline) sleepers: Sleepers,
    pub(in crate::pipeline) pace: Pace,
    /// The channel of completed jobs. It wakes nobody by itself.
    completed: Receiver<Completed>,
}

/// Work that idle workers could do and that nobody was woken for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unserved {
    /// Jobs on the channel that nobody is coming for.
    pub(crate) completed: usize,
    /// Whether jobs wait beside free slots.
    pub(crate) can_fill: bool,
    /// How many jobs have ended, and how often workers have filled slots, so far.
    pub(crate) finished: u64,
    pub(crate) refills: u64,
}

impl WorkerWakeups {
    pub(crate) fn new(workers: usize, completed: Receiver<Completed>) -> Self {
        Self { sleepers: Sleepers::new(workers), pace: Pace::new(), completed }
    }

    pub(crate) fn sleepers(&self) -> &Sleepers {
        &self.sleepers
    }

    /// At once, if an idle worker could submit the jobs that wait, and the running callbacks may
    /// take long. If callbacks are quick, and the reaper watches in case one is not, the end of the
    /// run is soon enough.
    pub(super) fn when_to_fill(&self, books: &Books) -> FillNow {
        if self.sleepers.idle() == 0 || !books.can_fill() {
            return FillNow::AtEndOfRun;
        }
        match books.flags().is_watched() && self.pace.is_quick() {
            true => FillNow::AtEndOfRun,
            false => FillNow::Yes,
        }
    }

    /// Wakes as many idle workers as the jobs on the channel are worth, and at least one if no
    /// worker is awake. The reaper calls this after it has sent jobs, and [`watch`](Self::watch)
    /// next.
    pub(crate) fn after_harvest(&self, admission: &Admission) {
        if !self.pace.is_quick() {
            self.for_unclaimed();
            return;
        }
        admission.lock().flags_mut().set_watched(self.completed.len() > 1);
        self.wake(self.missing());
    }

    /// Wakes an idle worker for each job on the channel that nobody is coming for.
    pub(crate) fn for_unclaimed(&self) {
        self.wake(self.unclaimed());
    }

    /// Wakes idle workers for jobs that the calling thread has sent. Unlike the reaper, this thread
    /// does not look after the jobs later.
    pub(super) fn for_sent(&self, admission: &Admission, next: SenderNext) {
        // This comes after the sending: as long as the reaper watches, it looks again.
        if self.pace.is_quick() && admission.lock().flags().is_watched() {
            self.wake(self.missing());
        } else {
            let takes = usize::from(next == SenderNext::TakesOne);
            self.wake(self.unclaimed().saturating_sub(takes));
        }
    }

    /// How many more workers should be awake for the jobs on the channel, if callbacks are quick.
    fn missing(&self) -> usize {
        let waiting = self.completed.len();
        let wanted = self.pace.workers_for(waiting).max(1);
        wanted.saturating_sub(self.sleepers.awake()).min(waiting)
    }

    /// Wakes this many workers, or all that are idle.
    pub(crate) fn wake(&self, count: usize) {
        let woken = |_: &usize| self.sleepers.wake_one();
        (0..count).take_while(woken).count();
    }

    /// How many jobs are on the channel that nobody is coming for.
    fn unclaimed(&self) -> usize {
        // The order matters: a worker that is woken in between comes for a job that is sent in
        // between, or for more.
        let coming = self.sleepers.coming();
        self.completed.len().saturating_sub(coming)
    }

    /// Returns the work that idle workers could do and that nobody was woken for, as callbacks are
    /// expected to end soon. Until it returns none, callbacks may leave the jobs that they submit
    /// to the end of the run.
    pub(crate) fn watch(&self, admission: &Admission) -> Option<Unserved> {
        let mut books = admission.lock();
        let unserved = Unserved {
            completed: self.unclaimed(),
            can_fill: books.can_fill(),
            finished: books.tally().finished,
            refills: books.flags().refills(),
        };
        let is_some = unserved.can_fill || unserved.completed > 0;
        let watched = is_some && self.sleepers.idle() > 0;
        books.flags_mut().set_watched(watched);
        watched.then_some(unserved)
    }

    /// Has callbacks leave nothing to the end of the run from now on: the reaper can't watch.
    pub(crate) fn stop_watching(&self, admission: &Admission) {
        admission.lock().flags_mut().set_watched(false);
        self.for_unclaimed();
    }

    /// Wakes an idle worker to fill slots. If none is idle any more when the lock has been given
    /// up, the worker that was idle looks by itself.
    pub(super) fn wake_filler(&self, mut books: MutexGuard<'_, Books>) {
        let needed = books.can_fill() || books.is_starved();
        let wanted = needed && self.sleepers.idle() > 0 && !books.flags().is_filler_coming();
        if wanted {
            books.flags_mut().expect_filler();
        }
        drop(books);
        if wanted {
            self.sleepers.wake_one();
        }
    }

    pub(super) fn for_parked(&self, books: MutexGuard<'_, Books>, fill: FillNow) {
        if fill == FillNow::Yes {
            self.wake_filler(books);
        } else if books.is_starved() {
            drop(books);
            self.leave_asking();
        }
    }

    /// Leaves it to an idle worker, if there is one, to ask a kernel again that had no request
    /// left: the worker that was to ask may be in a callback for long.
    pub(crate) fn leave_asking(&self) {
        self.sleepers.wake_by(Instant::now() + NAP_MIN);
    }
}
