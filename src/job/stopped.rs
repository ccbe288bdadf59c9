//! Jobs that end without having been performed: the reasons, and the answer to a call that cancels
//! one.

/// The answer of [`JobHandle::cancel`](crate::JobHandle::cancel).
///
/// # Examples
///
/// ```
/// use std::os::fd::OwnedFd;
/// use reapool::{Cancel, Dispatcher, FileHandle, Job, PollEvents};
///
/// let dispatcher = Dispatcher::builder().depth(1).build()?;
/// let (reader, _writer) = std::io::pipe()?;
/// let pipe = FileHandle::from(OwnedFd::from(reader));
/// let poll = dispatcher.spawn(Job::poll(pipe, PollEvents::READABLE, |done| done.result))?;
/// let sum = dispatcher.spawn(Job::nop(|| 2 + 2))?; // waits for the poll's slot
/// assert_eq!(sum.cancel(), Cancel::WillRun);
/// assert_eq!(poll.cancel(), Cancel::Cancelled);
/// dispatcher.drain()?;
/// assert_eq!((sum.cancel(), sum.join()?), (Cancel::TooLate, 4));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cancel {
    /// The job had not started, or was a poll whose event had not come. It ends: its callback runs
    /// with `ECANCELED`.
    Cancelled,
    /// The job is in the kernel, on its way to its callback, in its callback, or over. Nothing has
    /// changed. In a forked child this is always the answer, as the job is the parent's.
    TooLate,
    /// The job has not started, but its callback takes no result that could report a
    /// cancellation: a [`nop`](crate::Job::nop) or [`blocking`](crate::Job::blocking) job. It will
    /// run.
    WillRun,
}

/// Why a job ends without having been performed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CancelReason {
    Cancelled,
    TimedOut,
}

impl CancelReason {
    /// The result of such a job, encoded as the kernel would.
    pub(crate) fn res(self) -> i64 {
        -i64::from(match self {
            Self::Cancelled => libc::ECANCELED,
            Self::TimedOut => libc::ETIMEDOUT,
        })
    }
}
