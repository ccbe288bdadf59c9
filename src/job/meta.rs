//! A job's side data: facts about it that its task does not know.

use std::num::NonZero;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use crate::job::stopped::CancelReason;
use crate::sync::Instant;

/// Stays with the job whatever its task is wrapped in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meta {
    deadline: JobDeadline,
    /// `None` if the job has no handle.
    ticket: Option<Ticket>,
    is_uncounted: bool,
    cancel_reason: Option<CancelReason>,
}

impl Meta {
    pub(crate) const fn new() -> Self {
        let (deadline, ticket) = (JobDeadline::Never, None);
        Self { deadline, ticket, is_uncounted: false, cancel_reason: None }
    }

    pub(crate) fn set_deadline(&mut self, deadline: JobDeadline) {
        self.deadline = deadline;
    }

    /// Turns a time limit into a moment, counted from now, when the job is being accepted. A job
    /// that one dispatcher has refused may be accepted by another, so that this may be called more
    /// than once; only the first call has an effect.
    pub(crate) fn start_clock(&mut self) {
        if let JobDeadline::Within(nanos) = self.deadline {
            let deadline = Instant::now().checked_add(Duration::from_nanos(nanos));
            self.deadline = deadline.map_or(JobDeadline::Never, JobDeadline::By);
        }
    }

    /// The deadline of a job that has been accepted.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.deadline {
            JobDeadline::By(deadline) => Some(deadline),
            JobDeadline::Never | JobDeadline::Within(_) => None,
        }
    }

    /// The identity by which the job's handle finds it, if the job has a handle.
    pub(crate) fn ticket(&self) -> Option<Ticket> {
        self.ticket
    }

    pub(crate) fn set_ticket(&mut self, ticket: Option<Ticket>) {
        self.ticket = ticket;
    }

    /// Whether the job may have to be found where it waits. Most are not, which saves them the
    /// upkeep.
    #[inline]
    pub(crate) fn is_looked_for(&self) -> bool {
        self.ticket.is_some() || !matches!(self.deadline, JobDeadline::Never)
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

    /// Records why the engine is asked to end the job. The first reason stays. True the first time.
    pub(crate) fn set_cancel_reason(&mut self, why: CancelReason) -> bool {
        let is_first = self.cancel_reason.is_none();
        self.cancel_reason.get_or_insert(why);
        is_first
    }
}

/// The moment by which a job has to have started.
#[derive(Clone, Copy, Debug)]
pub(crate) enum JobDeadline {
    Never,
    By(Instant),
    /// This many nanoseconds after the dispatcher has accepted the job.
    Within(u64),
}

impl JobDeadline {
    pub(crate) fn within(limit: Duration) -> Self {
        u64::try_from(limit.as_nanos()).map_or(Self::Never, Self::Within)
    }
}

/// The identity by which a handle finds its job: the address of the value that both share. No other
/// job has the same as long as job or handle lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ticket(NonZero<usize>);

impl Ticket {
    pub(crate) fn of<T>(shared: &Arc<T>) -> Self {
        Self(NonNull::from(&**shared).addr())
    }
}
