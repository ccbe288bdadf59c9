//! Waiting for callbacks: to join a handle, to await it, or to wait for the first of several.

use std::error::Error;
use std::fmt;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::submit::handle::JobHandle;
use crate::submit::panic_payload::PanicPayload;
use crate::wait::delivery::{Delivered, JoinBell};
use crate::wait::limit::WaitLimit;

impl<T> JobHandle<T> {
    /// Waits until the callback has returned, and takes its value.
    ///
    /// # Blocking
    ///
    /// Until the callback has ended. In a callback of the same dispatcher it doesn't block: the
    /// worker might be the one that has to run the awaited job.
    ///
    /// # Errors
    ///
    /// [`JoinError::Panicked`] with the payload if the callback panicked, and
    /// [`JoinError::InCallback`] with the handle if this would have to wait in a callback.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let number = dispatcher.spawn(Job::nop(|| "42".parse::<u32>()))?;
    /// let parsed = number.join()?; // an error here is the callback's panic
    /// assert_eq!(parsed?, 42); // and here its value
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join(self) -> Result<T, JoinError<T>> {
        self.join_until(WaitLimit::NEVER)
    }

    /// Waits like [`join`](Self::join), but no longer than `limit`.
    ///
    /// # Errors
    ///
    /// As for `join`, and [`JoinError::TimedOut`] with the handle.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    /// use reapool::{Dispatcher, Job, JoinError};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let (go, wait) = mpsc::channel::<()>();
    /// let handle = dispatcher.spawn(Job::nop(move || wait.recv().is_err()))?;
    /// let joined = handle.join_timeout(Duration::from_millis(1));
    /// let Err(JoinError::TimedOut(handle)) = joined else { unreachable!() };
    /// drop(go);
    /// assert!(handle.join()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join_timeout(self, limit: Duration) -> Result<T, JoinError<T>> {
        self.join_until(WaitLimit::after(limit))
    }

    fn join_until(self, limit: WaitLimit) -> Result<T, JoinError<T>> {
        if self.pipeline().is_forked() {
            return Err(JoinError::Forked);
        }
        let end = match self.delivery().take() {
            None if self.pipeline().must_not_wait() => return Err(JoinError::InCallback(self)),
            None => self.delivery().wait(limit),
            end => end,
        };
        match end {
            Some(Delivered::Returned(value)) => Ok(value),
            Some(Delivered::Panicked(payload)) => {
                self.panic_is_taken();
                Err(JoinError::Panicked(PanicPayload::new(payload)))
            }
            Some(Delivered::Abandoned) => Err(JoinError::Abandoned),
            Some(Delivered::Taken) => Err(JoinError::Taken),
            None => Err(JoinError::TimedOut(self)),
        }
    }

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
        let limit = limit.map_or(WaitLimit::NEVER, WaitLimit::after);
        let bell = Arc::new(JoinBell::default());
        let first = handles.iter().position(|handle| !handle.delivery().add_bell(&bell));
        let result = match first {
            Some(index) => Ok(index),
            None if handles.iter().any(|handle| handle.pipeline().must_not_wait()) => {
                Err(WaitError::InCallback)
            }
            None if !bell.wait(limit) => Err(WaitError::TimedOut),
            None => {
                let ended = handles.iter().position(Self::is_finished);
                Ok(ended.expect("the bell is rung by a job that has ended"))
            }
        };
        for handle in &handles[..first.unwrap_or(handles.len())] {
            handle.delivery().remove_bell(&bell);
        }
        result
    }
}

impl<T> Future for JobHandle<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        assert!(!self.pipeline().is_forked(), "{}", JoinError::<T>::Forked);
        match self.delivery().poll(context.waker()) {
            None => Poll::Pending,
            Some(Delivered::Returned(value)) => Poll::Ready(value),
            Some(Delivered::Panicked(payload)) => {
                self.panic_is_taken();
                resume_unwind(payload)
            }
            Some(Delivered::Abandoned) => panic!("{}", JoinError::<T>::Abandoned),
            Some(Delivered::Taken) => panic!("{}", JoinError::<T>::Taken),
        }
    }
}

/// Why a handle has no value.
///
/// With a `T` that is `Send`, as a job's value has to be, it is `Send` and `Sync`. So `?` turns it
/// into a `Box<dyn Error + Send + Sync>`, or into an error of the crate anyhow.
///
/// # Examples
///
/// ```
/// use std::error::Error;
/// use reapool::{Dispatcher, Job};
///
/// fn add() -> Result<i32, Box<dyn Error + Send + Sync>> {
///     let dispatcher = Dispatcher::new()?;
///     Ok(dispatcher.spawn(Job::nop(|| 2 + 2))?.join()?)
/// }
/// assert_eq!(add()?, 4);
/// # Ok::<(), Box<dyn Error + Send + Sync>>(())
/// ```
#[non_exhaustive]
pub enum JoinError<T> {
    /// The callback panicked with this payload. The error's message has the panic's, if it had one.
    Panicked(PanicPayload),
    /// The callback had not ended within the time given. The handle comes back.
    TimedOut(JobHandle<T>),
    /// Waiting in a callback of the same dispatcher is refused: the worker might be the one that
    /// has to run the awaited job. The handle comes back. Continue in the other job's callback
    /// instead, or wait in a thread of your own.
    InCallback(JobHandle<T>),
    /// The callback will never run. This should not happen, as every accepted job's callback runs.
    Abandoned,
    /// The value has been taken: the handle had been awaited to the end.
    Taken,
    /// This is a forked child; the job is the parent's.
    Forked,
}

impl<T> JoinError<T> {
    /// The handle, to wait again; `None` if there is nothing more to wait for.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use reapool::{Dispatcher, Job, JoinError};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let (go, gone) = std::sync::mpsc::channel();
    /// let job = Job::nop(move || gone.recv().is_ok());
    /// let late = dispatcher.spawn(job)?.join_timeout(Duration::from_millis(1)).unwrap_err();
    /// assert!(matches!(late, JoinError::TimedOut(_)));
    /// go.send(())?;
    /// assert!(late.into_handle().unwrap().join()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn into_handle(self) -> Option<JobHandle<T>> {
        match self {
            Self::TimedOut(handle) | Self::InCallback(handle) => Some(handle),
            Self::Panicked(_) | Self::Abandoned | Self::Taken | Self::Forked => None,
        }
    }

    /// Continues the callback's panic with its payload, if it panicked; otherwise the error itself
    /// comes back.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::panic::{AssertUnwindSafe, catch_unwind};
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::builder().panic_handler(|_| ()).build()?;
    /// let handle = dispatcher.spawn(Job::<()>::nop(|| panic!("in the callback")))?;
    /// let error = handle.join().unwrap_err();
    /// let resumed = catch_unwind(AssertUnwindSafe(|| error.resume_panic()));
    /// let payload = resumed.unwrap_err();
    /// assert_eq!(payload.downcast_ref(), Some(&"in the callback"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn resume_panic(self) -> Self {
        match self {
            Self::Panicked(payload) => resume_unwind(payload.into_inner()),
            other => other,
        }
    }
}

impl<T> fmt::Debug for JoinError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Panicked(payload) => match payload.message() {
                Some(message) => return f.debug_tuple("Panicked").field(&message).finish(),
                None => "Panicked(..)",
            },
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
            Self::Panicked(payload) => match payload.message() {
                Some(message) => return write!(f, "the callback panicked: {message}"),
                None => "the callback panicked",
            },
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
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
/// use std::time::Duration;
/// use reapool::{Dispatcher, Job, JobHandle, WaitError};
///
/// let dispatcher = Dispatcher::new()?;
/// let (go, wait) = mpsc::channel::<()>();
/// let handles = [dispatcher.spawn(Job::nop(move || _ = wait.recv()))?];
/// let limit = Some(Duration::from_millis(1));
/// assert_eq!(JobHandle::wait_first(&handles, limit), Err(WaitError::TimedOut));
/// drop(go);
/// assert_eq!(JobHandle::wait_first(&handles, None), Ok(0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
