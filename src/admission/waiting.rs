//! The jobs that wait to go into slots, and the slots that are free for them.

use std::collections::VecDeque;

use super::backlog::Backlog;
use crate::job::Job;

/// Guarded by the lock of the books.
#[derive(Default)]
pub(crate) struct Waiting {
    /// Slots in all.
    depth: usize,
    /// Taken from the end: low indices first, and then the slot that was freed last, which is still
    /// in the cache.
    free: Vec<u32>,
    pub(super) backlog: Backlog,
    /// Exact jobs that are done in part, with the slots that they keep. They go before all others.
    resumed: VecDeque<(u32, Job)>,
}

impl Waiting {
    pub(super) fn new(depth: u32) -> Self {
        Self { depth: depth as usize, free: (0..depth).rev().collect(), ..Self::default() }
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
    pub(super) fn has_pair(&self) -> bool {
        !self.resumed.is_empty() || !self.free.is_empty() && !self.backlog.is_empty()
    }

    /// The job that goes into a slot next.
    pub(super) fn next(&self) -> Option<&Job> {
        self.resumed.front().map(|(_, job)| job).or_else(|| self.backlog.front())
    }

    /// Takes this job out, with the slot that it has or gets.
    #[inline]
    pub(super) fn take_next(&mut self) -> Option<(u32, Job)> {
        if let Some(resumed) = self.resumed.pop_front() {
            return Some(resumed);
        }
        let index = self.free.pop()?;
        let job = self.backlog.pop_front();
        job.map(|job| (index, job))
    }

    pub(super) fn resume(&mut self, index: u32, job: Job) {
        self.resumed.push_back((index, job));
    }

    /// Takes a slot back whose job has left it.
    pub(super) fn free_slot(&mut self, index: u32) {
        self.free.push(index);
    }
}
