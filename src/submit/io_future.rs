//! The future of an operation: for tasks, which want result and buffer instead of a callback.

use std::fmt;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::job::Job;
use crate::submit::Submitter;
use crate::submit::handle::JobHandle;
use crate::submit::submit_future::SpawnFuture;
use crate::sync::Instant;

/// An operation on a file, for a task. It resolves to the result, as in the
/// [`Completion`](crate::Completion), and the buffer, which comes back whatever happened.
///
/// The operation is submitted when the future is polled for the first time. If there is no room,
/// the task stands in the line, as with [`submit_async`](Submitter::submit_async). The future
/// belongs to no runtime. A worker wakes the task, and its executor runs it. For computations on
/// the data the worker itself is the better place: do them in the callback of a
/// [spawned](Submitter::spawn_async) job.
///
/// # Examples
///
/// ```
/// use reapool::{AlignedBuf, Dispatcher, FileHandle};
///
/// let dispatcher = Dispatcher::new()?;
/// let file = FileHandle::open_direct_or_buffered("Cargo.toml")?;
/// let head = async {
///     let buffer = AlignedBuf::zeroed(4096);
///     let (result, buffer) = dispatcher.submitter().read(&file, buffer, 0).await;
///     result.map(|count| buffer[..count].starts_with(b"[package]"))
/// };
/// assert!(futures::executor::block_on(head)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Dropping it
///
/// If it is dropped before it has been accepted, file and buffer are dropped with it, and nothing
/// is done. After that the operation goes on, and a write is written. File and buffer are dropped
/// when it has ended, as nobody else can have the memory while the kernel may use it. Only a
/// [poll](Submitter::poll), which might go on for ever, is [cancelled](JobHandle::cancel).
///
/// # Time limits
///
/// A timeout of a runtime, such as `tokio::time::timeout`, drops the future when the time is over.
/// That ends the task's wait, and not the operation, once the dispatcher has accepted it:
///
/// | the operation | keeps | until |
/// |---|---|---|
/// | waits for room | nothing: it is dropped with the future | |
/// | waits for a slot | its buffer, and its place among the outstanding jobs | it has been done, or, with [`start_within`](Self::start_within), its deadline and then an idle worker |
/// | waits for a blocking thread | these, and a slot | the same |
/// | has started | these, and a slot | the kernel answers |
///
/// So a service that must answer in time does three things. It gives operations both limits, as in
/// the example: a request that nobody waits for any more should not be read either. It takes
/// buffers from a [`BufferPool`](crate::BufferPool), so that those that a slow device keeps are
/// bounded. And it gives a device that may hang a dispatcher of its own: when all slots wait for
/// that device, nothing else is read through them.
///
/// ```
/// use std::io::ErrorKind;
/// use std::sync::mpsc;
/// use std::time::Duration;
/// use reapool::{BufferPool, Dispatcher, FileHandle, Job};
/// use tokio::time::timeout;
///
/// let dispatcher = Dispatcher::builder().depth(1).backlog(8).workers(2).build()?;
/// let pool = BufferPool::builder().build()?;
/// let file = FileHandle::open_buffered("Cargo.toml")?;
/// // Stands for a device that doesn't answer: it keeps the only slot.
/// let (answer, answered) = mpsc::channel::<()>();
/// dispatcher.submit(Job::nop(move || _ = answered.recv()))?;
///
/// let limit = Duration::from_millis(10);
/// let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
/// runtime.block_on(async {
///     let read = dispatcher.submitter().read(&file, pool.try_acquire(4096)?, 0);
///     assert!(timeout(limit, read).await.is_err());
///     let kept = (dispatcher.stats().outstanding, pool.stats().buffers_out);
///     assert_eq!(kept, (2, 1), "it goes on without the task");
///
///     let read = dispatcher.submitter().read(&file, pool.try_acquire(4096)?, 0);
///     let (result, buffer) = timeout(1000 * limit, read.start_within(limit)).await?;
///     assert_eq!(result.unwrap_err().kind(), ErrorKind::TimedOut, "it has not started in time");
///     drop(buffer);
///     assert_eq!(pool.stats().buffers_out, 1, "that of the other read");
///     Ok::<_, Box<dyn std::error::Error>>(())
/// })?;
///
/// drop(answer);
/// dispatcher.drain()?;
/// assert_eq!(pool.stats().buffers_out, 0, "the read that nobody waited for has been done");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// Those of the kernel. Also, if the dispatcher has been shut down, if this is a forked child, or
/// if, in a callback, too many jobs are parked, an error with a [`Refusal`](crate::Refusal) as its
/// source.
///
/// # Panics
///
/// If it is polled after it was ready, and in a child that was forked after it had been accepted,
/// as the buffer is the parent's.
#[must_use = "the operation is begun when the future is polled"]
pub struct IoFuture<B: 'static> {
    stage: Stage<B>,
    is_poll: bool,
}

/// Result and buffer.
pub(super) type Io<B> = (io::Result<usize>, B);

enum Stage<B: 'static> {
    /// Not polled yet.
    Fresh(Submitter, Job<Io<B>>),
    /// Waits for room.
    Entering(SpawnFuture<Io<B>>),
    Accepted(JobHandle<Io<B>>),
    Over,
}

impl<B: Send + 'static> IoFuture<B> {
    pub(super) fn new(submitter: &Submitter, job: Job<Io<B>>) -> Self {
        Self { is_poll: job.is_poll(), stage: Stage::Fresh(submitter.clone(), job) }
    }

    /// Makes a read or write transfer everything that it asks for: [`Job::exact`]. Has no effect
    /// once the future has been polled.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::ErrorKind;
    /// use reapool::{Dispatcher, FileHandle};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = FileHandle::open_buffered("Cargo.toml")?;
    /// let read = dispatcher.submitter().read(&file, vec![0; 1 << 16], 0).exact();
    /// let (result, buffer) = futures::executor::block_on(read);
    /// assert_eq!(result.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    /// assert_eq!(buffer, std::fs::read("Cargo.toml")?, "it has what there was");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn exact(self) -> Self {
        self.change(Job::exact)
    }

    /// Makes a plain read or write ask for no more than `bytes`: [`Job::limit`]. Has no effect once
    /// the future has been polled.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, FileHandle};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = FileHandle::open_buffered("Cargo.toml")?;
    /// let read = dispatcher.submitter().read(&file, vec![0; 4096], 0).limit(9);
    /// let (result, buffer) = futures::executor::block_on(read);
    /// assert_eq!((result?, &buffer[..]), (9, &b"[package]"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn limit(self, bytes: usize) -> Self {
        self.change(|job| job.limit(bytes))
    }

    /// Ends the operation if it has not started by `deadline`: [`Job::start_by`]. An operation that
    /// has started is not ended by this; a poll counts as started when its event has come.
    ///
    /// Has no effect once the future has been polled, and doesn't end the wait for room.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::ErrorKind;
    /// use std::time::Instant;
    /// use reapool::{Dispatcher, FileHandle};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = FileHandle::open_buffered("Cargo.toml")?;
    /// let late = dispatcher.submitter().read(&file, vec![0; 512], 0).start_by(Instant::now());
    /// let (result, buffer) = futures::executor::block_on(late);
    /// assert_eq!(result.unwrap_err().kind(), ErrorKind::TimedOut);
    /// assert_eq!(buffer.len(), 512);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn start_by(self, deadline: Instant) -> Self {
        self.change(|job| job.start_by(deadline))
    }

    /// Ends the operation if it has not started within `limit` after the dispatcher has accepted
    /// it: [`Job::start_within`]; see [`start_by`](Self::start_by). Has no effect once the future
    /// has been polled.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{self, ErrorKind};
    /// use std::os::fd::OwnedFd;
    /// use std::time::Duration;
    /// use reapool::{Dispatcher, FileHandle, PollEvents};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let (reader, _writer) = io::pipe()?;
    /// let silent = FileHandle::from(OwnedFd::from(reader));
    /// let poll = dispatcher.submitter().poll(&silent, PollEvents::READABLE);
    /// let poll = poll.start_within(Duration::from_millis(10));
    /// let (result, ()) = futures::executor::block_on(poll);
    /// assert_eq!(result.unwrap_err().kind(), ErrorKind::TimedOut);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn start_within(self, limit: Duration) -> Self {
        self.change(|job| job.start_within(limit))
    }

    fn change(mut self, how: impl FnOnce(Job<Io<B>>) -> Job<Io<B>>) -> Self {
        self.change_stage(|submitter, job| Stage::Fresh(submitter, how(job)));
        self
    }

    /// Changes the stage of a future that has not been polled.
    fn change_stage(&mut self, how: impl FnOnce(Submitter, Job<Io<B>>) -> Stage<B>) {
        self.stage = match mem::replace(&mut self.stage, Stage::Over) {
            Stage::Fresh(submitter, job) => how(submitter, job),
            polled => polled,
        };
    }
}

impl<B: Send + 'static> Future for IoFuture<B> {
    type Output = (io::Result<usize>, B);

    /// The stage stays as it is until a step has succeeded: the executor's waker may panic.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.change_stage(|submitter, job| Stage::Entering(submitter.spawn_async(job)));
        if let Stage::Entering(future) = &mut self.stage {
            match ready!(Pin::new(future).poll(context)) {
                Ok(handle) => self.stage = Stage::Accepted(handle),
                Err(refused) => {
                    self.stage = Stage::Over;
                    let error = io::Error::other(refused.kind());
                    let buffer = refused.into_inner().into_buffer();
                    return Poll::Ready((Err(error), buffer.expect("it is of this type")));
                }
            }
        }
        let Stage::Accepted(handle) = &mut self.stage else {
            panic!("polled again after it was ready")
        };
        let end = ready!(Pin::new(handle).poll(context));
        self.stage = Stage::Over;
        Poll::Ready(end)
    }
}

impl<B> Drop for IoFuture<B> {
    fn drop(&mut self) {
        // A poll would keep its slot until an event comes that nobody waits for any more.
        if let Stage::Accepted(handle) = &self.stage
            && self.is_poll
            && !handle.is_finished()
        {
            handle.cancel();
        }
    }
}

impl<B> fmt::Debug for IoFuture<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IoFuture").finish_non_exhaustive()
    }
}
