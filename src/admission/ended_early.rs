//! The jobs that ended without a slot, while they wait for a worker to run their callbacks.

use std::collections::VecDeque;

use super::tally::Tally;
use crate::job::Job;
use crate::job::stopped::CancelReason;

/// Guarded by the lock of the books.
#[derive(Default)]
pub(super) struct EndedEarly(VecDeque<(Job, CancelReason)>);

impl EndedEarly {
    pub(super) fn push(&mut self, job: Job, reason: CancelReason) {
        self.0.push_back((job, reason));
    }

    /// Ends a job that waited for a slot, and counts it.
    pub(super) fn end(&mut self, mut job: Job, reason: CancelReason, tally: &mut Tally) {
        // The kernel may have done a part, and had no request for the rest.
        job.submit_no_more();
        tally.count_cancelled(reason);
        self.push(job, reason);
    }

    pub(super) fn pop(&mut self) -> Option<(Job, CancelReason)> {
        self.0.pop_front()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
