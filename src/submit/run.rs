//! One job, and the wait for its value.

use std::error::Error;
use std::fmt;

use crate::admission::refusal::Refusal;
use crate::job::Job;
use crate::submit::Submitter;
use crate::submit::join::JoinError;
use crate::submit::refused::Refused;

impl Submitter {
    /// Submits a job, waits until its callback has run, and returns the callback's value.
    ///
    /// This is for a program that needs one value to go on, as [`spawn`](Self::spawn) and
    /// [`join`](crate::JobHandle::join) in one. A loop of such calls has one operation under way at
    /// a time: to read much, submit many jobs before the first wait.
    ///
    /// # Blocking
    ///
    /// Until there is room, and then until the callback has ended. In a callback of the same
    /// dispatcher it doesn't block.
    ///
    /// # Errors
    ///
    /// [`RunError::Refused`] with the job for the reasons of [`submit`](Self::submit), and with
    /// [`Refusal::InCallback`] in a callback of the same dispatcher: the worker might be the one
    /// that has to run the job. [`RunError::NotJoined`] if the callback panicked.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, FileHandle, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = FileHandle::open_buffered("Cargo.toml")?;
    /// let (count, buffer) = dispatcher.run(Job::read(&file, vec![0; 9], 0, |done| {
    ///     done.into_success()
    /// }))??;
    /// assert_eq!((count, &*buffer), (9, &b"[package]"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run<R: Send + 'static>(&self, job: Job<R>) -> Result<R, RunError<R>> {
        if !self.pipeline.is_forked() && self.pipeline.must_not_wait() {
            return Err(RunError::Refused(Refused::job(Refusal::InCallback, job)));
        }
        let handle = self.spawn(job).map_err(RunError::Refused)?;
        handle.join().map_err(RunError::NotJoined)
    }
}

/// Why [`run`](Submitter::run) has no value. It is shown as the error inside.
///
/// # Examples
///
/// ```
/// use reapool::{Dispatcher, Job, Refusal, RunError};
///
/// let dispatcher = Dispatcher::new()?;
/// let submitter = dispatcher.submitter();
/// let inner = dispatcher.run(Job::nop(move || submitter.run(Job::nop(|| 7))))?;
/// let Err(RunError::Refused(refused)) = inner else { unreachable!() };
/// assert_eq!(refused.kind(), Refusal::InCallback);
/// assert_eq!(dispatcher.run(refused.into_inner())?, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[non_exhaustive]
pub enum RunError<R> {
    /// The job was not accepted, and comes back.
    Refused(Refused<Job<R>>),
    /// The job was accepted, and its callback panicked.
    NotJoined(JoinError<R>),
}

impl<R> fmt::Debug for RunError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => f.debug_tuple("Refused").field(refused).finish(),
            Self::NotJoined(error) => f.debug_tuple("NotJoined").field(error).finish(),
        }
    }
}

impl<R> fmt::Display for RunError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(f),
            Self::NotJoined(error) => error.fmt(f),
        }
    }
}

impl<R: 'static> Error for RunError<R> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Refused(refused) => refused.source(),
            Self::NotJoined(error) => error.source(),
        }
    }
}
