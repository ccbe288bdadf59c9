//! The counters since the start: those under the lock of the books (`Tally`), and those without a
//! lock (`Counters`).

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::engine::Request;
use crate::engine::operation::Operation;
use crate::job::Job;
use crate::job::stopped::CancelReason;
use crate::job::task::Route;

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
    /// Reads that the page cache could not answer, and that went past it.
    pub(crate) automatic_direct: AtomicU64,
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

    /// Takes note of the polls among jobs that have completed.
    pub(crate) fn polled<'a>(&self, jobs: impl Iterator<Item = &'a Job>) {
        if self.polls.load(Ordering::Relaxed) > 0 {
            let polls = jobs.filter(|job| job.is_poll()).count() as u64;
            self.polls.fetch_sub(polls, Ordering::Relaxed);
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

/// Whether it is a transfer that begins with the page cache.
fn is_buffered(operation: Operation, route: Route) -> bool {
    operation.transfers() && route != Route::Engine
}

/// The counts that are kept under the lock of the books.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    pub(crate) finished: u64,
    /// How many of the outstanding jobs don't count against the bounds: those that parts of this
    /// crate have posted, which have bounds of their own.
    pub(super) uncounted: u64,
    pub(crate) failed: u64,
    pub(crate) short: u64,
    pub(crate) buffered: u64,
    pub(crate) nops: u64,
    pub(crate) blocking_calls: u64,
    pub(crate) resumed: u64,
    pub(crate) cancelled: u64,
    pub(crate) timed_out: u64,
}

/// How a job ended, for the books.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) failed: bool,
    pub(crate) short: bool,
    /// The job did not count against the bounds.
    pub(crate) uncounted: bool,
}

impl Tally {
    #[inline]
    pub(super) fn outstanding(&self) -> u64 {
        self.accepted - self.finished
    }

    /// How many outstanding jobs count against the bounds.
    pub(super) fn counted(&self) -> u64 {
        self.outstanding() - self.uncounted
    }

    /// Counts jobs that are handed back to the caller.
    pub(crate) fn count_refused(&mut self, jobs: usize) {
        self.refused += jobs as u64;
    }

    /// Counts a job that is moved into a slot.
    #[inline]
    pub(super) fn count_start(&mut self, operation: Operation, route: Route) {
        if route == Route::Engine {
            return;
        }
        self.buffered += u64::from(is_buffered(operation, route));
        self.nops += u64::from(operation == Operation::Nop);
        self.blocking_calls += u64::from(operation == Operation::Blocking);
    }

    /// Takes back what `count_start` counted of a job that the kernel had no request for. It is
    /// never asked for nops and blocking calls.
    pub(super) fn uncount_start(&mut self, operation: Operation, route: Route) {
        self.buffered -= u64::from(is_buffered(operation, route));
    }

    /// Counts a job that is cancelled. Each job is counted once.
    pub(crate) fn count_cancelled(&mut self, reason: CancelReason) {
        match reason {
            CancelReason::Cancelled => self.cancelled += 1,
            CancelReason::TimedOut => self.timed_out += 1,
        }
    }

    /// Counts a job whose callback has returned.
    pub(super) fn count_end(&mut self, outcome: Outcome) {
        self.finished += 1;
        self.uncounted -= u64::from(outcome.uncounted);
        self.failed += u64::from(outcome.failed);
        self.short += u64::from(outcome.short);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::sync::atomic::Ordering;

    use super::Counters;
    use crate::engine::Request;
    use crate::job::Job;
    use crate::job::poll_events::PollEvents;

    #[test]
    fn polls_are_in_the_kernel_and_not_in_flight() {
        let file = || File::open("/dev/null").unwrap();
        let read = || Job::read(file(), Vec::new(), 0, |_| ());
        let jobs = [Job::poll(file(), PollEvents::READABLE, |_| ()), read(), read(), read()];
        let request =
            |job: &Job| Request { token: 0, transfer: job.head().transfer, deadline: None };
        let batch: Vec<_> = jobs.iter().map(request).collect();
        let counters = Counters::default();
        let counts = || {
            let (polls, largest) = (&counters.polls, &counters.largest_harvest);
            let load = (polls.load(Ordering::Relaxed), largest.load(Ordering::Relaxed));
            (counters.in_flight(), load.0, load.1)
        };
        counters.submitted(&batch);
        assert_eq!(counts(), (3, 1, 0));
        counters.taken_back(&batch[3..]);
        assert_eq!(counts(), (2, 1, 0));
        counters.harvested(2);
        counters.polled(jobs[1..3].iter());
        assert_eq!(counts(), (0, 1, 2));
        counters.harvested(1);
        counters.polled(jobs[..1].iter());
        assert_eq!(counts(), (0, 0, 2));
        counters.submitted(&batch[1..]);
        counters.harvested(3);
        assert_eq!(counts(), (0, 0, 3));
    }
}
