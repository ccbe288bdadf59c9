//! The jobs that end without having been done, while they wait for a worker; and the polls that may be
//! ended while the engine has them.

use std::collections::{BTreeSet, VecDeque};
use std::mem;

use crate::admission::State;
use crate::job::Job;
use crate::job::stopped::{Cancel, CancelReason};
use crate::job::ticket::Ticket;
use crate::sync::Instant;

/// Guarded by the lock of the books.
#[derive(Default)]
pub(crate) struct Early {
    /// Jobs that have ended without a slot, for workers to run their callbacks.
    jobs: VecDeque<(Job, CancelReason)>,
    /// How many polls are in slots.
    polls: usize,
    /// When the polls in which slots are to be looked at: at their deadlines, as far as they have any.
    minded: BTreeSet<(Instant, u32)>,
    /// The slots of those whose time has come, for a worker to have them ended.
    late: Vec<u32>,
    /// The next deadline that the owner of an event loop knows of.
    known: Option<Instant>,
}

impl Early {
    pub(crate) fn push(&mut self, job: Job, why: CancelReason) {
        self.jobs.push_back((job, why));
    }

    /// Takes a job, and the slots of polls to be ended.
    pub(crate) fn take(&mut self) -> (Option<(Job, CancelReason)>, Vec<u32>) {
        (self.jobs.pop_front(), mem::take(&mut self.late))
    }

    /// Whether there is something to take.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.jobs.is_empty() || !self.late.is_empty()
    }

    /// How often it has to be taken from until nothing is left of what there is now.
    pub(crate) fn len(&self) -> usize {
        self.jobs.len().max(usize::from(!self.late.is_empty()))
    }

    /// Takes note of a poll that is moved into a slot.
    pub(crate) fn poll_begins(&mut self, job: &Job, index: u32) {
        self.polls += 1;
        if let Some(deadline) = job.deadline_set() {
            self.look_again(index, deadline);
        }
    }

    /// Takes note that it leaves the slot, or is not with the engine any more.
    pub(crate) fn poll_ends(&mut self, job: &Job, index: u32) {
        self.polls -= 1;
        if let Some(deadline) = job.deadline_set() {
            self.minded.remove(&(deadline, index));
        }
    }

    pub(crate) fn has_polls(&self) -> bool {
        self.polls > 0
    }

    /// Has the poll in a slot looked at, at this time.
    pub(crate) fn look_again(&mut self, index: u32, time: Instant) {
        self.minded.insert((time, index));
    }

    /// When the next poll is to be looked at.
    fn deadline(&self) -> Option<Instant> {
        self.minded.first().map(|&(time, _)| time)
    }

    fn expire(&mut self, now: Instant) {
        while self.deadline().is_some_and(|time| time <= now) {
            self.late.extend(self.minded.pop_first().map(|(_, index)| index));
        }
    }
}

impl State {
    /// Ends a job that waits, before it gets a slot.
    pub(crate) fn withdraw(&mut self, ticket: Ticket) -> Cancel {
        match self.waiting.find(ticket) {
            None => return Cancel::TooLate,
            Some(job) if !job.has_result() => return Cancel::NoResult,
            Some(_) => {}
        }
        let job = self.waiting.take(ticket).expect("it was just found there");
        self.end_early(job, CancelReason::Cancelled);
        Cancel::Withdrawn
    }

    /// Ends the jobs that wait and whose deadline has come, and has late polls ended. Returns the next
    /// deadline.
    pub(crate) fn give_up_overdue(&mut self) -> Option<Instant> {
        self.next_deadline()?;
        let now = Instant::now();
        self.early.expire(now);
        while let Some(job) = self.waiting.take_overdue(now) {
            self.end_early(job, CancelReason::TimedOut);
        }
        self.next_deadline()
    }

    fn end_early(&mut self, mut job: Job, why: CancelReason) {
        // The kernel may have done a part and then had no request for the rest.
        job.leave_off();
        self.tally.count_early(why, true);
        self.early.push(job, why);
    }

    /// Takes note that the owner of an event loop asks for the next deadline, or is about to.
    pub(crate) fn tell_deadline(&mut self) -> Option<Instant> {
        self.early.known = self.next_deadline();
        self.early.known
    }

    /// Whether the next deadline is earlier than the owner of an event loop knows.
    pub(crate) fn has_earlier_deadline(&self) -> bool {
        let next = self.next_deadline();
        next.is_some_and(|next| self.early.known.is_none_or(|known| next < known))
    }

    /// The next moment at which a job is to be given up, should it still wait then.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.waiting.deadline().into_iter().chain(self.early.deadline()).min()
    }
}
