//! The counts since the start that are kept under the lock of the books.

use crate::engine::operation::Operation;
use crate::job::stopped::CancelReason;
use crate::job::task::JobView;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    pub(crate) finished: u64,
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
    /// Counts jobs that are handed back to the caller.
    pub(crate) fn count_refused(&mut self, jobs: usize) {
        self.refused += jobs as u64;
    }

    /// Counts a job that is moved into a slot.
    pub(super) fn count_start(&mut self, view: &JobView) {
        self.buffered += u64::from(view.buffered);
        self.nops += u64::from(view.transfer.operation == Operation::Nop);
        self.blocking_calls += u64::from(view.transfer.operation == Operation::Blocking);
    }

    /// Takes back what `count_start` counted of a job that the kernel had no request for: only
    /// transfers go to the kernel.
    pub(super) fn uncount_start(&mut self, view: &JobView) {
        self.buffered -= u64::from(view.buffered);
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
        self.failed += u64::from(outcome.failed);
        self.short += u64::from(outcome.short);
    }
}
