//! Waiting for the first of several callbacks.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::submit::handle::JobHandle;
use crate::wait::join_bell::JoinBell;
use crate::wait::limit::WaitLimit;

impl<T> JobHandle<T> {
    /// Waits for the first of several jobs and returns its index. If several have ended, the lowest
    /// index is returned.
    ///
    /// # Blocking
    ///
    /// Until one of the callbacks has ended; not in a callback of the same dispatcher.
    ///
    /// # Errors
    ///
    /// [`WaitError`] says why it can't wait, or, with a limit, that none ended in time.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use reapool::{Dispatcher, Job, JobHandle};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = Arc::new(std::fs::File::open("Cargo.toml")?);
    /// let mut handles = Vec::new();
    /// for offset in [0, 10, 20] {
    ///     let job = Job::read(&file, vec![0; 10], offset, |done| done.offset);
    ///     handles.push(dispatcher.spawn(job)?);
    /// }
    /// while !handles.is_empty() {
    ///     let first = JobHandle::wait_first(&handles, None)?;
    ///     assert!(handles.swap_remove(first).join()? <= 20);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait_first(handles: &[Self], limit: Option<Duration>) -> Result<usize, WaitError> {
        if handles.is_empty() {
            return Err(WaitError::NoHandles);
        }
        if handles.iter().any(|handle| handle.pipeline().is_forked()) {
            return Err(WaitError::Forked);
        }
        let deadline = limit.map_or(WaitLimit::NEVER, WaitLimit::after);
        let bell = Arc::new(JoinBell::default());
        let mut hung = 0;
        let mut first = None;
        for (index, handle) in handles.iter().enumerate() {
            hung = index;
            if !handle.delivery().add_bell(&bell) {
                first = Some(index);
                break;
            }
        }
        let result = match first {
            Some(index) => Ok(index),
            None if handles.iter().any(|handle| handle.pipeline().must_not_wait()) => {
                Err(WaitError::InCallback)
            }
            None if !bell.wait(|ring, rung| deadline.wait(ring, rung)) => Err(WaitError::TimedOut),
            None => {
                let ended = handles.iter().position(Self::is_finished);
                Ok(ended.expect("the bell is rung by a job that has ended"))
            }
        };
        for handle in &handles[..=hung] {
            handle.delivery().remove_bell(&bell);
        }
        result
    }
}

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
