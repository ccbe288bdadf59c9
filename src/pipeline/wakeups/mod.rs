//! Wake-ups: here it is decided who is woken, when, and for what. There is one strategy for a
//! dispatcher with workers and one for an event loop, whose owner does the workers' part.

pub(crate) mod doorbell;
pub(crate) mod hints;
pub(crate) mod owner;
pub(crate) mod pace;
pub(crate) mod workers;

use crate::admission::Admission;
use crate::admission::books::Books;
use crate::pipeline::wakeups::hints::{FillNow, SenderNext};
use crate::pipeline::wakeups::owner::OwnerWakeups;
use crate::pipeline::wakeups::workers::WorkerWakeups;
use crate::sync::Instant;
use crate::sync::MutexGuard;

pub(crate) enum Wakeups {
    Workers(WorkerWakeups),
    Owner(OwnerWakeups),
}

impl Wakeups {
    /// When the calling thread, which runs callbacks, is to fill the slots that are free now.
    #[inline]
    pub(crate) fn when_to_fill(&self, books: &Books) -> FillNow {
        match self {
            Self::Workers(workers) => workers.when_to_fill(books),
            Self::Owner(owner) => owner.when_to_fill(books),
        }
    }

    /// Wakes somebody to fill slots, or to ask a kernel again that had no request left, if that is
    /// needed and nobody is coming.
    pub(crate) fn wake_filler(&self, books: MutexGuard<'_, Books>) {
        match self {
            Self::Workers(workers) => workers.wake_filler(books),
            Self::Owner(owner) => owner.wake(books),
        }
    }

    /// Wakes somebody, if need be, for jobs that a callback has parked and that don't go into slots
    /// at once.
    #[inline]
    pub(crate) fn for_parked(&self, books: MutexGuard<'_, Books>, fill: FillNow) {
        match self {
            Self::Workers(workers) => workers.for_parked(books, fill),
            // Also to hear of an earlier deadline.
            Self::Owner(owner) => owner.wake(books),
        }
    }

    /// Wakes somebody for jobs that the calling thread has sent. The calling thread is not the
    /// reaper.
    pub(crate) fn for_sent(&self, admission: &Admission, count: u64, next: SenderNext) {
        match self {
            Self::Workers(workers) => workers.for_sent(admission, next),
            Self::Owner(owner) => owner.doorbell.ring(count),
        }
    }

    /// Wakes somebody for jobs that ended without a slot. A busy worker looks for them before it
    /// sleeps and at the end of each run.
    pub(crate) fn for_ended_early(&self, admission: &Admission) {
        match self {
            Self::Workers(workers) => {
                workers.sleepers.wake_one();
            }
            Self::Owner(owner) => owner.wake(admission.lock()),
        }
    }

    /// Wakes idle workers for the jobs on the channel, as the calling worker may be busy for long.
    pub(crate) fn for_unclaimed(&self) {
        if let Self::Workers(workers) = self {
            workers.for_unclaimed();
        }
    }

    /// Ends jobs whose deadline has come, and has an idle worker wake up by itself at the next
    /// deadline. True if jobs that ended early wait for a worker.
    #[inline]
    pub(crate) fn expire_overdue(&self, books: &mut Books) -> bool {
        if books.has_deadlines()
            && let (Some(next), Self::Workers(workers)) = (books.expire_overdue(), self)
        {
            workers.sleepers.wake_by(next);
        }
        books.ended_early() > 0
    }

    /// Has somebody look at a poll again at this time, which the books know of.
    pub(crate) fn look_by(&self, time: Instant, books: MutexGuard<'_, Books>) {
        match self {
            Self::Workers(workers) => workers.sleepers.wake_by(time),
            Self::Owner(owner) => owner.wake(books),
        }
    }

    /// Whether a thread that fills slots goes on after a look into the page cache that found
    /// nothing. The owner of an event loop decides for itself when it has looked enough.
    pub(crate) fn fills_on(&self) -> bool {
        matches!(self, Self::Workers(_))
    }

    /// Whether the calling thread is the owner of this event loop. It might wait for jobs that it
    /// would have to end itself.
    pub(crate) fn is_owner_here(&self) -> bool {
        matches!(self, Self::Owner(owner) if owner.doorbell.is_owner_here())
    }

    /// The strategy of a dispatcher that has workers.
    pub(crate) fn workers(&self) -> &WorkerWakeups {
        match self {
            Self::Workers(workers) => workers,
            Self::Owner(_) => unreachable!("an event loop has neither workers nor a reaper"),
        }
    }

    /// The strategy of an event loop.
    pub(crate) fn owner(&self) -> &OwnerWakeups {
        match self {
            Self::Owner(owner) => owner,
            Self::Workers(_) => unreachable!("only an event loop has an owner"),
        }
    }
}
