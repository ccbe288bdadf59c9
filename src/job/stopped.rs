//! Jobs that end without having been performed: why, and what asking for that came to.

use super::Job;
use crate::engine::operation::Operation;

/// What came of [`JobHandle::cancel`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cancel {
    /// The job was not under way, or waited for an event, and ends: its callback runs with
    /// `ECANCELED`.
    Cancelled,
    /// It is in the kernel, or on its way to its callback or in it, or over; nothing has changed. In
    /// a forked child, always: the job is the parent's.
    TooLate,
    /// It waits, but has no result that could say so: a [`nop`](Job::nop) or a
    /// [`blocking`](Job::blocking) job will run.
    WillRun,
}

/// Why a job ended that was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CancelReason {
    Cancelled,
    TimedOut,
}

impl CancelReason {
    /// As the kernel would encode it.
    pub(crate) fn res(self) -> i64 {
        -i64::from(match self {
            Self::Cancelled => libc::ECANCELED,
            Self::TimedOut => libc::ETIMEDOUT,
        })
    }
}

impl<R: 'static> Job<R> {
    /// Whether the callback is given a result.
    pub(crate) fn has_result(&self) -> bool {
        !matches!(self.view().transfer.operation, Operation::Nop | Operation::Blocking)
    }

    pub(crate) fn is_poll(&self) -> bool {
        self.view().transfer.operation == Operation::Poll
    }

    /// Whether nothing of it is done.
    pub(crate) fn is_unbegun(&self) -> bool {
        self.view().progress.done == 0
    }

    /// Takes note that nothing more of it is submitted: all that is done counts, whatever the
    /// next request would have been aligned to.
    pub(crate) fn leave_off(&mut self) {
        let progress = self.view().progress;
        if progress.begin < progress.done {
            self.advance(progress.done, progress.done);
        }
    }
}
