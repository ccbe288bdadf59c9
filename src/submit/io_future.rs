//! The future of an operation: for tasks, which want result and buffer instead of a callback.

use std::fmt;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};
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
/// # Dropping it
///
/// If it is dropped before it has been accepted, file and buffer are dropped with it, and nothing
/// is done. After that the operation goes on, and a write is written. File and buffer are dropped
/// when it has ended, as nobody else can have the memory while the kernel may use it. Only a
/// [poll](Submitter::poll), which might go on for ever, is [cancelled](JobHandle::cancel).
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
#[must_use = "the operation is begun when the future is polled"]
pub struct IoFuture<B: 'static>(Stage<B>);

/// Result and buffer.
pub(super) type Io<B> = (io::Result<usize>, B);

enum Stage<B: 'static> {
    /// Not polled yet.
    Fresh(Submitter, Job<Io<B>>),
    /// Waits for room.
    Entering {
        future: SpawnFuture<Io<B>>,
        is_poll: bool,
    },
    Accepted(Accepted<B>),
    Over,
}

struct Accepted<B> {
    handle: JobHandle<Io<B>>,
    is_poll: bool,
}

impl<B> Drop for Accepted<B> {
    fn drop(&mut self) {
        // A poll would keep its slot until an event comes that nobody waits for any more.
        if self.is_poll && !self.handle.is_finished() {
            self.handle.cancel();
        }
    }
}

impl<B: Send + 'static> IoFuture<B> {
    pub(super) fn new(submitter: &Submitter, job: Job<Io<B>>) -> Self {
        Self(Stage::Fresh(submitter.clone(), job))
    }

    /// Makes a read or write transfer everything that it asks for: [`Job::exact`]. Has no effect
    /// once the future has been polled.
    pub fn exact(self) -> Self {
        self.change(Job::exact)
    }

    /// Makes a plain read or write ask for no more than `bytes`: [`Job::limit`]. Has no effect once
    /// the future has been polled.
    pub fn limit(self, bytes: usize) -> Self {
        self.change(|job| job.limit(bytes))
    }

    /// Ends the operation if it has not started by `deadline`: [`Job::start_by`]. An operation that
    /// has started is not ended by this; a poll counts as started when its event has come.
    ///
    /// Has no effect once the future has been polled, and doesn't end the wait for room.
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
            // If a step panics, the operation is over.
            match mem::replace(&mut self.0, Stage::Over) {
                Stage::Fresh(submitter, job) => {
                    let is_poll = job.is_poll();
                    self.0 = Stage::Entering { future: submitter.spawn_async(job), is_poll };
                }
                Stage::Entering { mut future, is_poll } => {
                    match Pin::new(&mut future).poll(context) {
                        Poll::Ready(Ok(handle)) => {
                            self.0 = Stage::Accepted(Accepted { handle, is_poll });
                        }
                        Poll::Ready(Err(refused)) => {
                            let error = io::Error::other(refused.kind());
                            let buffer = refused.into_inner().into_buffer();
                            return Poll::Ready((Err(error), buffer.expect("it is of this type")));
                        }
                        Poll::Pending => {
                            self.0 = Stage::Entering { future, is_poll };
                            return Poll::Pending;
                        }
                    }
                }
                Stage::Accepted(mut accepted) => {
                    let poll = Pin::new(&mut accepted.handle).poll(context);
                    if poll.is_pending() {
                        self.0 = Stage::Accepted(accepted);
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
