//! Scoped jobs: what a job is, but that what it owns may borrow.

use std::fmt;
use std::time::Duration;

use crate::buffer::{IoBuf, IoBufMut};
use crate::engine::operation::Operation;
use crate::file::borrowed::BorrowedFile;
use crate::job::Job;
use crate::job::completion::Completion;
use crate::job::deadline::JobDeadline;
use crate::job::poll_events::PollEvents;
use crate::job::ranged::{Ranged, ReadRange};
use crate::job::target::{NoBuffer, ReadInto, ReadIntoEach, Target, WriteFrom, WriteFromEach};
use crate::job::task::{Pending, Task};
use crate::job::without_kernel::PureTask;
use crate::sync::Instant;

/// A [`Job`] for a [`Scope`](crate::Scope): its buffer may be a `&mut [u8]` or a `&[u8]`, its file a
/// `&File`, and its callback may hold references, all to what lives for `'a`.
///
/// Buffers that own their memory, such as [`AlignedBuf`](crate::AlignedBuf), are as welcome as in a
/// `Job`, and so is a job that borrows nothing: `ScopedJob::from(job)`.
///
/// The constructors are those of `Job`, which say what each does. What differs: the completion's
/// file is a [`BorrowedFile`]; a slice is as long as it is, so [`Completion::data`] or the count say
/// how much of it was read; and for direct I/O it is up to you to have slices whose address and
/// length are [aligned](crate::Job#alignment), as those that an `AlignedBuf` is divided into are.
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
    task: Box<dyn Task<R> + 'a>,
    pub(super) due: JobDeadline,
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
        Self::new(Operation::Read, file.into(), ReadInto(buffer), offset, callback)
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
        let file = file.into();
        let span = file.handle().span(offset, len);
        let skip = (offset - span.start) as usize;
        let target = ReadRange::new(buffer, span.end - span.start, skip, len);
        let pending = Pending::prepare(Operation::Read, file, target, span.start, callback);
        Self { task: pending.select(skip, len), due: JobDeadline::Never }
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
        Self::new(Operation::Write, file.into(), WriteFrom(buffer), offset, callback)
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
        let target = ReadIntoEach::new(buffers);
        Self::new(Operation::ReadVectored, file.into(), target, offset, callback)
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
        let target = WriteFromEach::new(buffers);
        Self::new(Operation::WriteVectored, file.into(), target, offset, callback)
    }

    /// Makes data and metadata durable; see [`Job::sync_all`].
    pub fn sync_all<'f, F>(file: impl Into<BorrowedFile<'f>>, callback: F) -> Self
    where
        F: FnOnce(Completion<(), BorrowedFile<'f>>) -> R + Send + 'a,
        'f: 'a,
    {
        Self::new(Operation::SyncAll, file.into(), NoBuffer { events: 0 }, 0, callback)
    }

    /// Makes data durable; see [`Job::sync_data`].
    pub fn sync_data<'f, F>(file: impl Into<BorrowedFile<'f>>, callback: F) -> Self
    where
        F: FnOnce(Completion<(), BorrowedFile<'f>>) -> R + Send + 'a,
        'f: 'a,
    {
        Self::new(Operation::SyncData, file.into(), NoBuffer { events: 0 }, 0, callback)
    }

    /// Waits until one of `events` is there; see [`Job::poll`]. The scope waits for it too.
    pub fn poll<'f, F>(file: impl Into<BorrowedFile<'f>>, events: PollEvents, callback: F) -> Self
    where
        F: FnOnce(Completion<(), BorrowedFile<'f>>) -> R + Send + 'a,
        'f: 'a,
    {
        let target = NoBuffer { events: u64::from(events.bits()) };
        Self::new(Operation::Poll, file.into(), target, 0, callback)
    }

    /// Does nothing but run the callback, on a worker; see [`Job::nop`].
    pub fn nop<F>(callback: F) -> Self
    where
        F: FnOnce() -> R + Send + 'a,
    {
        Self { task: Box::new(PureTask::nop((), move |()| callback())), due: JobDeadline::Never }
    }

    /// Runs `work` on a thread for what blocks, and then the callback with its value on a worker;
    /// see [`Job::blocking`].
    pub fn blocking<V, W, F>(work: W, callback: F) -> Self
    where
        V: Send + 'a,
        W: FnOnce() -> V + Send + 'a,
        F: FnOnce(V) -> R + Send + 'a,
    {
        Self { task: Box::new(PureTask::blocking(work, callback)), due: JobDeadline::Never }
    }

    fn new<'f, T, F>(
        operation: Operation,
        file: BorrowedFile<'f>,
        target: T,
        offset: u64,
        callback: F,
    ) -> Self
    where
        T: Target + 'a,
        F: FnOnce(Completion<T::Buffer, BorrowedFile<'f>>) -> R + Send + 'a,
        'f: 'a,
    {
        let task = Pending::prepare(operation, file, target, offset, callback);
        Self { task, due: JobDeadline::Never }
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

    /// Gives the job up if it is not under way at this moment; see [`Job::deadline`].
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.due = JobDeadline::At(deadline).of(self.operation());
        self
    }

    /// Gives the job up if it is not under way so long after it was accepted; see [`Job::timeout`].
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.due = JobDeadline::after(limit).of(self.operation());
        self
    }

    /// What the job asks for.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.task.view().transfer.operation
    }

    /// From which offset on, in bytes.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.task.view().offset()
    }

    /// How many bytes it asks for.
    #[must_use]
    pub fn requested(&self) -> usize {
        self.task.view().progress.requested
    }

    pub(super) fn into_task(self) -> Box<dyn Task<R> + 'a> {
        self.task
    }
}

/// A job that borrows nothing.
impl<R: 'static> From<Job<R>> for ScopedJob<'_, R> {
    fn from(job: Job<R>) -> Self {
        let due = job.due;
        Self { task: job.into_task(), due }
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
