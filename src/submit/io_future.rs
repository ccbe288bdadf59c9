//! Operations for tasks: no callback, but the result and the buffer.

use std::fmt;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::buffer::{IoBuf, IoBufMut};
use crate::file::FileHandle;
use crate::job::Job;
use crate::job::completion::Completion;
use crate::job::poll_events::PollEvents;
use crate::job::ranged::Ranged;
use crate::submit::Submitter;
use crate::submit::handle::JobHandle;
use crate::submit::submit_future::SpawnFuture;
use crate::sync::Instant;

/// An operation on a file, for a task: it resolves to the result, which is that of the
/// [`Completion`], and the buffer, which comes back whatever happened.
///
/// It is submitted when it is polled for the first time; without room it stands in the line, as
/// [`submit_async`](Submitter::submit_async) has it. It belongs to no runtime. The task is woken by
/// a worker, and goes on where its executor runs it: computations on the data are better done in the
/// callback of a [spawned](Submitter::spawn_async) job, on the worker itself.
///
/// # Dropping it
///
/// Before it has been accepted, file and buffer are dropped with it, and nothing is done. After that
/// the operation goes on, a write is written, and when it has ended buffer and file are dropped:
/// nobody else can have the memory while the kernel may use it. But a [poll](Submitter::poll), which
/// might go on for ever, is [withdrawn](JobHandle::cancel).
///
/// # Errors
///
/// Beside what the kernel says: if the dispatcher has been shut down, if this is a forked child, or
/// if, in a callback, too many jobs are parked, the error's source is a
/// [`SubmitErrorKind`](crate::SubmitErrorKind).
///
/// # Panics
///
/// When polled after it was ready, and in a child that was forked after it had been accepted: the
/// buffer is the parent's.
///
/// # Examples
///
/// ```
/// use reapool::{AlignedBuf, Dispatcher, FileHandle};
///
/// let dispatcher = Dispatcher::new()?;
/// let file = FileHandle::open_direct_or_buffered("Cargo.toml")?;
/// let head = async {
///     let (result, buffer) = dispatcher.read(&file, AlignedBuf::zeroed(4096), 0).await;
///     result.map(|count| buffer[..count].starts_with(b"[package]"))
/// };
/// assert!(futures::executor::block_on(head)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "the operation is begun when the future is polled"]
pub struct IoFuture<B: 'static>(Stage<B>);

/// What an operation comes to.
type Io<B> = (io::Result<usize>, B);

enum Stage<B: 'static> {
    /// Not polled yet.
    Fresh(Submitter, Job<Io<B>>),
    /// And whether it is a poll.
    Entering(SpawnFuture<Io<B>>, bool),
    UnderWay(UnderWay<B>),
    Over,
}

struct UnderWay<B> {
    handle: JobHandle<Io<B>>,
    is_poll: bool,
}

impl<B> Drop for UnderWay<B> {
    fn drop(&mut self) {
        // It would keep its slot until an event comes that nobody waits for any more.
        if self.is_poll && !self.handle.is_finished() {
            self.handle.cancel();
        }
    }
}

/// What the callbacks of these jobs do.
fn outcome<B>(done: Completion<B>) -> Io<B> {
    (done.result, done.buffer)
}

impl Submitter {
    /// Reads for a task: [`Job::read`], and the result and the buffer instead of a callback.
    pub fn read<B>(&self, file: impl Into<FileHandle>, buffer: B, offset: u64) -> IoFuture<B>
    where
        B: IoBufMut,
    {
        self.perform(Job::read(file, buffer, offset, outcome))
    }

    /// Reads `len` bytes from anywhere for a task: [`Job::read_range`], and the result and the
    /// bytes, with their buffer, instead of a callback.
    ///
    /// # Panics
    ///
    /// If the buffer is smaller than the [span](FileHandle::span).
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{AlignedBuf, Dispatcher, FileHandle};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = FileHandle::open_direct_or_buffered("Cargo.toml")?;
    /// let buffer = AlignedBuf::zeroed(4096);
    /// let range = dispatcher.read_range(&file, buffer, 1, 7).exact();
    /// let (result, bytes) = futures::executor::block_on(range);
    /// assert_eq!((result?, &*bytes), (7, &b"package"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read_range<B>(
        &self,
        file: impl Into<FileHandle>,
        buffer: B,
        offset: u64,
        len: usize,
    ) -> IoFuture<Ranged<B>>
    where
        B: IoBufMut,
    {
        self.perform(Job::read_range(file, buffer, offset, len, outcome))
    }

    /// Reads into several buffers for a task: [`Job::read_vectored`], and the result and the buffers
    /// instead of a callback.
    pub fn read_vectored<B>(
        &self,
        file: impl Into<FileHandle>,
        buffers: Vec<B>,
        offset: u64,
    ) -> IoFuture<Vec<B>>
    where
        B: IoBufMut,
    {
        self.perform(Job::read_vectored(file, buffers, offset, outcome))
    }

    /// Writes for a task: [`Job::write`], and the result and the buffer instead of a callback.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::Dispatcher;
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = reapool::FileHandle::from(tempfile::tempfile()?);
    /// futures::executor::block_on(async {
    ///     let (written, _) = dispatcher.write(&file, b"a line\n".to_vec(), 0).exact().await;
    ///     written?;
    ///     dispatcher.sync_data(&file).await.0
    /// })?;
    /// assert_eq!(file.size()?, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write<B>(&self, file: impl Into<FileHandle>, buffer: B, offset: u64) -> IoFuture<B>
    where
        B: IoBuf,
    {
        self.perform(Job::write(file, buffer, offset, outcome))
    }

    /// Writes several buffers for a task: [`Job::write_vectored`], and the result and the buffers
    /// instead of a callback.
    pub fn write_vectored<B>(
        &self,
        file: impl Into<FileHandle>,
        buffers: Vec<B>,
        offset: u64,
    ) -> IoFuture<Vec<B>>
    where
        B: IoBuf,
    {
        self.perform(Job::write_vectored(file, buffers, offset, outcome))
    }

    /// Makes data and metadata durable for a task: [`Job::sync_all`], and the result instead of a
    /// callback.
    pub fn sync_all(&self, file: impl Into<FileHandle>) -> IoFuture<()> {
        self.perform(Job::sync_all(file, outcome))
    }

    /// Makes data durable for a task: [`Job::sync_data`], and the result instead of a callback.
    pub fn sync_data(&self, file: impl Into<FileHandle>) -> IoFuture<()> {
        self.perform(Job::sync_data(file, outcome))
    }

    /// Waits for readiness for a task: [`Job::poll`], and the result instead of a callback. A future
    /// that is dropped before withdraws the poll.
    pub fn poll(&self, file: impl Into<FileHandle>, events: PollEvents) -> IoFuture<()> {
        self.perform(Job::poll(file, events, outcome))
    }

    fn perform<B: Send + 'static>(&self, job: Job<Io<B>>) -> IoFuture<B> {
        IoFuture(Stage::Fresh(self.clone(), job))
    }
}

impl<B: Send + 'static> IoFuture<B> {
    /// Makes a read or write transfer all of what it asks for: [`Job::exact`]. Has no effect once it
    /// has been polled.
    pub fn exact(self) -> Self {
        self.change(Job::exact)
    }

    /// Makes a plain read or write ask for no more than `bytes`: [`Job::limit`]. Has no effect once
    /// it has been polled.
    pub fn limit(self, bytes: usize) -> Self {
        self.change(|job| job.limit(bytes))
    }

    /// Gives the operation up if it is not under way at this moment, or of a poll, if its event has
    /// not come: [`Job::deadline`]. Has no effect once it has been polled, and none while it waits for
    /// room.
    pub fn deadline(self, deadline: Instant) -> Self {
        self.change(|job| job.deadline(deadline))
    }

    /// As [`deadline`](Self::deadline), so long after the dispatcher has accepted the operation:
    /// [`Job::timeout`]. Has no effect once it has been polled.
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
    /// let poll = dispatcher.poll(&silent, PollEvents::READABLE).timeout(Duration::from_millis(10));
    /// let (result, ()) = futures::executor::block_on(poll);
    /// assert_eq!(result.unwrap_err().kind(), ErrorKind::TimedOut);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn timeout(self, limit: Duration) -> Self {
        self.change(|job| job.timeout(limit))
    }

    fn change(self, how: impl FnOnce(Job<Io<B>>) -> Job<Io<B>>) -> Self {
        Self(match self.0 {
            Stage::Fresh(submitter, job) => Stage::Fresh(submitter, how(job)),
            polled => polled,
        })
    }
}

impl<B: Send + 'static> Future for IoFuture<B> {
    type Output = (io::Result<usize>, B);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            // If something panics here, the operation is over.
            match mem::replace(&mut self.0, Stage::Over) {
                Stage::Fresh(submitter, job) => {
                    let is_poll = job.is_poll();
                    self.0 = Stage::Entering(submitter.spawn_async(job), is_poll);
                }
                Stage::Entering(mut future, is_poll) => match Pin::new(&mut future).poll(context) {
                    Poll::Ready(Ok(handle)) => {
                        self.0 = Stage::UnderWay(UnderWay { handle, is_poll });
                    }
                    Poll::Ready(Err(refused)) => {
                        let error = io::Error::other(refused.kind());
                        let buffer = refused.into_job().into_buffer();
                        return Poll::Ready((Err(error), buffer.expect("it is of this type")));
                    }
                    Poll::Pending => {
                        self.0 = Stage::Entering(future, is_poll);
                        return Poll::Pending;
                    }
                },
                Stage::UnderWay(mut under_way) => {
                    let poll = Pin::new(&mut under_way.handle).poll(context);
                    if poll.is_pending() {
                        self.0 = Stage::UnderWay(under_way);
                    }
                    return poll;
                }
                Stage::Over => panic!("polled again after it was ready"),
            }
        }
    }
}

impl<B> fmt::Debug for IoFuture<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IoFuture").finish_non_exhaustive()
    }
}
