//! One callback's value, waited for: the other end of `spawn`.

use std::fmt;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::job::stopped::Cancel;
use crate::job::ticket::Ticket;
use crate::pipeline::Pipeline;
use crate::submit::join_error::{JoinError, WaitError};
use crate::wait::delivery::{Delivered, Delivery};
use crate::wait::headcount::Headcount;
use crate::wait::join_bell::JoinBell;
use crate::wait::limit::WaitLimit;

/// A handle to a spawned job: waits for the *callback*, and has its return value.
///
/// It owns nothing of the job: dropped or forgotten, the job goes on, and its value is discarded.
/// [`cancel`](Self::cancel) withdraws a job that is not under way.
///
/// # In a task
///
/// It is a [`Future`] of the callback's value, for any executor: the worker that ran the callback
/// wakes the task. Polled by several tasks in turn, it wakes the last one. Polling never blocks, so
/// a task may also be polled in a callback. Having been polled, it can still be
/// [joined](Self::join).
///
/// # Panics
///
/// Polling goes on panicking with what the callback panicked with, as awaiting a task that panicked
/// does; to have that as an error, join the handle when it [is finished](Self::is_finished). It also
/// panics after it has returned the value, in a forked child, where nobody would wake the task, and
/// if the callback will never run, which is not to be met, as every accepted job's does.
///
/// # Examples
///
/// ```
/// use reapool::{Dispatcher, Job};
///
/// let dispatcher = Dispatcher::new()?;
/// let file = std::fs::File::open("Cargo.toml")?;
/// let handle = dispatcher.spawn(Job::read(file, vec![0; 9], 0, |done| done.buffer))?;
/// assert_eq!(handle.join()?, b"[package]");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// In a task:
///
/// ```
/// use reapool::{Dispatcher, Job};
///
/// let dispatcher = Dispatcher::new()?;
/// let sum = futures::executor::block_on(async {
///     let (one, two) = (dispatcher.spawn(Job::nop(|| 1))?, dispatcher.spawn(Job::nop(|| 2))?);
///     Ok::<_, reapool::SubmitError<_>>(one.await + two.await)
/// })?;
/// assert_eq!(sum, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a handle that is dropped discards the callback's value; `submit` needs none"]
pub struct JobHandle<T> {
    delivery: Arc<Delivery<T>>,
    /// To find out whether a wait is asked for by one of the workers that it would wait for.
    pipeline: Arc<Pipeline>,
    /// A scope's job: it hears that somebody has got its panic.
    scope: Option<Arc<Headcount>>,
}

impl<T> JobHandle<T> {
    pub(crate) fn new(delivery: Arc<Delivery<T>>, pipeline: Arc<Pipeline>) -> Self {
        Self { delivery, pipeline, scope: None }
    }

    /// The handle of a job of the scope that counts its jobs here.
    pub(crate) fn in_scope(mut self, jobs: &Arc<Headcount>) -> Self {
        self.scope = Some(Arc::clone(jobs));
        self
    }

    /// Tells the scope that somebody has got its job's panic.
    fn tell_scope(&self) {
        if let Some(jobs) = &self.scope {
            jobs.taken();
        }
    }

    pub(crate) fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// What the dispatcher knows the job by.
    pub(crate) fn ticket(&self) -> Ticket {
        Ticket::of(&self.delivery)
    }

    /// Whether the callback has ended. Does not block; false in a forked child.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        !self.pipeline.is_forked() && self.delivery.is_over()
    }

    /// Waits until the callback has returned, and takes its value.
    ///
    /// # Blocking
    ///
    /// Until the callback has ended. In a callback of the same dispatcher it doesn't block: the
    /// worker might be the one that has to run the job waited for.
    ///
    /// # Errors
    ///
    /// [`JoinError::Panicked`] with the payload if the callback panicked, and
    /// [`JoinError::InCallback`] with the handle if this would have to wait in a callback.
    pub fn join(self) -> Result<T, JoinError<T>> {
        self.join_until(WaitLimit::NEVER)
    }

    /// Waits like [`join`](Self::join), but no longer than `limit`.
    ///
    /// # Errors
    ///
    /// As for `join`, and [`JoinError::TimedOut`] with the handle.
    pub fn join_timeout(self, limit: Duration) -> Result<T, JoinError<T>> {
        self.join_until(WaitLimit::after(limit))
    }

    fn join_until(self, deadline: WaitLimit) -> Result<T, JoinError<T>> {
        if self.pipeline.is_forked() {
            return Err(JoinError::Forked);
        }
        let mut in_callback = false;
        let end = self.delivery.wait(|ended, state| {
            in_callback = self.pipeline.must_not_wait();
            if in_callback { Err(state) } else { deadline.wait(ended, state) }
        });
        match end {
            Some(Delivered::Returned(value)) => Ok(value),
            Some(Delivered::Panicked(payload)) => {
                self.tell_scope();
                Err(JoinError::Panicked(payload))
            }
            Some(Delivered::Abandoned) => Err(JoinError::Abandoned),
            Some(Delivered::Taken) => Err(JoinError::Taken),
            None if in_callback => Err(JoinError::InCallback(self)),
            None => Err(JoinError::TimedOut(self)),
        }
    }

    /// Withdraws the job, if it is not under way yet.
    ///
    /// Its callback then runs once, as every accepted job's does, on a worker and without waiting for
    /// a slot, with the error `ECANCELED` as its result, and gets file and buffer back. The handle
    /// has its value as ever.
    ///
    /// A job can be withdrawn as long as it waits for a slot, in the backlog or parked; what goes
    /// through the page cache, as long as it waits for a thread for what blocks; and a
    /// [poll](Job::poll) until its event has come.
    ///
    /// Reads, writes and syncs that have been submitted to the kernel can't be: io_cancel(2) needs a
    /// function that cancels the request (`ki_cancel` in the kernel's `fs/aio.c`), which polls have,
    /// and no file system or block device sets; the kernel answers `EINVAL`. The result of such a job
    /// can be let go of: drop the handle. The job goes on, the kernel may still write into its
    /// buffer, which is kept until it has ended; its callback runs, and its value is discarded.
    ///
    /// Can be called in callbacks. Does not wait for anything, and takes no longer if many jobs wait.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::fs::File;
    /// use reapool::{Cancel, Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = File::open("Cargo.toml")?;
    /// let handle = dispatcher.spawn(Job::read(file, vec![0; 512], 0, |done| done.result))?;
    /// let answer = handle.cancel();
    /// match (answer, handle.join()?) {
    ///     (Cancel::Withdrawn, Err(error)) => assert_eq!(error.raw_os_error(), Some(125)),
    ///     (Cancel::TooLate, Ok(count)) => assert_eq!(count, 512),
    ///     (_, other) => panic!("{other:?}"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cancel(&self) -> Cancel {
        if self.pipeline().is_forked() {
            // It is the parent's.
            return Cancel::TooLate;
        }
        self.pipeline().withdraw(self.ticket())
    }

    /// Waits for the first of several jobs and returns its index. If several have ended, it is the
    /// lowest.
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
        if handles.iter().any(|handle| handle.pipeline.is_forked()) {
            return Err(WaitError::Forked);
        }
        let deadline = limit.map_or(WaitLimit::NEVER, WaitLimit::after);
        let bell = Arc::new(JoinBell::default());
        let mut hung = 0;
        let mut first = None;
        for (index, handle) in handles.iter().enumerate() {
            hung = index;
            if !handle.delivery.add_bell(&bell) {
                first = Some(index);
                break;
            }
        }
        let result = match first {
            Some(index) => Ok(index),
            None if handles.iter().any(|handle| handle.pipeline.must_not_wait()) => {
                Err(WaitError::InCallback)
            }
            None if !bell.wait(|ring, rung| deadline.wait(ring, rung)) => Err(WaitError::TimedOut),
            None => {
                let ended = handles.iter().position(Self::is_finished);
                Ok(ended.expect("the bell is rung by a job that has ended"))
            }
        };
        for handle in &handles[..=hung] {
            handle.delivery.remove_bell(&bell);
        }
        result
    }
}

impl<T> Future for JobHandle<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        assert!(!self.pipeline.is_forked(), "{}", JoinError::<T>::Forked);
        match self.delivery.poll(context.waker()) {
            None => Poll::Pending,
            Some(Delivered::Returned(value)) => Poll::Ready(value),
            Some(Delivered::Panicked(payload)) => {
                self.tell_scope();
                resume_unwind(payload)
            }
            Some(Delivered::Abandoned) => panic!("{}", JoinError::<T>::Abandoned),
            Some(Delivered::Taken) => panic!("{}", JoinError::<T>::Taken),
        }
    }
}

impl<T> Drop for JobHandle<T> {
    fn drop(&mut self) {
        // A child's copy of the lock may be held for ever.
        if !self.pipeline.is_forked() {
            drop(self.delivery.forget_task());
        }
    }
}

impl<T> fmt::Debug for JobHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobHandle").field("finished", &self.is_finished()).finish_non_exhaustive()
    }
}
