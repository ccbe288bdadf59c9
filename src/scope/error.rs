//! Why a scope was not opened, or did not take a job.

use std::error::Error;
use std::fmt;

use crate::admission::refusal::Refusal;

/// Why [`scope`](crate::Submitter::scope) did not run its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScopeError {
    /// Called in a callback of the same dispatcher, or by the owner of the event loop: this thread
    /// might be the one that has to run the jobs that the scope waits for.
    InCallback,
    /// This is a forked child; the dispatcher's threads are the parent's.
    Forked,
}

impl fmt::Display for ScopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InCallback => {
                "a thread that runs a dispatcher's callbacks can't open a scope on it, which waits \
                 for jobs: submit to a scope that is open, or open one in another thread"
            }
            Self::Forked => "this process was forked from the dispatcher's",
        })
    }
}

impl Error for ScopeError {}

/// What a scope did not take, and why: a [`ScopedJob`](crate::ScopedJob), or several.
///
/// It borrows what the job does, so it can't leave the scope, nor be an [`Error`] that is boxed. With
/// `?` it becomes what can: its [kind](Self::kind), and the job is given up.
///
/// # Examples
///
/// ```
/// use std::error::Error;
/// use reapool::{Dispatcher, ScopedJob, Refusal};
///
/// let dispatcher = Dispatcher::builder().depth(1).backlog(0).build()?;
/// let mut hello = String::from("hello");
/// dispatcher.scope(|scope| {
///     let mut job = ScopedJob::nop(|| hello.push_str(" from a worker"));
///     // Until there is room, something else could be done.
///     while let Err(refused) = scope.try_submit(job) {
///         assert_eq!(refused.kind(), Refusal::Full);
///         job = refused.into_inner();
///     }
///     scope.submit(ScopedJob::nop(|| ()))?;
///     Ok::<(), Box<dyn Error>>(())
/// })??;
/// assert_eq!(hello, "hello from a worker");
/// # Ok::<(), Box<dyn Error>>(())
/// ```
pub struct Refused<J> {
    kind: Refusal,
    inner: J,
}

impl<J> Refused<J> {
    pub(super) fn new(kind: Refusal, inner: J) -> Self {
        Self { kind, inner }
    }

    /// Why it was not accepted.
    #[must_use]
    pub fn kind(&self) -> Refusal {
        self.kind
    }

    /// The job, or the jobs in their order, to be submitted again.
    pub fn into_inner(self) -> J {
        self.inner
    }
}

impl<J> fmt::Debug for Refused<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl<J> fmt::Display for Refused<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a scope's job was not accepted: {}", self.kind)
    }
}

impl<J> From<Refused<J>> for Refusal {
    fn from(refused: Refused<J>) -> Self {
        refused.kind
    }
}

impl<J> From<Refused<J>> for Box<dyn Error> {
    fn from(refused: Refused<J>) -> Self {
        refused.kind.into()
    }
}

impl<J> From<Refused<J>> for Box<dyn Error + Send + Sync> {
    fn from(refused: Refused<J>) -> Self {
        refused.kind.into()
    }
}
