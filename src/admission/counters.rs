//! The counters that are not kept under the lock of the books.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::engine::Request;
use crate::engine::operation::Operation;
use crate::job::Job;

/// Counters that any thread changes without a lock. They order nothing, so all accesses are
/// relaxed.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) submit_calls: AtomicU64,
    pub(crate) submitted: AtomicU64,
    pub(crate) completed: AtomicU64,
    pub(crate) reap_calls: AtomicU64,
    pub(crate) reap_errors: AtomicU64,
    pub(crate) worker_wakeups: AtomicU64,
    pub(crate) cached: AtomicU64,
    pub(crate) blocking_transfers: AtomicU64,
    /// Polls in the kernel.
    pub(crate) polls: AtomicU64,
    pub(crate) largest_harvest: AtomicUsize,
    pub(crate) stray_events: AtomicU64,
}

impl Counters {
    /// About how many requests are in the kernel, without the polls: these wait until others do
    /// something.
    pub(crate) fn in_flight(&self) -> usize {
        let others = self.completed.load(Ordering::Relaxed) + self.polls.load(Ordering::Relaxed);
        let in_flight = self.submitted.load(Ordering::Relaxed).saturating_sub(others);
        usize::try_from(in_flight).unwrap_or(usize::MAX)
    }

    /// How many polls are in the kernel.
    pub(crate) fn polls(&self) -> u64 {
        self.polls.load(Ordering::Relaxed)
    }

    /// Counts a batch that the kernel is about to get.
    pub(crate) fn submitted(&self, batch: &[Request]) {
        self.submitted.fetch_add(batch.len() as u64, Ordering::Relaxed);
        self.polls.fetch_add(polls(batch), Ordering::Relaxed);
    }

    /// Takes back the count of those requests that the kernel did not take. Mostly there are none.
    pub(crate) fn taken_back(&self, rest: &[Request]) {
        if !rest.is_empty() {
            self.submitted.fetch_sub(rest.len() as u64, Ordering::Relaxed);
            self.polls.fetch_sub(polls(rest), Ordering::Relaxed);
        }
    }

    /// Takes note of a job that has completed, if it was a poll.
    pub(crate) fn polled(&self, job: &Job) {
        let polls = self.polls.load(Ordering::Relaxed);
        if polls > 0 && job.operation() == Operation::Poll {
            self.polls.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Counts the completions that one call of the engine's waiter (the reaper, or the owner of an
    /// event loop) brought.
    pub(crate) fn harvested(&self, count: usize) {
        self.completed.fetch_add(count as u64, Ordering::Relaxed);
        // The waiter alone writes this one.
        if count > self.largest_harvest.load(Ordering::Relaxed) {
            self.largest_harvest.store(count, Ordering::Relaxed);
        }
    }

    /// Counts an event that belongs to no job. It was counted among the completions.
    pub(crate) fn strayed(&self) {
        self.completed.fetch_sub(1, Ordering::Relaxed);
        self.stray_events.fetch_add(1, Ordering::Relaxed);
    }
}

fn polls(batch: &[Request]) -> u64 {
    batch.iter().filter(|request| request.transfer.operation == Operation::Poll).count() as u64
}
