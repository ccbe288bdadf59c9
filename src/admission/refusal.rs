//! Why a job is refused.

use std::error::Error;
use std::fmt;

/// Why a job was not accepted.
///
/// # Examples
///
/// `?` keeps the reason, and drops the job:
///
/// ```
/// use reapool::{Dispatcher, Job, Refusal, Submitter};
///
/// fn hurry(submitter: &Submitter) -> Result<(), Refusal> {
///     Ok(submitter.try_submit(Job::nop(|| ()))?)
/// }
///
/// let dispatcher = Dispatcher::new()?;
/// let submitter = dispatcher.submitter();
/// assert_eq!(hurry(&submitter), Ok(()));
/// drop(dispatcher);
/// assert_eq!(hurry(&submitter), Err(Refusal::ShutDown));
/// # Ok::<(), reapool::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// No slot is free and the backlog is full; in a callback: too many of the callbacks' jobs are
    /// parked already.
    Full,
    /// There was no room within the time given.
    TimedOut,
    /// The dispatcher has been shut down or dropped.
    ShutDown,
    /// [`run`](crate::Submitter::run) was called in a callback of the same dispatcher, or on the
    /// thread that runs its callbacks: that thread might have to run the job that it waits for.
    InCallback,
    /// This is a child that was forked from the dispatcher's process: the kernel's context and the
    /// threads are the parent's.
    Forked,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => {
                "no room: wait with submit, raise depth, backlog or parked_limit, or submit less"
            }
            Self::TimedOut => "no room within the time given",
            Self::ShutDown => "the dispatcher has been shut down",
            Self::InCallback => {
                "a callback can't wait for a job of its dispatcher: submit the job and go on in \
                 its own callback, or wait in a thread of your own"
            }
            Self::Forked => {
                "this process was forked from the one that made the dispatcher: make one here"
            }
        })
    }
}

impl Error for Refusal {}
