//! The jobs in slots that can still end without having been performed: polls, which the kernel can
//! cancel, and jobs that wait for a blocking thread. This has the slots of polls, by their tickets,
//! and the deadlines of both kinds.

use std::collections::{BTreeSet, HashMap};
use std::mem;

use crate::engine::backend::Backend;
use crate::engine::index_of;
use crate::engine::operation::Operation;
use crate::job::meta::Ticket;
use crate::job::task::{JobHead, Route};
use crate::sync::Instant;

/// Guarded by the lock of the books.
#[derive(Default)]
pub(crate) struct Cancellable {
    /// The means by which the engine performs transfers: its blocking threads are waited for, too.
    backend: Backend,
    /// The slots of polls that have a handle.
    polls: HashMap<Ticket, u32>,
    /// When to look at which slot: at the deadlines of jobs, and after a cancellation that found no
    /// request in the kernel.
    deadlines: BTreeSet<(Instant, u32)>,
    /// Slots whose time has come. A worker looks at the jobs in them, and ends those that are to
    /// end.
    expired: Vec<u32>,
}

impl Cancellable {
    pub(super) fn new(backend: Backend) -> Self {
        Self { backend, ..Self::default() }
    }

    /// Takes note of a job that is moved into a slot.
    pub(super) fn begin(&mut self, head: &JobHead, route: Route, token: u64) {
        let index = index_of(token) as u32;
        let is_poll = head.operation() == Operation::Poll;
        if is_poll && let Some(ticket) = head.meta.ticket() {
            self.polls.insert(ticket, index);
        }
        let Some(deadline) = head.meta.deadline() else { return };
        let waits = match route {
            Route::LookInPageCache(_) | Route::Blocking => true,
            Route::Engine => is_poll || self.backend == Backend::BlockingThreads,
            Route::Worker => false,
        };
        if waits {
            self.look_again(index, deadline);
        }
    }

    /// Takes note that a job leaves its slot, or that the engine does not have it any more.
    pub(crate) fn end(&mut self, head: &JobHead, token: u64) {
        if let Some(ticket) = head.meta.ticket() {
            self.polls.remove(&ticket);
        }
        if let Some(deadline) = head.meta.deadline() {
            self.deadlines.remove(&(deadline, index_of(token) as u32));
        }
    }

    /// The slot of the poll with this ticket.
    pub(crate) fn find_poll(&self, ticket: Ticket) -> Option<u32> {
        self.polls.get(&ticket).copied()
    }

    /// Has a worker look at the job in a slot at this time.
    pub(crate) fn look_again(&mut self, index: u32, time: Instant) {
        self.deadlines.insert((time, index));
    }

    #[inline]
    pub(super) fn has_deadlines(&self) -> bool {
        !self.deadlines.is_empty()
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|&(time, _)| time)
    }

    pub(super) fn expire(&mut self, now: Instant) {
        while self.next_deadline().is_some_and(|time| time <= now) {
            self.expired.extend(self.deadlines.pop_first().map(|(_, index)| index));
        }
    }

    pub(super) fn has_expired(&self) -> bool {
        !self.expired.is_empty()
    }

    pub(super) fn take_expired(&mut self) -> Vec<u32> {
        mem::take(&mut self.expired)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::fs::File;
    use std::time::{Duration, Instant};

    use super::Cancellable;
    use crate::job::Job;
    use crate::job::poll_events::PollEvents;

    #[test]
    fn a_poll_that_has_left_its_slot_is_not_looked_at() {
        let file = File::open("/dev/null").unwrap();
        let deadline = Instant::now();
        let poll = Job::poll(file, PollEvents::READABLE, |_| ()).start_by(deadline);
        let (mut jobs, other) = (Cancellable::default(), deadline + Duration::from_secs(1));
        jobs.begin(poll.head(), poll.route(), 3);
        jobs.look_again(4, other);
        assert_eq!(jobs.next_deadline(), Some(deadline));

        jobs.end(poll.head(), 3);
        assert_eq!(jobs.next_deadline(), Some(other));
        jobs.expire(deadline);
        assert!(!jobs.has_expired());
        jobs.expire(other);
        assert!(jobs.has_expired());
        assert_eq!(jobs.take_expired(), [4]);
        assert!(!jobs.has_expired());
    }
}
