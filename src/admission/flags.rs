//! The flags by which threads know what others are about to do. Guarded by the lock of the books.

use std::mem;

use crate::sync::Instant;

#[derive(Default)]
pub(crate) struct Flags {
    /// Somebody is on the way to fill slots. Set by the thread that wakes a worker, or the owner of
    /// an event loop, to do so. Cleared by that worker when it arrives, before it looks what there
    /// is, and by the owner when it takes the wake-up.
    filler_coming: bool,
    /// The kernel had no request left. Set when it refuses one with `EAGAIN`. Cleared when it may
    /// have one again, as a completion came before: when the callback of a job with a slot has
    /// returned, and when a job is resumed. A worker also clears it after a nap, and the owner of
    /// an event loop when it takes a wake-up, both in order to ask.
    starved: bool,
    /// The reaper looks soon whether jobs that were left to busy workers still wait. Set and
    /// cleared by the reaper alone. It clears the flag when it sees, under the lock, that nothing
    /// was left, when it can't watch, and for a moment after a harvest, before it looks. While the
    /// flag is set, callbacks may leave the jobs that they submit to the end of the run.
    watched: bool,
    /// How often a worker has filled slots between callbacks. Counted by that worker.
    refills: u64,
    phase: Phase,
    /// The next deadline that the owner of an event loop knows of. Set when it is told.
    told_deadline: Option<Instant>,
}

/// How far the dispatcher's end has come. It only goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Jobs are accepted.
    #[default]
    Open,
    /// Jobs from outside callbacks are refused. Set by `close`.
    Closing,
    /// Nothing is outstanding, and one thread tells the others to end. Set by that thread: the one
    /// that closed, or that finished the last job.
    Ending,
    /// The threads have been told. Set by the same thread.
    Told,
}

impl Flags {
    /// Takes note that somebody is woken to fill slots.
    pub(crate) fn expect_filler(&mut self) {
        self.filler_coming = true;
    }

    /// Takes note that the thread that was woken to fill slots has come. False if none was woken.
    pub(crate) fn filler_arrives(&mut self) -> bool {
        mem::take(&mut self.filler_coming)
    }

    pub(crate) fn is_filler_coming(&self) -> bool {
        self.filler_coming
    }

    pub(super) fn kernel_is_full(&mut self) {
        self.starved = true;
    }

    /// Takes note that the kernel may have a request again, or is to be asked whether it has.
    pub(crate) fn ask_kernel_again(&mut self) {
        self.starved = false;
    }

    pub(super) fn is_starved(&self) -> bool {
        self.starved
    }

    pub(crate) fn set_watched(&mut self, watched: bool) {
        self.watched = watched;
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.watched
    }

    pub(crate) fn count_refill(&mut self) {
        self.refills += 1;
    }

    pub(crate) fn refills(&self) -> u64 {
        self.refills
    }

    pub(super) fn close(&mut self) {
        self.phase = self.phase.max(Phase::Closing);
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.phase >= Phase::Closing
    }

    /// Begins the end, if the dispatcher closes and nobody has begun it: then the caller tells the
    /// threads. To be called when nothing is outstanding.
    pub(super) fn begin_end(&mut self) -> bool {
        let begins = self.phase == Phase::Closing;
        if begins {
            self.phase = Phase::Ending;
        }
        begins
    }

    /// Whether nobody would run a callback any more.
    pub(super) fn is_ending(&self) -> bool {
        self.phase >= Phase::Ending
    }

    pub(super) fn threads_are_told(&mut self) {
        self.phase = Phase::Told;
    }

    pub(super) fn are_threads_told(&self) -> bool {
        self.phase == Phase::Told
    }

    /// Takes note that the owner of an event loop knows of this next deadline, or is about to.
    pub(crate) fn tell_deadline(&mut self, next: Option<Instant>) {
        self.told_deadline = next;
    }

    /// Whether this next deadline is earlier than the owner of an event loop knows.
    pub(crate) fn is_earlier_than_told(&self, next: Option<Instant>) -> bool {
        next.is_some_and(|next| self.told_deadline.is_none_or(|told| next < told))
    }
}
