//! The jobs that wait for their turn to go into a slot.

use std::collections::VecDeque;

use super::backlog::Backlog;
use super::slots::Slots;
use crate::job::Job;

/// Guarded by the lock of the books.
#[derive(Default)]
pub(crate) struct Waiting {
    pub(super) backlog: Backlog,
    /// Exact jobs that are done in part. They go before all others. Each has freed a slot, so there
    /// is one for it.
    resumed: VecDeque<Job>,
}

impl Waiting {
    /// How many jobs wait for a slot.
    pub(crate) fn for_a_slot(&self) -> usize {
        self.backlog.len()
    }

    /// How many jobs wait to go on.
    pub(crate) fn resumed(&self) -> usize {
        self.resumed.len()
    }

    /// Whether a job waits beside a free slot.
    #[inline]
    pub(super) fn is_beside_free(&self, slots: &Slots) -> bool {
        slots.has_free() && !(self.backlog.is_empty() && self.resumed.is_empty())
    }

    /// The job that goes into a slot next.
    #[inline]
    pub(super) fn next(&self) -> Option<&Job> {
        self.resumed.front().or_else(|| self.backlog.front())
    }

    /// Takes out the job that [`next`](Self::next) returns.
    #[inline]
    pub(super) fn take_next(&mut self) -> Option<Job> {
        self.resumed.pop_front().or_else(|| self.backlog.pop_front())
    }

    pub(super) fn resume(&mut self, job: Job) {
        self.resumed.push_back(job);
    }
}
