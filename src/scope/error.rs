//! Errors of scopes: why one was not opened, and how `?` takes a refused job out of one.

use std::error::Error;
use std::fmt;

use crate::scope::job::ScopedJob;
use crate::submit::refused::Refused;

/// Why [`scope`](crate::Submitter::scope) did not run its body.
///
/// # Examples
///
/// ```
/// use reapool::{Dispatcher, Job, ScopeError};
///
/// let dispatcher = Dispatcher::new()?;
/// let submitter = dispatcher.submitter();
/// let job = Job::nop(move || submitter.scope(|_| "the body has run"));
/// assert_eq!(dispatcher.run(job)?, Err(ScopeError::InCallback));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScopeError {
    /// The caller is a callback of the same dispatcher, or the owner of its event loop. This thread
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

// A refused scoped job borrows, so it can't be an `Error` that is boxed. Its kind can.

impl<R> From<Refused<ScopedJob<'_, R>>> for Box<dyn Error> {
    fn from(refused: Refused<ScopedJob<'_, R>>) -> Self {
        refused.kind().into()
    }
}

impl<R> From<Refused<ScopedJob<'_, R>>> for Box<dyn Error + Send + Sync> {
    fn from(refused: Refused<ScopedJob<'_, R>>) -> Self {
        refused.kind().into()
    }
}

impl<R> From<Refused<Vec<ScopedJob<'_, R>>>> for Box<dyn Error> {
    fn from(refused: Refused<Vec<ScopedJob<'_, R>>>) -> Self {
        refused.kind().into()
    }
}

impl<R> From<Refused<Vec<ScopedJob<'_, R>>>> for Box<dyn Error + Send + Sync> {
    fn from(refused: Refused<Vec<ScopedJob<'_, R>>>) -> Self {
        refused.kind().into()
    }
}
