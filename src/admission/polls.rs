//! The polls that are in slots, and their deadlines. Only polls can be cancelled after they have
//! started.

use std::collections::{BTreeSet, HashMap};
use std::mem;

use crate::job::Job;
use crate::job::task::Ticket;
use crate::sync::Instant;

/// Guarded by the lock of the books.
#[derive(Default)]
pub(crate) struct Polls {
    /// The slots of polls that have a handle.
    slots: HashMap<Ticket, u32>,
    /// When to look at which slot: at the deadlines of polls, and after a cancellation that found
    /// no request in the kernel.
    deadlines: BTreeSet<(Instant, u32)>,
    /// Slots whose time has come. A worker looks at the polls in them, and ends those that are to
    /// end.
    expired: Vec<u32>,
}

impl Polls {
    /// Takes note of a poll that is moved into a slot.
    pub(super) fn begin(&mut self, job: &Job, index: u32) {
        if let Some(ticket) = job.ticket() {
            self.slots.insert(ticket, index);
        }
        if let Some(deadline) = job.meta().deadline() {
            self.look_again(index, deadline);
        }
    }

    /// Takes note that a poll leaves its slot, or that the engine does not have it any more.
    pub(crate) fn end(&mut self, job: &Job, index: u32) {
        if let Some(ticket) = job.ticket() {
            self.slots.remove(&ticket);
        }
        if let Some(deadline) = job.meta().deadline() {
            self.deadlines.remove(&(deadline, index));
        }
    }

    /// The slot of the poll with this ticket.
    pub(crate) fn find(&self, ticket: Ticket) -> Option<u32> {
        self.slots.get(&ticket).copied()
    }

    /// Has a worker look at the poll in a slot at this time.
    pub(crate) fn look_again(&mut self, index: u32, time: Instant) {
        self.deadlines.insert((time, index));
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

    use super::Polls;
    use crate::job::Job;
    use crate::job::poll_events::PollEvents;

    #[test]
    fn a_poll_that_has_left_its_slot_is_not_looked_at() {
        let file = File::open("/dev/null").unwrap();
        let deadline = Instant::now();
        let poll = Job::poll(file, PollEvents::READABLE, |_| ()).start_by(deadline);
        let (mut polls, other) = (Polls::default(), deadline + Duration::from_secs(1));
        polls.begin(&poll, 3);
        polls.look_again(4, other);
        assert_eq!(polls.next_deadline(), Some(deadline));

        polls.end(&poll, 3);
        assert_eq!(polls.next_deadline(), Some(other));
        polls.expire(deadline);
        assert!(!polls.has_expired());
        polls.expire(other);
        assert!(polls.has_expired());
        assert_eq!(polls.take_expired(), [4]);
        assert!(!polls.has_expired());
    }
}
