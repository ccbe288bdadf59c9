//! The waits of a dispatcher for tasks: until it is drained, and until it has shut down.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::{Dispatcher, ShutdownReport, check_wait};
use crate::dispatcher::error::{DrainError, ShutdownError};
use crate::pipeline::Pipeline;
use crate::wait::room::LinePlace;

/// The future of [`Dispatcher::drain_async`]: ready when no job is outstanding.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
/// use futures::FutureExt;
/// use reapool::{Dispatcher, Job};
///
/// let dispatcher = Dispatcher::new()?;
/// let (go, wait) = mpsc::channel::<()>();
/// dispatcher.submit(Job::nop(move || _ = wait.recv()))?;
/// assert_eq!(dispatcher.drain_async().now_or_never(), None, "a job is outstanding");
/// drop(go);
/// futures::executor::block_on(dispatcher.drain_async())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is waited for until the future is polled"]
pub struct DrainFuture<'a> {
    dispatcher: &'a Dispatcher,
    place: LinePlace,
}

/// The future of [`Dispatcher::shutdown_async`]: ready when the last callback has run.
///
/// If it is dropped before, the dispatcher is [detached](Dispatcher::detach).
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
/// use futures::FutureExt;
/// use reapool::{Dispatcher, Job, Refusal};
///
/// let dispatcher = Dispatcher::new()?;
/// let submitter = dispatcher.submitter();
/// let (go, wait) = mpsc::channel::<()>();
/// let handle = dispatcher.spawn(Job::nop(move || wait.recv().is_err()))?;
/// assert!(dispatcher.shutdown_async().now_or_never().is_none(), "polled once, and dropped");
/// assert_eq!(submitter.submit(Job::nop(|| ())).unwrap_err().kind(), Refusal::ShutDown);
/// drop(go);
/// assert!(handle.join()?, "what was accepted runs");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "the dispatcher is closed when the future is polled"]
pub struct ShutdownFuture {
    /// `None` once the future has been ready.
    dispatcher: Option<Dispatcher>,
    place: LinePlace,
}

impl Dispatcher {
    /// Waits like [`drain`](Self::drain), but for tasks: while jobs are outstanding, the future is
    /// pending. It belongs to no runtime, and can be dropped at any time.
    ///
    /// # Errors
    ///
    /// As for `drain`.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// dispatcher.submit(Job::nop(|| ()))?;
    /// futures::executor::block_on(dispatcher.drain_async())?;
    /// assert_eq!(dispatcher.stats().finished, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn drain_async(&self) -> DrainFuture<'_> {
        DrainFuture { dispatcher: self, place: LinePlace::default() }
    }

    /// Shuts down like [`shutdown`](Self::shutdown), but for tasks: while jobs are outstanding, the
    /// future is pending. It belongs to no runtime.
    ///
    /// From its first poll on, new jobs from outside callbacks are refused. If it is dropped before
    /// it is ready, or is never polled, the dispatcher is [detached](Self::detach).
    ///
    /// When it is ready, every callback has run. The threads have been told to end. It doesn't wait
    /// until they have, as one of them may be just waking the task; the reaper thread lasts as long
    /// as io_destroy(2), tens of milliseconds.
    ///
    /// # Errors
    ///
    /// As for `shutdown`. If it is polled in a callback of the dispatcher, this comes back.
    ///
    /// # Panics
    ///
    /// The future, if it is polled after it was ready.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let report = futures::executor::block_on(async {
    ///     dispatcher.submitter().submit_async(Job::nop(|| ())).await?;
    ///     Ok::<_, Box<dyn std::error::Error>>(dispatcher.shutdown_async().await?)
    /// })?;
    /// assert_eq!(report.jobs, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shutdown_async(self) -> ShutdownFuture {
        ShutdownFuture { dispatcher: Some(self), place: LinePlace::default() }
    }
}

impl Future for DrainFuture<'_> {
    type Output = Result<(), DrainError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let pipeline = self.dispatcher.pipeline();
        check_quiet(pipeline)?;
        pipeline.admission().poll_quiet(&mut self.place, context).map(Ok)
    }
}

impl Future for ShutdownFuture {
    type Output = Result<ShutdownReport, ShutdownError<Dispatcher>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { dispatcher: kept, place } = &mut *self;
        let dispatcher = kept.as_ref().expect("polled again after it was ready");
        let pipeline = dispatcher.pipeline();
        let waits = check_quiet(pipeline);
        if waits.is_ok() {
            pipeline.close();
            ready!(pipeline.admission().poll_quiet(place, context));
        }
        leave(pipeline, place);
        let stats = dispatcher.stats();
        let dispatcher = kept.take().expect("it was there just now");
        if let Err(refusal) = waits {
            return Poll::Ready(Err(ShutdownError::refused(refusal, dispatcher)));
        }
        // The threads are not joined: one may be in the call that has woken this task.
        dispatcher.detach();
        Poll::Ready(Ok(ShutdownReport::of(stats)))
    }
}

/// Whether a task may wait. In a callback something is outstanding, namely the callback's job; if
/// nothing is, a worker polls the task that it has just woken.
fn check_quiet(pipeline: &Pipeline) -> Result<(), DrainError> {
    match check_wait(pipeline) {
        Err(DrainError::InCallback) if pipeline.admission().lock().outstanding() == 0 => Ok(()),
        answer => answer,
    }
}

/// Gives up the place of a task, if it has one.
fn leave(pipeline: &Pipeline, place: &mut LinePlace) {
    // A child's copy of the lock may be held for ever.
    if !place.is_none() && !pipeline.is_forked() {
        pipeline.admission().leave_quiet(place);
    }
}

impl Drop for DrainFuture<'_> {
    fn drop(&mut self) {
        leave(self.dispatcher.pipeline(), &mut self.place);
    }
}

impl Drop for ShutdownFuture {
    fn drop(&mut self) {
        if let Some(dispatcher) = self.dispatcher.take() {
            leave(dispatcher.pipeline(), &mut self.place);
            dispatcher.detach();
        }
    }
}

impl fmt::Debug for DrainFuture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DrainFuture").finish_non_exhaustive()
    }
}

impl fmt::Debug for ShutdownFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShutdownFuture").finish_non_exhaustive()
    }
}
