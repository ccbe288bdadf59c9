//! The handle of a spawned job, by which the callback's value is waited for.

use std::fmt;
use std::sync::Arc;

use crate::job::meta::Ticket;
use crate::job::stopped::Cancel;
use crate::pipeline::{Pipeline, cancel};
use crate::wait::delivery::Delivery;
use crate::wait::headcount::Headcount;

/// A handle to a spawned job: waits for the *callback*, and has its return value.
///
/// It owns nothing of the job. If the handle is dropped or forgotten, the job goes on, and the
/// callback's value is discarded. [`cancel`](Self::cancel) ends a job that has not started.
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
///     Ok::<_, reapool::Refused<Job<_>>>(one.await + two.await)
/// })?;
/// assert_eq!(sum, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # In a task
///
/// A handle is a [`Future`] of the callback's value, for any executor: the worker that ran the
/// callback wakes the task. If several tasks poll it in turn, the last one is woken. Polling never
/// blocks, so an executor may also poll it in a callback. A handle that has been polled can still
/// be [joined](Self::join).
///
/// # Panics
///
/// If the callback panicked, polling continues that panic, as awaiting a task that panicked does.
/// To have the panic as an error, join the handle when it [is finished](Self::is_finished). Polling
/// also panics after it has returned the value, in a forked child, where nobody would wake the
/// task, and if the callback will never run, which should not happen.
#[must_use = "a handle that is dropped discards the callback's value; `submit` needs none"]
pub struct JobHandle<T> {
    delivery: Arc<Delivery<T>>,
    /// To find out whether the caller is one of the workers that it would wait for.
    pipeline: Arc<Pipeline>,
    /// If it is a scope's job: the scope, which has to hear that somebody has got the job's panic.
    scope: Option<Arc<Headcount>>,
}

impl<T> JobHandle<T> {
    pub(crate) fn new(
        delivery: Arc<Delivery<T>>,
        pipeline: Arc<Pipeline>,
        scope: Option<Arc<Headcount>>,
    ) -> Self {
        Self { delivery, pipeline, scope }
    }

    /// Tells the scope, if there is one, that somebody has got the job's panic.
    pub(super) fn panic_is_taken(&self) {
        if let Some(jobs) = &self.scope {
            jobs.taken(self.delivery.address());
        }
    }

    pub(super) fn delivery(&self) -> &Delivery<T> {
        &self.delivery
    }

    pub(super) fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// The identity by which the dispatcher knows the job.
    pub(crate) fn ticket(&self) -> Ticket {
        Ticket::of(&self.delivery)
    }

    /// Whether the callback has ended. Does not block; false in a forked child.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let (go, wait) = mpsc::channel::<()>();
    /// let handle = dispatcher.spawn(Job::nop(move || _ = wait.recv()))?;
    /// assert!(!handle.is_finished());
    /// drop(go);
    /// dispatcher.drain()?;
    /// assert!(handle.is_finished());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_finished(&self) -> bool {
        !self.pipeline.is_forked() && self.delivery.is_over()
    }

    /// Cancels the job, if it has not started.
    ///
    /// Its callback then runs once, as every accepted job's does, on a worker and without waiting
    /// for a slot. Its result is the error `ECANCELED`, and it gets file and buffer back. The
    /// handle gets the callback's value as always.
    ///
    /// A job can be cancelled as long as it waits for a slot, in the backlog or parked. An
    /// operation that goes through the page cache can be cancelled as long as it waits for a
    /// blocking thread, and a [poll](crate::Job::poll) until its event has come.
    ///
    /// Reads, writes and syncs that have been submitted to the kernel can't be cancelled.
    /// io_cancel(2) needs a function that cancels the request (`ki_cancel` in the kernel's
    /// `fs/aio.c`). Polls have one, but no file system or block device sets one, and the kernel
    /// answers `EINVAL`. To let go of the result of such a job, drop the handle. The job goes on,
    /// and the kernel may still write into its buffer, which is kept until the job has ended. Then
    /// the callback runs, and its value is discarded.
    ///
    /// Can be called in callbacks. Does not wait for anything. On average it takes no longer if
    /// many jobs wait; now and then a call closes the gaps that others have left among them.
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
    ///     (Cancel::Cancelled, Err(error)) => assert_eq!(error.raw_os_error(), Some(125)),
    ///     (Cancel::TooLate, Ok(count)) => assert_eq!(count, 512),
    ///     (_, other) => panic!("{other:?}"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cancel(&self) -> Cancel {
        if self.pipeline.is_forked() {
            // The job is the parent's.
            return Cancel::TooLate;
        }
        cancel::cancel(&self.pipeline, self.ticket())
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
