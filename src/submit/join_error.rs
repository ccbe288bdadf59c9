//! Why a wait for a callback has no value.

use std::error::Error;
use std::fmt;
use std::panic::resume_unwind;

use crate::submit::handle::JobHandle;
use crate::unwind::Payload;

/// Why a handle has no value.
#[non_exhaustive]
pub enum JoinError<T> {
    /// The callback panicked with this.
    Panicked(Payload),
    /// The callback had not ended within the time given. The handle comes back.
    TimedOut(JobHandle<T>),
    /// Waiting in a callback of the same dispatcher is refused: the worker might be the one that
    /// has to run the job waited for. The handle comes back; continue in the other job's callback
    /// instead, or wait in a thread of your own.
    InCallback(JobHandle<T>),
    /// The callback will never run. Every accepted job's does, so this is not to be met.
    Abandoned,
    /// The value has been taken: the handle had been awaited to the end.
    Taken,
    /// This is a forked child; the job is the parent's.
    Forked,
}

impl<T> JoinError<T> {
    /// The handle, to wait again; `None` if there is nothing more to wait for.
    #[must_use]
    pub fn into_handle(self) -> Option<JobHandle<T>> {
        match self {
            Self::TimedOut(handle) | Self::InCallback(handle) => Some(handle),
            Self::Panicked(_) | Self::Abandoned | Self::Taken | Self::Forked => None,
        }
    }

    /// Goes on panicking with what the callback panicked with, if it did; otherwise the error
    /// itself comes back.
    #[must_use]
    pub fn resume_panic(self) -> Self {
        match self {
            Self::Panicked(payload) => resume_unwind(payload),
            other => other,
        }
    }
}

impl<T> fmt::Debug for JoinError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Panicked(_) => "Panicked(..)",
            Self::TimedOut(_) => "TimedOut(..)",
            Self::InCallback(_) => "InCallback(..)",
            Self::Abandoned => "Abandoned",
            Self::Taken => "Taken",
            Self::Forked => "Forked",
        })
    }
}

impl<T> fmt::Display for JoinError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Panicked(_) => "the callback panicked",
            Self::TimedOut(_) => "the callback had not ended within the time given",
            Self::InCallback(_) => {
                "a callback can't wait for another job of its dispatcher: go on in that job's \
                 callback, or wait in a thread of your own"
            }
            Self::Abandoned => "the callback will never run",
            Self::Taken => "the callback's value has been taken already",
            Self::Forked => "this process was forked from the one that the job belongs to",
        })
    }
}

impl<T> Error for JoinError<T> {}

/// Why [`JobHandle::wait_first`] has no index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitError {
    /// There was no handle to wait for.
    NoHandles,
    /// No callback ended within the time given.
    TimedOut,
    /// Waiting in a callback of the same dispatcher is refused.
    InCallback,
    /// This is a forked child; the jobs are the parent's.
    Forked,
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoHandles => "there is no job to wait for",
            Self::TimedOut => "no callback ended within the time given",
            Self::InCallback => "a callback can't wait for other jobs of its dispatcher",
            Self::Forked => "this process was forked from the one that the jobs belong to",
        })
    }
}

impl Error for WaitError {}
