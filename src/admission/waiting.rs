//! The jobs that wait to go into slots, and the slots that are free for them.

use std::collections::VecDeque;

use super::backlog::Backlog;
use crate::engine::{first_token, next_token};
use crate::job::Job;

/// Guarded by the lock of the books.
#[derive(Default)]
pub(crate) struct Waiting {
    /// Slots in all.
    depth: usize,
    /// The tokens of the next use of each free slot. Taken from the end: low indices first, and then
    /// the slot that was freed last, which is still in the cache.
    free: Vec<u64>,
    pub(super) backlog: Backlog,
    /// Exact jobs that are done in part, with the tokens of the next use of the slots that they keep.
    /// They go before all others.
    resumed: VecDeque<(u64, Job)>,
}

impl Waiting {
    pub(super) fn new(depth: u32) -> Self {
        Self {
            depth: depth as usize,
            free: (0..depth).rev().map(first_token).collect(),
            ..Self::default()
        }
    }

    /// How many jobs wait for a slot.
    pub(crate) fn for_a_slot(&self) -> usize {
        self.backlog.len()
    }

    /// How many jobs have a slot and wait to go on.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn resumed(&self) -> usize {
        self.resumed.len()
    }

    pub(crate) fn free_slots(&self) -> usize {
        self.free.len()
    }

    /// How many slots have a job that is in the kernel, with a blocking thread, on the channel or
    /// in its callback.
    pub(crate) fn busy_slots(&self) -> usize {
        self.depth - self.free.len() - self.resumed.len()
    }

    /// Whether a job waits beside a free slot, or has one.
    #[inline]
    pub(super) fn has_pair(&self) -> bool {
        !self.free.is_empty() && !self.backlog.is_empty() || !self.resumed.is_empty()
    }

    /// The job that goes into a slot next, with a token of the slot that it has or gets.
    #[inline]
    pub(super) fn next(&self) -> Option<(u64, &Job)> {
        if let Some((token, job)) = self.resumed.front() {
            return Some((*token, job));
        }
        Some((*self.free.last()?, self.backlog.front()?))
    }

    /// Takes out the job that [`next`](Self::next) returns, and the slot.
    #[inline]
    pub(super) fn take_next(&mut self) -> Option<Job> {
        if let Some((_, job)) = self.resumed.pop_front() {
            return Some(job);
        }
        self.free.pop()?;
        self.backlog.pop_front()
    }

    /// Takes a job back that goes on in the slot that this token named.
    pub(super) fn resume(&mut self, token: u64, job: Job) {
        self.resumed.push_back((next_token(token), job));
    }

    /// Takes the slot back that this token named. Its job has left it.
    #[inline]
    pub(super) fn free_slot(&mut self, token: u64) {
        self.free.push(next_token(token));
    }
}
