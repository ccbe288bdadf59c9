//! Why a dispatcher could not be built, drained or shut down.

use std::error::Error;
use std::fmt;
use std::io;
use std::ops::RangeInclusive;

use crate::submit::stats::Stats;

/// Why a [`Builder`](crate::Builder) could not make a dispatcher.
///
/// # Examples
///
/// ```
/// let error = reapool::Dispatcher::builder().depth(1 << 30).build().unwrap_err();
/// assert_eq!(error.to_string(), "depth can't be 1073741824: it must be at most 1048576");
/// ```
#[derive(Debug)]
pub struct BuildError {
    failure: BuildFailure,
    source: Option<io::Error>,
}

#[derive(Debug)]
pub(crate) enum BuildFailure {
    OutOfRange { setting: &'static str, value: usize, range: RangeInclusive<usize> },
    Limit { asked: u32, limit: Option<u64>, in_use: Option<u64> },
    Unavailable,
    TooLarge { asked: u32 },
    Setup,
    LoopOfThreads,
    NulInName,
    Thread { name: String },
}

/// The kinds of [`BuildError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildErrorKind {
    /// A setting of the builder makes no sense.
    InvalidConfig,
    /// The system's limit on AIO requests, `fs.aio-max-nr`, is used up.
    AioLimit,
    /// This system has no native AIO, or forbids it.
    Unavailable,
    /// The kernel has no room for this many requests, or the process has no memory for them.
    TooLarge,
    /// A thread could not be started.
    Thread,
    /// Another failure. The error's source says which.
    Other,
}

impl BuildError {
    pub(crate) fn new(failure: BuildFailure, source: impl Into<Option<io::Error>>) -> Self {
        Self { failure, source: source.into() }
    }

    /// The kind of this failure.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{BuildErrorKind, Dispatcher};
    ///
    /// let error = Dispatcher::builder().depth(0).build().unwrap_err();
    /// assert_eq!(error.kind(), BuildErrorKind::InvalidConfig);
    /// ```
    #[must_use]
    pub fn kind(&self) -> BuildErrorKind {
        match self.failure {
            BuildFailure::OutOfRange { .. }
            | BuildFailure::LoopOfThreads
            | BuildFailure::NulInName => BuildErrorKind::InvalidConfig,
            BuildFailure::Limit { .. } => BuildErrorKind::AioLimit,
            BuildFailure::Unavailable => BuildErrorKind::Unavailable,
            BuildFailure::TooLarge { .. } => BuildErrorKind::TooLarge,
            BuildFailure::Thread { .. } => BuildErrorKind::Thread,
            BuildFailure::Setup => BuildErrorKind::Other,
        }
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.failure {
            BuildFailure::OutOfRange { setting, value, range } => {
                write!(f, "{setting} can't be {value}: ")?;
                match range.start() {
                    least if value >= least => write!(f, "it must be at most {}", range.end()),
                    // Slots or threads.
                    1 => write!(f, "it must be at least 1, or jobs would wait for ever"),
                    least => write!(f, "it must be at least {least}"),
                }
            }
            BuildFailure::Limit { asked, limit, in_use } => {
                let known =
                    |number: &Option<u64>| number.map_or("unknown".into(), |n| n.to_string());
                write!(
                    f,
                    "io_setup for {asked} requests failed: the system's limit fs.aio-max-nr is {}, \
                     of which {} are in use (fs.aio-nr); raise the limit with sysctl, ask for less \
                     depth, or let the builder shrink it",
                    known(limit),
                    known(in_use),
                )
            }
            BuildFailure::Unavailable => f.write_str(
                "native AIO is not available: the kernel was built without CONFIG_AIO, or a \
                 security policy forbids io_setup; ask for Backend::Automatic or \
                 Backend::BlockingThreads, which do without",
            ),
            BuildFailure::TooLarge { asked } => {
                write!(f, "there is no room for {asked} requests: ask for less depth")
            }
            BuildFailure::Setup => f.write_str("the engine could not be set up"),
            BuildFailure::LoopOfThreads => f.write_str(
                "an event loop can't have Backend::BlockingThreads: it is the kernel that tells it \
                 of completions",
            ),
            BuildFailure::NulInName => f.write_str(
                "the names of threads can't begin with what thread_name was given: it \
                             has a zero byte",
            ),
            BuildFailure::Thread { name } => {
                write!(f, "the thread {name} could not be started")
            }
        }
    }
}

impl Error for BuildError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

/// Why [`drain`](crate::Dispatcher::drain) did not wait until all jobs had ended.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use reapool::{Dispatcher, DrainError, Job};
///
/// let dispatcher = Arc::new(Dispatcher::new()?);
/// let inside = Arc::clone(&dispatcher);
/// let answer = dispatcher.run(Job::nop(move || inside.drain()))?;
/// assert_eq!(answer, Err(DrainError::InCallback));
/// dispatcher.drain()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DrainError {
    /// It was called in a callback of the same dispatcher. The callback would wait for itself.
    InCallback,
    /// Jobs are still outstanding after the time given.
    TimedOut,
    /// This is a forked child. The jobs are the parent's.
    Forked,
}

impl fmt::Display for DrainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InCallback => {
                "a callback can't wait for all jobs to end, being part of one: wait in another \
                 thread"
            }
            Self::TimedOut => "jobs are still outstanding after the time given",
            Self::Forked => "this process was forked from the one whose jobs are to be waited for",
        })
    }
}

impl Error for DrainError {}

/// Why [`shutdown`](crate::Dispatcher::shutdown) did not end the dispatcher.
///
/// # Examples
///
/// ```
/// use reapool::{Dispatcher, Job, ShutdownError};
///
/// let dispatcher = Dispatcher::new()?;
/// let submitter = dispatcher.submitter();
/// let answer = submitter.run(Job::nop(move || dispatcher.shutdown()))?;
/// let Err(ShutdownError::InCallback(dispatcher)) = answer else { unreachable!() };
/// assert_eq!(dispatcher.shutdown()?.jobs, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[non_exhaustive]
pub enum ShutdownError<D> {
    /// It was called in a callback of the same dispatcher. The callback would wait for itself. The
    /// dispatcher comes back, as open as it was.
    InCallback(D),
    /// Jobs were still outstanding after the time given. The counters say how many, and where.
    ///
    /// Nothing of these jobs was freed. The threads stay behind with the jobs, their buffers and
    /// files, as the kernel may still write into the buffers. If a job completes later, its
    /// callback runs as ever. When the last callback has run, the threads end.
    TimedOut(Box<Stats>),
    /// This is a forked child. The dispatcher's threads are the parent's.
    Forked,
}

impl<D> fmt::Debug for ShutdownError<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InCallback(_) => f.write_str("InCallback(..)"),
            Self::TimedOut(stats) => f.debug_tuple("TimedOut").field(stats).finish(),
            Self::Forked => f.write_str("Forked"),
        }
    }
}

impl<D> fmt::Display for ShutdownError<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InCallback(_) => f.write_str(
                "a callback can't wait for the dispatcher's end, being part of it: drop the \
                 dispatcher, or shut it down in another thread",
            ),
            Self::TimedOut(stats) => write!(
                f,
                "{} jobs were outstanding after the time given: {} in the kernel, {} with blocking \
                 threads, {} waiting for a slot, {} on their way to a callback or in it; they were \
                 left to the threads, with their buffers and files",
                stats.outstanding,
                stats.in_flight,
                stats.blocking,
                stats.parked,
                stats.outstanding
                    - stats.parked as u64
                    - stats.in_flight as u64
                    - stats.blocking as u64,
            ),
            Self::Forked => f.write_str("this process was forked from the dispatcher's"),
        }
    }
}

impl<D> Error for ShutdownError<D> {}

impl<D> ShutdownError<D> {
    /// The error for a dispatcher that the calling thread must not wait for.
    pub(crate) fn refused(refusal: DrainError, dispatcher: D) -> Self {
        match refusal {
            DrainError::InCallback => Self::InCallback(dispatcher),
            _ => Self::Forked,
        }
    }
}
