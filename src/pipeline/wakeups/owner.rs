//! How the owner of an event loop is woken: by a doorbell that it watches.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::doorbell::Doorbell;
use super::hints::FillNow;
use crate::admission::books::Books;
use crate::admission::counters::Counters;
use crate::sync::MutexGuard;

pub(crate) struct OwnerWakeups {
    pub(in crate::pipeline) doorbell: Doorbell,
    counters: Arc<Counters>,
}

impl OwnerWakeups {
    pub(crate) fn new(doorbell: Doorbell, counters: Arc<Counters>) -> Self {
        Self { doorbell, counters }
    }

    pub(crate) fn doorbell(&self) -> &Doorbell {
        &self.doorbell
    }

    /// During a turn, the end of the turn is soon enough.
    pub(super) fn when_to_fill(&self, books: &Books) -> FillNow {
        match !self.doorbell.is_in_turn() && books.can_fill() {
            true => FillNow::Yes,
            false => FillNow::AtEndOfRun,
        }
    }

    /// Wakes the owner, if it is needed and not in its turn. At the end of a turn it looks anyway.
    #[inline]
    pub(super) fn wake(&self, books: MutexGuard<'_, Books>) {
        if !self.doorbell.is_in_turn() {
            self.wake_if_needed(books);
        }
    }

    fn wake_if_needed(&self, mut books: MutexGuard<'_, Books>) {
        if self.is_needed(&books) {
            books.flags_mut().expect_filler();
            drop(books);
            self.doorbell.ring(1);
        }
    }

    /// Whether the owner is to be woken: for jobs that wait beside free slots, for jobs that ended
    /// early, or to hear of an earlier deadline. If the kernel had no request left, the next
    /// completion wakes the owner; but that of a poll may be long in coming.
    pub(crate) fn is_needed(&self, books: &Books) -> bool {
        if books.flags().is_filler_coming() {
            return false;
        }
        let only_polls =
            || self.counters.polls.load(Ordering::Relaxed) >= books.slots().occupied() as u64;
        books.can_fill()
            || books.is_starved() && only_polls()
            || books.ended_early() > 0
            || books.flags().is_earlier_than_told(books.next_deadline())
    }
}
