//! Scoped jobs: jobs that may borrow.

use std::fmt;
use std::time::Duration;

use crate::buffer::{IoBuf, IoBufMut};
use crate::engine::operation::Operation;
use crate::file::borrowed::BorrowedFile;
use crate::job::Job;
use crate::job::completion::Completion;
use crate::job::file_task::FileTask;
use crate::job::meta::{JobDeadline, Meta};
use crate::job::poll_events::PollEvents;
use crate::job::ranged::Ranged;
use crate::job::target::{NoBuffer, ReadInto, ReadIntoEach, WriteFrom, WriteFromEach};
use crate::job::task::UserTask;
use crate::job::without_kernel::PureTask;
use crate::sync::Instant;

/// A [`Job`] for a [`Scope`](crate::Scope), which may borrow for `'a`: its buffer may be a
/// `&mut [u8]` or a `&[u8]`, its file a `&File`, and its callback may hold references.
///
/// A buffer that owns its memory, such as an [`AlignedBuf`](crate::AlignedBuf), will do too, and so
/// will a job that borrows nothing: `ScopedJob::from(job)`.
///
/// The constructors are those of `Job`, where their documentation is. The differences:
///
/// - The completion's file is a [`BorrowedFile`].
/// - A read doesn't change the length of a slice. [`Completion::data`] or the count tell how much
///   of it was read.
/// - For direct I/O, address and length of a slice must be [aligned](crate::Job#alignment), which
///   is up to you. Those that an `AlignedBuf` is divided into can be.
///
/// # Examples
///
/// ```
/// use std::fs::File;
/// use reapool::{Dispatcher, ScopedJob};
///
/// let dispatcher = Dispatcher::new()?;
/// let manifest = File::open("Cargo.toml")?;
/// let (mut head, mut lines) = ([0; 64], 0);
/// let job = ScopedJob::read(&manifest, &mut head[..], 0, |done| {
///     lines = done.data().split(|&byte| byte == b'\n').count();
/// });
/// dispatcher.scope(|scope| scope.submit(job).map_err(|refused| refused.kind()))??;
/// assert!(lines > 2 && head.starts_with(b"[package]"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a job does nothing until it is submitted"]
pub struct ScopedJob<'a, R = ()> {
    task: Box<dyn UserTask<R> + 'a>,
    meta: Meta,
}

impl<'a, R: Send + 'a> ScopedJob<'a, R> {
    /// Reads into all of `buffer`; see [`Job::read`].
    pub fn read<'f, B, F>(
        file: impl Into<BorrowedFile<'f>>,
        buffer: B,
        offset: u64,
        callback: F,
    ) -> Self
    where
        B: IoBufMut + 'a,
        F: FnOnce(Completion<B, BorrowedFile<'f>>) -> R + Send + 'a,
        'f: 'a,
    {
        let target = ReadInto(buffer);
        Self::from_task(FileTask::new(Operation::Read, file.into(), target, offset, callback))
    }

    /// Reads `len` bytes from `offset` on, wherever that is; see [`Job::read_range`].
    ///
    /// # Panics
    ///
    /// If the buffer is smaller than the [span](crate::FileHandle::span).
    pub fn read_range<'f, B, F>(
        file: impl Into<BorrowedFile<'f>>,
        buffer: B,
        offset: u64,
        len: usize,
        callback: F,
    ) -> Self
    where
        B: IoBufMut + 'a,
        F: FnOnce(Completion<Ranged<B>, BorrowedFile<'f>>) -> R + Send + 'a,
        'f: 'a,
    {
        Self::from_task(FileTask::read_range(file.into(), buffer, offset, len, callback))
    }

    /// Writes the bytes of `buffer`; see [`Job::write`].
    pub fn write<'f, B, F>(
        file: impl Into<BorrowedFile<'f>>,
        buffer: B,
        offset: u64,
        callback: F,
    ) -> Self
    where
        B: IoBuf + 'a,
        F: FnOnce(Completion<B, BorrowedFile<'f>>) -> R + Send + 'a,
        'f: 'a,
    {
        let target = WriteFrom(buffer);
        Self::from_task(FileTask::new(Operation::Write, file.into(), target, offset, callback))
    }

    /// Reads into several buffers; see [`Job::read_vectored`].
    pub fn read_vectored<'f, B, F>(
        file: impl Into<BorrowedFile<'f>>,
        buffers: Vec<B>,
        offset: u64,
        callback: F,
    ) -> Self
    where
        B: IoBufMut + 'a,
        F: FnOnce(Completion<Vec<B>, BorrowedFile<'f>>) -> R + Send + 'a,
        'f: 'a,
    {
        let (operation, target) = (Operation::ReadVectored, ReadIntoEach::new(buffers));
        Self::from_task(FileTask::new(operation, file.into(), target, offset, callback))
    }

    /// Writes several buffers; see [`Job::write_vectored`].
    pub fn write_vectored<'f, B, F>(
        file: impl Into<BorrowedFile<'f>>,
        buffers: Vec<B>,
        offset: u64,
        callback: F,
    ) -> Self
    where
        B: IoBuf + 'a,
        F: FnOnce(Completion<Vec<B>, BorrowedFile<'f>>) -> R + Send + 'a,
        'f: 'a,
    {
        let (operation, target) = (Operation::WriteVectored, WriteFromEach::new(buffers));
        Self::from_task(FileTask::new(operation, file.into(), target, offset, callback))
    }

    /// Makes data and metadata durable; see [`Job::sync_all`].
    pub fn sync_all<'f, F>(file: impl Into<BorrowedFile<'f>>, callback: F) -> Self
    where
        F: FnOnce(Completion<(), BorrowedFile<'f>>) -> R + Send + 'a,
        'f: 'a,
    {
        let target = NoBuffer::of_sync();
        Self::from_task(FileTask::new(Operation::SyncAll, file.into(), target, 0, callback))
    }

    /// Makes data durable; see [`Job::sync_data`].
    pub fn sync_data<'f, F>(file: impl Into<BorrowedFile<'f>>, callback: F) -> Self
    where
        F: FnOnce(Completion<(), BorrowedFile<'f>>) -> R + Send + 'a,
        'f: 'a,
    {
        let target = NoBuffer::of_sync();
        Self::from_task(FileTask::new(Operation::SyncData, file.into(), target, 0, callback))
    }

    /// Waits until one of `events` is there; see [`Job::poll`]. The scope waits for it too.
    pub fn poll<'f, F>(file: impl Into<BorrowedFile<'f>>, events: PollEvents, callback: F) -> Self
    where
        F: FnOnce(Completion<(), BorrowedFile<'f>>) -> R + Send + 'a,
        'f: 'a,
    {
        let target = NoBuffer::of_poll(events);
        Self::from_task(FileTask::new(Operation::Poll, file.into(), target, 0, callback))
    }

    /// Does nothing but run the callback, on a worker; see [`Job::nop`].
    pub fn nop<F>(callback: F) -> Self
    where
        F: FnOnce() -> R + Send + 'a,
    {
        Self::from_task(PureTask::nop(move |()| callback()))
    }

    /// Runs `work` on a blocking thread, and then the callback with its value on a worker; see
    /// [`Job::blocking`].
    pub fn blocking<V, W, F>(work: W, callback: F) -> Self
    where
        V: Send + 'a,
        W: FnOnce() -> V + Send + 'a,
        F: FnOnce(V) -> R + Send + 'a,
    {
        Self::from_task(PureTask::blocking(work, callback))
    }
}

impl<'a, R> ScopedJob<'a, R> {
    /// Makes a plain read or write ask for no more than `bytes`; see [`Job::limit`].
    pub fn limit(mut self, bytes: usize) -> Self {
        self.task.limit(bytes);
        self
    }

    /// Makes a read or write transfer all of what it asks for, or end with the reason why not; see
    /// [`Job::exact`].
    pub fn exact(mut self) -> Self {
        self.task.exact();
        self
    }

    /// Ends the job if it has not started by `deadline`; see [`Job::start_by`].
    pub fn start_by(mut self, deadline: Instant) -> Self {
        self.meta.set_deadline(JobDeadline::By(deadline).for_operation(self.operation()));
        self
    }

    /// Ends the job if it has not started within `limit` after it was accepted; see
    /// [`Job::start_within`].
    pub fn start_within(mut self, limit: Duration) -> Self {
        self.meta.set_deadline(JobDeadline::within(limit).for_operation(self.operation()));
        self
    }

    /// The operation that the job asks for.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.task.view().operation()
    }

    /// The offset at which the operation begins, in bytes.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.task.view().offset()
    }

    /// The number of bytes that the job asks for.
    #[must_use]
    pub fn requested(&self) -> usize {
        self.task.view().progress.requested()
    }

    fn from_task(task: Box<dyn UserTask<R> + 'a>) -> Self {
        Self { task, meta: Meta::default() }
    }

    /// Makes a job for the dispatcher, whose task wraps this one's. The job's side data stays.
    pub(super) fn erase(
        self,
        erase: impl FnOnce(Box<dyn UserTask<R> + 'a>) -> Box<dyn UserTask<()>>,
    ) -> Job {
        Job::from_parts(erase(self.task), self.meta)
    }
}

/// A job that borrows nothing.
impl<R: 'static> From<Job<R>> for ScopedJob<'_, R> {
    fn from(job: Job<R>) -> Self {
        let (task, meta) = job.into_parts();
        Self { task, meta }
    }
}

impl<R> fmt::Debug for ScopedJob<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedJob")
            .field("operation", &self.operation())
            .field("offset", &self.offset())
            .field("requested", &self.requested())
            .finish_non_exhaustive()
    }
}
