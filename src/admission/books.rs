//! The state under the lock and its steps: a job is accepted, gets a slot, and finishes, which
//! frees the slot. Or it is put back, resumed, cancelled or expired.
//!
//! Counts are exact: `accepted - finished` jobs are outstanding. Each of these waits, occupies a
//! slot, or has ended without one and is on its way to its callback.

use std::collections::VecDeque;

use super::cancellable::Cancellable;
use super::counters::Tally;
use super::flags::Flags;
use super::slots::Slots;
use super::waiting::Waiting;
use crate::engine::backend::Backend;
use crate::job::Job;
use crate::job::meta::Ticket;
use crate::job::stopped::{Cancel, CancelReason};
use crate::sync::Instant;
use crate::wait::room::{Line, Room};

#[derive(Default)]
pub(crate) struct Books {
    pub(super) waiting: Waiting,
    pub(super) slots: Slots,
    /// Jobs that ended without a slot, while they wait for a worker to run their callbacks.
    ended_early: VecDeque<(Job, CancelReason)>,
    pub(super) cancellable: Cancellable,
    pub(super) flags: Flags,
    pub(super) tally: Tally,
    /// Callers and tasks that wait for room. A task that is woken is taken from here, and its waker
    /// is called after the lock has been given up.
    pub(super) room: Room,
    /// Tasks that wait until nothing is outstanding. They are woken with those of the room.
    pub(super) quiet: Line,
}

/// The next step when a job has ended, or when the dispatcher closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Then {
    GoOn,
    /// Nothing is outstanding and nothing will be: the caller tells the threads to end.
    EndThreads,
}

impl Books {
    pub(super) fn new(depth: u32, backend: Backend) -> Self {
        Self { slots: Slots::new(depth), cancellable: Cancellable::new(backend), ..Self::default() }
    }

    pub(crate) fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    pub(crate) fn slots(&self) -> &Slots {
        &self.slots
    }

    pub(crate) fn slots_mut(&mut self) -> &mut Slots {
        &mut self.slots
    }

    pub(crate) fn cancellable_mut(&mut self) -> &mut Cancellable {
        &mut self.cancellable
    }

    pub(crate) fn flags(&self) -> &Flags {
        &self.flags
    }

    pub(crate) fn flags_mut(&mut self) -> &mut Flags {
        &mut self.flags
    }

    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    pub(crate) fn tally_mut(&mut self) -> &mut Tally {
        &mut self.tally
    }

    pub(crate) fn room_mut(&mut self) -> &mut Room {
        &mut self.room
    }

    pub(crate) fn outstanding(&self) -> u64 {
        self.tally.outstanding()
    }

    /// Whether a job waits, a slot is free for it, and the kernel may have a request for it.
    pub(crate) fn can_fill(&self) -> bool {
        !self.flags.is_starved() && self.waiting.is_beside_free(&self.slots)
    }

    /// Whether jobs wait beside free slots only because the kernel had no request left.
    pub(crate) fn is_starved(&self) -> bool {
        self.flags.is_starved() && self.waiting.is_beside_free(&self.slots)
    }

    #[inline]
    pub(super) fn accept(&mut self, job: Job) {
        self.waiting.backlog.accept(job);
        self.tally.accepted += 1;
    }

    /// Accepts a job whether or not there is room. It comes back only if nobody would run its
    /// callback any more.
    pub(crate) fn post(&mut self, mut job: Job) -> Result<(), Job> {
        if self.flags.is_ending() {
            return Err(job);
        }
        job.meta_mut().mark_uncounted();
        self.tally.uncounted += 1;
        self.accept(job);
        Ok(())
    }

    /// Has something count as outstanding that is no job and needs no slot, until it is finished.
    /// False if nobody would wait for it any more.
    pub(crate) fn hold(&mut self) -> bool {
        if self.flags.is_ending() {
            return false;
        }
        self.tally.uncounted += 1;
        self.tally.accepted += 1;
        true
    }

    /// Takes back a job that the kernel had no request for (`EAGAIN` of io_submit), and frees its
    /// slot.
    pub(crate) fn put_back(&mut self, token: u64, job: Job) {
        self.slots.free(token);
        if job.head().may_end_in_slot() {
            self.cancellable.end(job.head(), token);
        }
        self.tally.uncount_start(job.operation(), job.route());
        match job.meta().cancel_reason() {
            None => self.waiting.backlog.push_front(job),
            Some(reason) => self.ended_early.push_back((job, reason)),
        }
        self.flags.kernel_is_full();
    }

    /// Takes back a job that is done in part and goes on, and frees its slot: there is one for it
    /// when its turn comes, which is before all others.
    pub(crate) fn resume(&mut self, token: u64, job: Job) {
        self.slots.free(token);
        self.waiting.resume(job);
        self.tally.resumed += 1;
        self.flags.ask_kernel_again();
    }

    /// The next step now that a job has ended, or the dispatcher closes.
    pub(super) fn then(&mut self) -> Then {
        let ends = self.outstanding() == 0 && self.flags.begin_end();
        if ends { Then::EndThreads } else { Then::GoOn }
    }

    /// Cancels a job that waits for a slot.
    pub(crate) fn cancel(&mut self, ticket: Ticket) -> Cancel {
        match self.waiting.backlog.find(ticket) {
            None => return Cancel::TooLate,
            Some(job) if !job.has_result() => return Cancel::WillRun,
            Some(_) => {}
        }
        let job = self.waiting.backlog.take(ticket).expect("it was just found there");
        self.end_early(job, CancelReason::Cancelled);
        Cancel::Cancelled
    }

    /// Ends a job that waited for a slot, and counts it.
    fn end_early(&mut self, mut job: Job, reason: CancelReason) {
        // The kernel may have done a part, and had no request for the rest.
        job.submit_no_more();
        self.tally.count_cancelled(reason);
        self.ended_early.push_back((job, reason));
    }

    /// Ends the waiting jobs whose deadline has come, and lists the slots that are to be looked at.
    /// Returns the next deadline.
    pub(crate) fn expire_overdue(&mut self) -> Option<Instant> {
        if !self.has_deadlines() {
            return None;
        }
        let now = Instant::now();
        self.cancellable.expire(now);
        while let Some(job) = self.waiting.backlog.take_overdue(now) {
            self.end_early(job, CancelReason::TimedOut);
        }
        self.next_deadline()
    }

    /// Whether a deadline is ahead. Mostly there is none.
    #[inline]
    pub(crate) fn has_deadlines(&self) -> bool {
        self.waiting.backlog.has_deadlines() || self.cancellable.has_deadlines()
    }

    /// The next time at which a job that still waits is to be ended, or a slot is to be looked at.
    #[inline]
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        match (self.waiting.backlog.next_deadline(), self.cancellable.next_deadline()) {
            (Some(waiting), Some(in_slot)) => Some(waiting.min(in_slot)),
            (waiting, in_slot) => waiting.or(in_slot),
        }
    }

    /// How often `take_ended_early` has to be called until nothing is left of it.
    #[inline]
    pub(crate) fn ended_early(&self) -> usize {
        self.ended_early.len().max(usize::from(self.cancellable.has_expired()))
    }

    /// Takes a job that ended early, whose callback is to be run, and the slots of the jobs that
    /// are to be ended.
    pub(crate) fn take_ended_early(&mut self) -> (Option<(Job, CancelReason)>, Vec<u32>) {
        (self.ended_early.pop_front(), self.cancellable.take_expired())
    }
}
