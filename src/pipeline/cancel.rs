//! Jobs that end without having been done: withdrawn by their handle, or given up at their deadline.
//!
//! One that waits for a slot leaves the queue, and waits for none any more: a worker that looks for work
//! takes it, and runs its callback with the reason. A poll that the kernel has is cancelled there.

use std::time::Duration;

use crate::admission::State;
use crate::blocking::{BlockingRequest, ReplyTo};
use crate::engine::Event;
use crate::engine::token::index_of;
use crate::job::Job;
use crate::job::stopped::{Cancel, CancelReason};
use crate::job::ticket::Ticket;
use crate::pipeline::{Completed, Pipeline};
use crate::sync::Instant;

/// How long after a poll that could not be ended this is tried again.
const AGAIN: Duration = Duration::from_millis(1);

impl Pipeline {
    pub(crate) fn withdraw(&self, ticket: Ticket) -> Cancel {
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
        let errand = self.blocking.withdraw(|errand| {
            let mut found = false;
            self.slots.look_at(errand.request.token, |job| {
                let unbegun = errand.done == 0 && job.is_unbegun() && job.has_result();
                found = unbegun && job.ticket() == Some(ticket);
            });
            found
        });
        let Some(errand) = errand else { return self.withdraw_poll(ticket) };
        self.admission.lock().tally.count_early(CancelReason::Cancelled, true);
        self.end_unbegun(&errand, CancelReason::Cancelled);
        Cancel::Withdrawn
    }

    /// Withdraws a poll that the kernel has: of all that jobs ask for the one thing that it cancels.
    fn withdraw_poll(&self, ticket: Ticket) -> Cancel {
        if !self.admission.lock().early.has_polls() {
            return Cancel::TooLate;
        }
        let wanted = |job: &Job| job.ticket() == Some(ticket) && job.stopped.is_none();
        let found = (0..self.admission.limits().depth)
            .any(|index| self.end_poll(index, wanted, CancelReason::Cancelled));
        if found { Cancel::Withdrawn } else { Cancel::TooLate }
    }

    /// Has the poll in this slot ended that is wanted. False if there is none.
    fn end_poll(&self, index: u32, wanted: impl Fn(&Job) -> bool, why: CancelReason) -> bool {
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
            if let Some(doorbell) = &self.doorbell {
                self.summon_owner(doorbell, state);
            }
        }
        true
    }

    /// Calls somebody for what ended without having been done.
    pub(crate) fn call_for_early(&self) {
        match &self.doorbell {
            None => {
                self.sleepers.wake_one();
            }
            Some(doorbell) => self.summon_owner(doorbell, self.admission.lock()),
        }
    }

    /// Ends what the lane was to do and has not begun with.
    pub(crate) fn end_unbegun(&self, errand: &BlockingRequest, why: CancelReason) {
        let (token, res) = (errand.request.token, why.res());
        match errand.reply_to {
            ReplyTo::Engine => self.engine.performed(Event { token, res }),
            ReplyTo::Workers => {
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
    pub(crate) fn next_early(&self) -> Option<(Job, CancelReason)> {
        let mut state = self.admission.lock();
        let (early, polls) = state.early.take();
        let more = state.early.is_waiting();
        drop(state);
        for index in polls {
            let wanted = |job: &Job| job.stopped.is_some() || job.is_overdue();
            self.end_poll(index, wanted, CancelReason::TimedOut);
        }
        let early = early?;
        if more {
            self.call_for_early();
        }
        self.call_for_waiting();
        Some(early)
    }
}
