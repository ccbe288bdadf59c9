//! Jobs that end without having been done: withdrawn by their handle, or given up at their deadline.
//!
//! One that waits for a slot leaves the queue, and waits for none any more: a worker that looks for work
//! takes it, and runs its callback with the reason. A poll that the kernel has is cancelled there.

use std::time::{Duration, Instant};

use crate::admission::State;
use crate::completion::Operation;
use crate::early::Reason;
use crate::engine::Event;
use crate::handle::JobHandle;
use crate::job::Job;
use crate::lane::{Errand, Reply};
use crate::pipeline::{Completed, Pipeline};
use crate::slots::index_of;
use crate::ticket::Ticket;

/// What came of [`JobHandle::cancel`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cancel {
    /// The job was not under way, or waited for an event, and ends: its callback runs with
    /// `ECANCELED`.
    Withdrawn,
    /// It is in the kernel, or on its way to its callback or in it, or over; nothing has changed. In
    /// a forked child, always: the job is the parent's.
    TooLate,
    /// It waits, but has no result that could say so: a [`nop`](Job::nop) or a
    /// [`blocking`](Job::blocking) job will run.
    NoResult,
}

/// How long after a poll that could not be ended this is tried again.
const AGAIN: Duration = Duration::from_millis(1);

impl<T> JobHandle<T> {
    /// Withdraws the job, if it is not under way yet.
    ///
    /// Its callback then runs once, as every accepted job's does, on a worker and without waiting for
    /// a slot, with the error `ECANCELED` as its result, and gets file and buffer back. The handle
    /// has its value as ever.
    ///
    /// A job can be withdrawn as long as it waits for a slot, in the backlog or parked; what goes
    /// through the page cache, as long as it waits for a thread for what blocks; and a
    /// [poll](Job::poll) until its event has come.
    ///
    /// Reads, writes and syncs that have been submitted to the kernel can't be: io_cancel(2) needs a
    /// function that cancels the request (`ki_cancel` in the kernel's `fs/aio.c`), which polls have,
    /// and no file system or block device sets; the kernel answers `EINVAL`. The result of such a job
    /// can be let go of: drop the handle. The job goes on, the kernel may still write into its
    /// buffer, which is kept until it has ended; its callback runs, and its value is discarded.
    ///
    /// Can be called in callbacks. Does not wait for anything, and takes no longer if many jobs wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::fs::File;
    /// use reapool::{Cancel, Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = File::open("Cargo.toml")?;
    /// let handle = dispatcher.spawn(Job::read(file, vec![0; 512], 0, |done| done.result))?;
    /// let answer = handle.cancel();
    /// match (answer, handle.join()?) {
    ///     (Cancel::Withdrawn, Err(error)) => assert_eq!(error.raw_os_error(), Some(125)),
    ///     (Cancel::TooLate, Ok(count)) => assert_eq!(count, 512),
    ///     (_, other) => panic!("{other:?}"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cancel(&self) -> Cancel {
        if self.pipeline().is_forked() {
            // It is the parent's.
            return Cancel::TooLate;
        }
        self.pipeline().withdraw(self.ticket())
    }
}

impl Pipeline {
    fn withdraw(&self, ticket: Ticket) -> Cancel {
        let answer = self.admission.lock().withdraw(ticket);
        match answer {
            Cancel::Withdrawn => {
                // Whoever is not idle looks before it sleeps, and at the end of a run of callbacks.
                self.call_for_early();
            }
            Cancel::TooLate => return self.withdraw_from_lane(ticket),
            Cancel::NoResult => {}
        }
        answer
    }

    /// Withdraws a job that has a slot, but waits for a thread.
    fn withdraw_from_lane(&self, ticket: Ticket) -> Cancel {
        let errand = self.lane.withdraw(|errand| {
            let mut found = false;
            self.slots.look_at(errand.request.token, |job| {
                let unbegun = errand.done == 0 && job.is_unbegun() && job.has_result();
                found = unbegun && job.ticket() == Some(ticket);
            });
            found
        });
        let Some(errand) = errand else { return self.withdraw_poll(ticket) };
        self.admission.lock().tally.count_early(Reason::Withdrawn, true);
        self.end_unbegun(&errand, Reason::Withdrawn);
        Cancel::Withdrawn
    }

    /// Withdraws a poll that the kernel has: of all that jobs ask for the one thing that it cancels.
    fn withdraw_poll(&self, ticket: Ticket) -> Cancel {
        if !self.admission.lock().early.has_polls() {
            return Cancel::TooLate;
        }
        let wanted = |job: &Job| job.ticket() == Some(ticket) && job.stopped.is_none();
        let found = (0..self.admission.limits().depth)
            .any(|index| self.end_poll(index, wanted, Reason::Withdrawn));
        if found { Cancel::Withdrawn } else { Cancel::TooLate }
    }

    /// Has the poll in this slot ended that is wanted. False if there is none.
    fn end_poll(&self, index: u32, wanted: impl Fn(&Job) -> bool, why: Reason) -> bool {
        if !self.slots.has_poll(index, &wanted) {
            return false;
        }
        let mut state = self.admission.lock();
        let ending = self.slots.end_poll(index, wanted, why, |token, first| {
            // While nobody can have the job: what its callback tells has been counted.
            state.tally.count_early(why, first);
            drop(state);
            self.engine.cancel(token)
        });
        let Some(coming) = ending else { return false };
        if !coming {
            // It is just being submitted, or its event is on the way.
            let mut state = self.admission.lock();
            let again = Instant::now() + AGAIN;
            state.early.look_again(index, again);
            self.sleepers.wake_by(again);
            if let Some(teller) = &self.teller {
                self.summon_owner(teller, state);
            }
        }
        true
    }

    /// Calls somebody for what ended without having been done.
    pub(crate) fn call_for_early(&self) {
        match &self.teller {
            None => {
                self.sleepers.call();
            }
            Some(teller) => self.summon_owner(teller, self.admission.lock()),
        }
    }

    /// Ends what the lane was to do and has not begun with.
    pub(crate) fn end_unbegun(&self, errand: &Errand, why: Reason) {
        let (token, res) = (errand.request.token, why.res());
        match errand.reply {
            Reply::Engine => self.engine.performed(Event { token, res }),
            Reply::Workers => {
                let job = self.slots.take(token).expect("a job on the lane is in its slot");
                self.deliver(Completed { index: index_of(token) as u32, res, job });
            }
        }
    }

    /// Gives up jobs whose deadline has come, and sees to it that an idle worker minds the next
    /// one. True if jobs wait to be taken by [`next_early`](Self::next_early).
    pub(crate) fn mind_deadlines(&self, state: &mut State) -> bool {
        if let Some(deadline) = state.give_up_overdue() {
            self.sleepers.wake_by(deadline);
        }
        state.early.is_waiting()
    }

    /// Takes a job that ended without a slot, to run its callback. As that may be slow, idle workers
    /// are called for what else there is, which may have been left to this one.
    pub(crate) fn next_early(&self) -> Option<(Job, Reason)> {
        let mut state = self.admission.lock();
        let (early, polls) = state.early.take();
        let more = state.early.is_waiting();
        drop(state);
        for index in polls {
            let wanted = |job: &Job| job.stopped.is_some() || job.is_overdue();
            self.end_poll(index, wanted, Reason::TimedOut);
        }
        let early = early?;
        if more {
            self.call_for_early();
        }
        self.call_for_waiting();
        Some(early)
    }
}

impl<R: 'static> Job<R> {
    /// Whether the callback is given a result.
    pub(crate) fn has_result(&self) -> bool {
        !matches!(self.brief().transfer.operation, Operation::Nop | Operation::Blocking)
    }

    pub(crate) fn is_poll(&self) -> bool {
        self.brief().transfer.operation == Operation::Poll
    }

    /// Whether nothing of it is done.
    pub(crate) fn is_unbegun(&self) -> bool {
        self.brief().progress.done == 0
    }

    /// Takes note that nothing more of it is submitted: all that is done counts, whatever the
    /// next request would have been aligned to.
    pub(crate) fn leave_off(&mut self) {
        let progress = self.brief().progress;
        if progress.begin < progress.done {
            self.advance(progress.done, progress.done);
        }
    }
}
