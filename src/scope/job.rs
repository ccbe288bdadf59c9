//! Scoped jobs: jobs that may borrow.

use std::fmt;
use std::time::Duration;

use crate::buffer::{IoBuf, IoBufMut};
use crate::engine::operation::Operation;
use crate::file::borrowed::BorrowedFile;
use crate::job::Job;
use crate::job::completion::Completion;
use crate::job::file_task::FileTask;
use crate::job::meta::JobDeadline;
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
}

impl<'a, R: Send + 'a> ScopedJob<'a, R> {
    /// Reads into all of `buffer`; see [`Job::read`].
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, ScopedJob};
    ///
    /// let (dispatcher, file) = (Dispatcher::new()?, std::fs::File::open("Cargo.toml")?);
    /// let (mut head, mut count) = ([0; 9], 0);
    /// let job = ScopedJob::read(&file, &mut head, 0, |done| count = done.transferred);
    /// dispatcher.scope(|scope| scope.submit(job).map_err(|refused| refused.kind()))??;
    /// assert_eq!((count, &head), (9, b"[package]"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{AlignedBuf, Dispatcher, FileHandle, ScopedJob};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = FileHandle::open_direct_or_buffered("Cargo.toml")?;
    /// let (mut buffer, mut name) = (AlignedBuf::zeroed(4096), Vec::new());
    /// let job = ScopedJob::read_range(&file, &mut buffer[..], 10, 4, |done| {
    ///     name.extend_from_slice(&done.buffer);
    /// });
    /// dispatcher.scope(|scope| scope.submit(job).map_err(|refused| refused.kind()))??;
    /// assert_eq!(name, b"name");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use std::error::Error;
    /// use reapool::{Dispatcher, ScopedJob};
    ///
    /// let (dispatcher, file) = (Dispatcher::new()?, tempfile::NamedTempFile::new()?);
    /// let text = String::from("hello");
    /// dispatcher.scope(|scope| {
    ///     let job = ScopedJob::write(file.as_file(), text.as_bytes(), 0, |done| done.result);
    ///     Ok::<_, Box<dyn Error>>(scope.spawn(job.exact())?.join()??)
    /// })??;
    /// assert_eq!(std::fs::read_to_string(file.path())?, text);
    /// # Ok::<(), Box<dyn Error>>(())
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, ScopedJob};
    ///
    /// let (dispatcher, file) = (Dispatcher::new()?, std::fs::File::open("Cargo.toml")?);
    /// let (mut bracket, mut word) = ([0; 1], [0; 7]);
    /// let job = ScopedJob::read_vectored(&file, vec![&mut bracket[..], &mut word[..]], 0, |_| ());
    /// dispatcher.scope(|scope| scope.submit(job).map_err(|refused| refused.kind()))??;
    /// assert_eq!((&bracket, &word), (b"[", b"package"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, ScopedJob};
    ///
    /// let (dispatcher, file) = (Dispatcher::new()?, tempfile::NamedTempFile::new()?);
    /// let (name, value) = (String::from("depth="), String::from("64"));
    /// let parts = vec![name.as_bytes(), value.as_bytes()];
    /// let job = ScopedJob::write_vectored(file.as_file(), parts, 0, |_| ()).exact();
    /// dispatcher.scope(|scope| scope.submit(job).map_err(|refused| refused.kind()))??;
    /// assert_eq!(std::fs::read(file.path())?, b"depth=64");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use std::error::Error;
    /// use std::io::Write;
    /// use reapool::{Dispatcher, ScopedJob};
    ///
    /// let (dispatcher, mut file) = (Dispatcher::new()?, tempfile::tempfile()?);
    /// file.write_all(b"hello")?;
    /// let result = dispatcher.scope(|scope| {
    ///     let job = ScopedJob::sync_all(&file, |done| done.result);
    ///     Ok::<_, Box<dyn Error>>(scope.spawn(job)?.join()?)
    /// })??;
    /// assert_eq!(result?, 0);
    /// # Ok::<(), Box<dyn Error>>(())
    /// ```
    pub fn sync_all<'f, F>(file: impl Into<BorrowedFile<'f>>, callback: F) -> Self
    where
        F: FnOnce(Completion<(), BorrowedFile<'f>>) -> R + Send + 'a,
        'f: 'a,
    {
        let target = NoBuffer::of_sync();
        Self::from_task(FileTask::new(Operation::SyncAll, file.into(), target, 0, callback))
    }

    /// Makes data durable; see [`Job::sync_data`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Write;
    /// use reapool::{Dispatcher, ScopedJob};
    ///
    /// let (dispatcher, mut file) = (Dispatcher::new()?, tempfile::tempfile()?);
    /// file.write_all(b"hello")?;
    /// let mut synced = false;
    /// let job = ScopedJob::sync_data(&file, |done| synced = done.result.is_ok());
    /// dispatcher.scope(|scope| scope.submit(job).map_err(|refused| refused.kind()))??;
    /// assert!(synced);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sync_data<'f, F>(file: impl Into<BorrowedFile<'f>>, callback: F) -> Self
    where
        F: FnOnce(Completion<(), BorrowedFile<'f>>) -> R + Send + 'a,
        'f: 'a,
    {
        let target = NoBuffer::of_sync();
        Self::from_task(FileTask::new(Operation::SyncData, file.into(), target, 0, callback))
    }

    /// Waits until one of `events` is there; see [`Job::poll`]. The scope waits for it too.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::error::Error;
    /// use std::io::Write;
    /// use std::os::fd::AsFd;
    /// use reapool::{Dispatcher, PollEvents, ScopedJob};
    ///
    /// let (dispatcher, (reader, mut writer)) = (Dispatcher::new()?, std::io::pipe()?);
    /// let events = dispatcher.scope(|scope| {
    ///     let job = ScopedJob::poll(reader.as_fd(), PollEvents::READABLE, |done| done.result);
    ///     let news = scope.spawn(job)?;
    ///     writer.write_all(b"something")?;
    ///     Ok::<_, Box<dyn Error>>(PollEvents::from_result(news.join()??))
    /// })??;
    /// assert_eq!(events, PollEvents::READABLE);
    /// # Ok::<(), Box<dyn Error>>(())
    /// ```
    pub fn poll<'f, F>(file: impl Into<BorrowedFile<'f>>, events: PollEvents, callback: F) -> Self
    where
        F: FnOnce(Completion<(), BorrowedFile<'f>>) -> R + Send + 'a,
        'f: 'a,
    {
        let target = NoBuffer::of_poll(events);
        Self::from_task(FileTask::new(Operation::Poll, file.into(), target, 0, callback))
    }

    /// Does nothing but run the callback, on a worker; see [`Job::nop`].
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, ScopedJob};
    ///
    /// let (dispatcher, mut words) = (Dispatcher::new()?, ["reap", "drain", "pool"]);
    /// let job = ScopedJob::nop(|| words.sort());
    /// dispatcher.scope(|scope| scope.submit(job).map_err(|refused| refused.kind()))??;
    /// assert_eq!(words, ["drain", "pool", "reap"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn nop<F>(callback: F) -> Self
    where
        F: FnOnce() -> R + Send + 'a,
    {
        Self::from_task(PureTask::nop(move |()| callback()))
    }

    /// Runs `work` on a blocking thread, and then the callback with its value on a worker; see
    /// [`Job::blocking`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::fs;
    /// use reapool::{Dispatcher, ScopedJob};
    ///
    /// let (dispatcher, directory) = (Dispatcher::new()?, tempfile::tempdir()?);
    /// let mut is_directory = false;
    /// let job = ScopedJob::blocking(
    ///     || fs::metadata(directory.path()),
    ///     |metadata| is_directory = metadata.is_ok_and(|metadata| metadata.is_dir()),
    /// );
    /// dispatcher.scope(|scope| scope.submit(job).map_err(|refused| refused.kind()))??;
    /// assert!(is_directory);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, ScopedJob};
    ///
    /// let (dispatcher, file) = (Dispatcher::new()?, std::fs::File::open("Cargo.toml")?);
    /// let (mut buffer, mut count) = (vec![0; 4096], 0);
    /// let read = ScopedJob::read(&file, &mut buffer[..], 0, |done| count = done.transferred);
    /// let job = read.limit(9);
    /// dispatcher.scope(|scope| scope.submit(job).map_err(|refused| refused.kind()))??;
    /// assert_eq!((count, &buffer[..9]), (9, &b"[package]"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn limit(mut self, bytes: usize) -> Self {
        self.task.limit(bytes);
        self
    }

    /// Makes a read or write transfer all of what it asks for, or end with the reason why not; see
    /// [`Job::exact`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::error::Error;
    /// use std::io::ErrorKind;
    /// use reapool::{Dispatcher, ScopedJob};
    ///
    /// let (dispatcher, file) = (Dispatcher::new()?, std::fs::File::open("Cargo.toml")?);
    /// let mut buffer = vec![0; 1 << 16];
    /// let result = dispatcher.scope(|scope| {
    ///     let job = ScopedJob::read(&file, &mut buffer[..], 0, |done| done.result).exact();
    ///     Ok::<_, Box<dyn Error>>(scope.spawn(job)?.join()?)
    /// })??;
    /// assert_eq!(result.unwrap_err().kind(), ErrorKind::UnexpectedEof, "the file is shorter");
    /// # Ok::<(), Box<dyn Error>>(())
    /// ```
    pub fn exact(mut self) -> Self {
        self.task.exact();
        self
    }

    /// Ends the job if it has not started by `deadline`; see [`Job::start_by`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::ErrorKind;
    /// use std::os::fd::AsFd;
    /// use std::time::Instant;
    /// use reapool::{Dispatcher, PollEvents, ScopedJob};
    ///
    /// let (dispatcher, (reader, _writer)) = (Dispatcher::new()?, std::io::pipe()?);
    /// let mut error = None;
    /// let job = ScopedJob::poll(reader.as_fd(), PollEvents::READABLE, |done| {
    ///     error = done.result.err();
    /// });
    /// let job = job.start_by(Instant::now());
    /// dispatcher.scope(|scope| scope.submit(job).map_err(|refused| refused.kind()))??;
    /// assert_eq!(error.unwrap().kind(), ErrorKind::TimedOut, "the pipe is empty");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn start_by(mut self, deadline: Instant) -> Self {
        self.task.head_mut().set_deadline(JobDeadline::By(deadline));
        self
    }

    /// Ends the job if it has not started within `limit` after it was accepted; see
    /// [`Job::start_within`].
    ///
    /// # Examples
    ///
    /// A scope that waits for a pipe, but not for ever:
    ///
    /// ```
    /// use std::error::Error;
    /// use std::io::ErrorKind;
    /// use std::os::fd::AsFd;
    /// use std::time::Duration;
    /// use reapool::{Dispatcher, PollEvents, ScopedJob};
    ///
    /// let (dispatcher, (reader, _writer)) = (Dispatcher::new()?, std::io::pipe()?);
    /// let result = dispatcher.scope(|scope| {
    ///     let job = ScopedJob::poll(reader.as_fd(), PollEvents::READABLE, |done| done.result);
    ///     let job = job.start_within(Duration::from_millis(1));
    ///     Ok::<_, Box<dyn Error>>(scope.spawn(job)?.join()?)
    /// })??;
    /// assert_eq!(result.unwrap_err().kind(), ErrorKind::TimedOut, "nobody has written anything");
    /// # Ok::<(), Box<dyn Error>>(())
    /// ```
    pub fn start_within(mut self, limit: Duration) -> Self {
        self.task.head_mut().set_deadline(JobDeadline::within(limit));
        self
    }

    /// The operation that the job asks for.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.task.head().operation()
    }

    /// The offset at which the operation begins, in bytes.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.task.head().offset()
    }

    /// The number of bytes that the job asks for.
    #[must_use]
    pub fn requested(&self) -> usize {
        self.task.head().progress.requested()
    }

    fn from_task(task: Box<dyn UserTask<R> + 'a>) -> Self {
        Self { task }
    }

    pub(super) fn into_task(self) -> Box<dyn UserTask<R> + 'a> {
        self.task
    }
}

/// A job that borrows nothing.
impl<R: 'static> From<Job<R>> for ScopedJob<'_, R> {
    fn from(job: Job<R>) -> Self {
        Self { task: job.into_task() }
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
