//! Submission by tasks: where a thread would wait for room, a task's future is pending.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::admission::refusal::Refusal;
use crate::job::Job;
use crate::pipeline::Pipeline;
use crate::pipeline::entrance::{leave_line, poll_accept};
use crate::submit::Submitter;
use crate::submit::handle::JobHandle;
use crate::submit::refused::Refused;
use crate::submit::spawned::Spawned;
use crate::wait::room::LinePlace;

/// The future of [`submit_async`](Submitter::submit_async): ready when the job has been accepted.
///
/// A future that is dropped before drops the job, with its buffer.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
/// use futures::FutureExt;
/// use reapool::{Dispatcher, Job};
///
/// let dispatcher = Dispatcher::builder().depth(1).backlog(0).build()?;
/// let (go, wait) = mpsc::channel::<()>();
/// dispatcher.submit(Job::nop(move || _ = wait.recv()))?;
/// let future = dispatcher.submit_async(Job::nop(|| ()));
/// assert!(future.now_or_never().is_none(), "there is no room");
/// drop(go);
/// dispatcher.drain()?;
/// assert_eq!(dispatcher.stats().accepted, 1, "the other job was dropped with its future");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "the job is submitted when the future is polled"]
pub struct SubmitFuture(PendingSubmission);

/// The future of [`spawn_async`](Submitter::spawn_async): resolves to the job's handle when the job
/// has been accepted.
///
/// A future that is dropped before drops the job, with its buffer.
///
/// # Examples
///
/// ```
/// use futures::executor::block_on;
/// use reapool::{Dispatcher, Job};
///
/// let dispatcher = Dispatcher::new()?;
/// let handle = block_on(dispatcher.spawn_async(Job::nop(|| (1..=100).sum::<u64>())))?;
/// assert_eq!(block_on(handle), 5050);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "the job is submitted when the future is polled"]
pub struct SpawnFuture<R> {
    submission: PendingSubmission,
    /// `None` once the job has been accepted.
    handle: Option<JobHandle<R>>,
}

impl Submitter {
    /// Submits a job like [`submit`](Self::submit), but for tasks: where `submit` waits for room,
    /// the future is pending.
    ///
    /// The job is submitted when the future is polled for the first time. If there is no room, the
    /// task stands in a line with others that wait, and the first in the line is let in first. The
    /// dispatcher wakes tasks and threads that wait in `submit` in turn. A future that is dropped
    /// leaves the line. Like every future, one that has been woken should be polled or dropped
    /// before long: either wakes those behind it. If it does nothing, they are woken only as
    /// further jobs end.
    ///
    /// Polling enters the kernel as `submit` does, and doesn't block otherwise. In a callback the
    /// future is ready at once. It belongs to no runtime.
    ///
    /// # Errors
    ///
    /// As for `submit`. The job comes back if the dispatcher has been shut down, also while the
    /// future is pending, if this is a forked child, or, in a callback, if too many jobs are
    /// parked.
    ///
    /// # Panics
    ///
    /// The future, if it is polled after it was ready.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    /// use std::sync::Arc;
    /// use reapool::{Dispatcher, Job, Refused};
    ///
    /// let dispatcher = Dispatcher::builder().depth(1).backlog(0).build()?;
    /// let count = Arc::new(AtomicUsize::new(0));
    /// futures::executor::block_on(async {
    ///     for _ in 0..10 {
    ///         let count = Arc::clone(&count);
    ///         let job = Job::nop(move || {
    ///             count.fetch_add(1, Ordering::Relaxed);
    ///         });
    ///         dispatcher.submit_async(job).await?;
    ///     }
    ///     Ok::<_, Refused<Job>>(())
    /// })?;
    /// dispatcher.drain()?;
    /// assert_eq!(count.load(Ordering::Relaxed), 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn submit_async(&self, job: Job) -> SubmitFuture {
        SubmitFuture(PendingSubmission::new(&self.pipeline, job))
    }

    /// Spawns a job like [`spawn`](Self::spawn), but for tasks: where `spawn` waits for room, the
    /// future is pending. It resolves to the handle, which is a future of the callback's value.
    ///
    /// # Errors
    ///
    /// As for [`submit_async`](Self::submit_async).
    ///
    /// # Panics
    ///
    /// The future, if it is polled after it was ready.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Completion, Dispatcher, Job, Refused};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = std::fs::File::open("Cargo.toml")?;
    /// let lines = futures::executor::block_on(async {
    ///     // Runs on a worker, which is the place for computations.
    ///     let count = |done: Completion<Vec<u8>>| done.data().split(|&b| b == b'\n').count();
    ///     let handle = dispatcher.spawn_async(Job::read(file, vec![0; 1 << 16], 0, count)).await?;
    ///     Ok::<_, Refused<Job<usize>>>(handle.await)
    /// })?;
    /// assert!(lines > 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn spawn_async<R: Send + 'static>(&self, job: Job<R>) -> SpawnFuture<R> {
        let (job, handle) = Spawned::tie(job, &self.pipeline);
        let submission = PendingSubmission::new(&self.pipeline, job);
        SpawnFuture { submission, handle: Some(handle) }
    }
}

impl Future for SubmitFuture {
    type Output = Result<(), Refused<Job>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(context).map_err(|(kind, job)| Refused::job(kind, job))
    }
}

impl<R: Send + 'static> Future for SpawnFuture<R> {
    type Output = Result<JobHandle<R>, Refused<Job<R>>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let submission = self.submission.poll(context);
        submission
            .map_ok(|()| self.handle.take().expect("the submission was ready once"))
            .map_err(|(kind, job)| Refused::job(kind, Spawned::untie(job)))
    }
}

/// A job that a task submits, and the task's place in the line of those that wait for room.
struct PendingSubmission {
    pipeline: Arc<Pipeline>,
    /// `None` once the job has been accepted, or has come back.
    job: Option<Job>,
    place: LinePlace,
}

impl PendingSubmission {
    fn new(pipeline: &Arc<Pipeline>, job: Job) -> Self {
        Self { pipeline: Arc::clone(pipeline), job: Some(job), place: LinePlace::default() }
    }

    /// Has the job accepted, or stands in the line until there is room. A refused job comes back.
    ///
    /// # Panics
    ///
    /// If an earlier poll has returned a result.
    fn poll(&mut self, context: &Context<'_>) -> Poll<Result<(), (Refusal, Job)>> {
        assert!(self.job.is_some(), "polled again after it was ready");
        poll_accept(&self.pipeline, &mut self.job, &mut self.place, context)
            .map_err(|kind| (kind, self.job.take().expect("a refused job comes back")))
    }
}

impl Drop for PendingSubmission {
    fn drop(&mut self) {
        leave_line(&self.pipeline, &mut self.place);
    }
}

impl fmt::Debug for SubmitFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubmitFuture").finish_non_exhaustive()
    }
}

impl<R> fmt::Debug for SpawnFuture<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpawnFuture").finish_non_exhaustive()
    }
}
