//! A job's side data: facts about it that its task does not know.

use crate::job::deadline::JobDeadline;
use crate::job::stopped::CancelReason;
use crate::sync::Instant;

/// Stays with the job whatever its task is wrapped in.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Meta {
    deadline: JobDeadline,
    is_uncounted: bool,
    cancel_reason: Option<CancelReason>,
}

impl Meta {
    pub(crate) fn set_deadline(&mut self, deadline: JobDeadline) {
        self.deadline = deadline;
    }

    /// Starts the clock of a job that is being accepted.
    pub(crate) fn start_clock(&mut self) {
        self.deadline.start_clock();
    }

    /// The deadline of a job that has been accepted.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline.instant()
    }

    pub(crate) fn is_overdue(&self) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Whether the job was accepted whatever the bounds, so that it takes no place which others
    /// wait for.
    pub(crate) fn is_uncounted(&self) -> bool {
        self.is_uncounted
    }

    pub(crate) fn mark_uncounted(&mut self) {
        self.is_uncounted = true;
    }

    /// Why the engine was asked to end the job, if it was.
    pub(crate) fn cancel_reason(&self) -> Option<CancelReason> {
        self.cancel_reason
    }

    /// Records why the engine is asked to end the job. The first reason stays.
    pub(crate) fn set_cancel_reason(&mut self, why: CancelReason) {
        self.cancel_reason.get_or_insert(why);
    }
}
