//! Jobs: an operation, the file and memory it works on, and the callback that gets them back.

pub(crate) mod completion;
pub(crate) mod deadline;
pub(crate) mod poll_events;
pub(crate) mod progress;
pub(crate) mod ranged;
mod settings;
pub(crate) mod stopped;
pub(crate) mod target;
pub(crate) mod task;
pub(crate) mod ticket;
pub(crate) mod without_kernel;

use std::any::TypeId;
use std::fmt;

use crate::buffer::{IoBuf, IoBufMut};
use crate::engine::operation::Operation;
use crate::file::FileHandle;
use crate::job::completion::Completion;
use crate::job::deadline::JobDeadline;
use crate::job::poll_events::PollEvents;
use crate::job::ranged::{Ranged, ReadRange};
use crate::job::stopped::CancelReason;
use crate::job::target::{NoBuffer, ReadInto, ReadIntoEach, Target, WriteFrom, WriteFromEach};
use crate::job::task::{JobView, Pending, Task};
use crate::job::ticket::Ticket;
use crate::job::without_kernel::PureTask;

/// One operation on a file, with everything it needs until it has ended: the file, the buffer, and
/// a callback that runs once, on a worker, and gets them back in its [`Completion`].
///
/// Whatever context the callback needs, a label, a channel, the next job's parameters, it captures.
/// `R` is what the callback returns; only [`spawn`](crate::Submitter::spawn) takes jobs whose
/// callbacks return something.
///
/// # Alignment
///
/// If the file is open with `O_DIRECT`, the buffer's address, its length and the offset must be
/// multiples of what [`FileHandle::alignment`] says, 4096 bytes being enough for nearly all
/// (open(2), notes); otherwise the kernel answers `EINVAL`, to the callback.
/// [`AlignedBuf`](crate::AlignedBuf) has such an address, and [`read_range`](Self::read_range) takes
/// any offset and length.
///
/// # Examples
///
/// ```
/// use std::fs::File;
/// use std::sync::{Arc, mpsc};
/// use reapool::{Dispatcher, Job};
///
/// let dispatcher = Dispatcher::new()?;
/// let file = Arc::new(File::open("Cargo.toml")?);
/// let (lines, received) = mpsc::channel();
/// for label in ["first", "second"] {
///     let lines = lines.clone();
///     dispatcher.submit(Job::read(&file, vec![0; 64], 0, move |done| {
///         let _ = lines.send(format!("{label}: {} bytes", done.result.unwrap()));
///     }))?;
/// }
/// dispatcher.drain()?;
/// assert_eq!(received.try_iter().count(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a job does nothing until it is submitted"]
pub struct Job<R = ()> {
    task: Box<dyn Task<R>>,
    /// It was let in whatever the bounds, and takes nobody's place.
    pub(crate) posted: bool,
    /// By when it has to be under way.
    pub(crate) due: JobDeadline,
    /// Why the engine was asked to end it.
    pub(crate) stopped: Option<CancelReason>,
}

impl<R: Send + 'static> Job<R> {
    /// Reads into the whole capacity of `buffer` from `offset` bytes into the file, like pread(2);
    /// [`limit`](Self::limit) makes it less.
    ///
    /// The buffer's length becomes the count of bytes read, for the types that have one. Asking for
    /// more than 0x7ffff000 bytes reads no more than these.
    ///
    /// A pipe, socket or terminal is never waited for, as that would be done during the submission:
    /// the result is `EAGAIN` where there is nothing to read (or `EOPNOTSUPP` where the kernel
    /// can't tell without waiting). [Poll](Self::poll) for it first.
    pub fn read<B, F>(file: impl Into<FileHandle>, buffer: B, offset: u64, callback: F) -> Self
    where
        B: IoBufMut + 'static,
        F: FnOnce(Completion<B>) -> R + Send + 'static,
    {
        Self::new(Operation::Read, file.into(), ReadInto(buffer), offset, callback)
    }

    /// Reads `len` bytes from `offset` on, wherever that is: what a direct file needs on both sides,
    /// for the sake of alignment, is read too, and the callback is given exactly the range.
    ///
    /// `buffer` has to have room for all of it, which is what [`FileHandle::span`] says, and on a
    /// direct file an address that [fits](FileHandle::alignment), which [`AlignedBuf`] and
    /// [`PoolBuf`] have. [`Ranged`] derefs to the bytes, fewer of them at the end of the file and
    /// none beyond it, and gives the buffer back. The completion's offset and counts are those of
    /// the range. With [`exact`](Self::exact) it is the whole range, or an error.
    ///
    /// [`AlignedBuf`]: crate::AlignedBuf
    /// [`PoolBuf`]: crate::PoolBuf
    ///
    /// # Panics
    ///
    /// If the buffer is smaller than the span.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{AlignedBuf, Dispatcher, FileHandle, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = FileHandle::open_direct_or_buffered("Cargo.toml")?;
    /// let span = file.span(1, 7);
    /// let buffer = AlignedBuf::zeroed((span.end - span.start) as usize);
    /// let job = Job::read_range(&file, buffer, 1, 7, |done| done.buffer).exact();
    /// let ranged = dispatcher.spawn(job)?.join()?;
    /// assert_eq!(&*ranged, b"package");
    /// let buffer = ranged.into_inner();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read_range<B, F>(
        file: impl Into<FileHandle>,
        buffer: B,
        offset: u64,
        len: usize,
        callback: F,
    ) -> Self
    where
        B: IoBufMut + 'static,
        F: FnOnce(Completion<Ranged<B>>) -> R + Send + 'static,
    {
        let file = file.into();
        let span = file.span(offset, len);
        let skip = (offset - span.start) as usize;
        let target = ReadRange::new(buffer, span.end - span.start, skip, len);
        let pending = Pending::prepare(Operation::Read, file, target, span.start, callback);
        Self::from_task(pending.select(skip, len))
    }

    /// Writes the initialised bytes of `buffer` at `offset` bytes into the file, like pwrite(2).
    ///
    /// Writing more than 0x7ffff000 bytes writes no more than these. On a file open for appending
    /// Linux appends, whatever the offset (pwrite(2), bugs). For pipes, sockets and terminals see
    /// [`read`](Self::read).
    pub fn write<B, F>(file: impl Into<FileHandle>, buffer: B, offset: u64, callback: F) -> Self
    where
        B: IoBuf + 'static,
        F: FnOnce(Completion<B>) -> R + Send + 'static,
    {
        Self::new(Operation::Write, file.into(), WriteFrom(buffer), offset, callback)
    }

    /// Reads into several buffers, filling each before the next, like preadv(2). The kernel takes
    /// at most 1024 and answers `EINVAL` to more.
    pub fn read_vectored<B, F>(
        file: impl Into<FileHandle>,
        buffers: Vec<B>,
        offset: u64,
        callback: F,
    ) -> Self
    where
        B: IoBufMut + 'static,
        F: FnOnce(Completion<Vec<B>>) -> R + Send + 'static,
    {
        let target = ReadIntoEach::new(buffers);
        Self::new(Operation::ReadVectored, file.into(), target, offset, callback)
    }

    /// Writes several buffers, one after the other, like pwritev(2). The kernel takes at most 1024
    /// and answers `EINVAL` to more.
    pub fn write_vectored<B, F>(
        file: impl Into<FileHandle>,
        buffers: Vec<B>,
        offset: u64,
        callback: F,
    ) -> Self
    where
        B: IoBuf + 'static,
        F: FnOnce(Completion<Vec<B>>) -> R + Send + 'static,
    {
        let target = WriteFromEach::new(buffers);
        Self::new(Operation::WriteVectored, file.into(), target, offset, callback)
    }

    /// Makes the file's data and metadata durable, like fsync(2): what was written by operations
    /// that had *completed* when this job was submitted.
    pub fn sync_all<F>(file: impl Into<FileHandle>, callback: F) -> Self
    where
        F: FnOnce(Completion<()>) -> R + Send + 'static,
    {
        Self::new(Operation::SyncAll, file.into(), NoBuffer { events: 0 }, 0, callback)
    }

    /// Makes the file's data durable, and the metadata needed to read it, like fdatasync(2).
    pub fn sync_data<F>(file: impl Into<FileHandle>, callback: F) -> Self
    where
        F: FnOnce(Completion<()>) -> R + Send + 'static,
    {
        Self::new(Operation::SyncData, file.into(), NoBuffer { events: 0 }, 0, callback)
    }

    /// Waits until one of `events` is there, like poll(2): for eventfds, pipes, sockets and timers.
    /// [`PollEvents::from_result`] decodes the completion's result: those of `events` that were there,
    /// and errors and hang-ups, for which every poll waits. Linux 4.19 or later.
    ///
    /// It is a state that ends it, not a change, and it ends once: take what there is, and submit
    /// another to go on watching. A file that never keeps anybody waiting, such as a regular one, is
    /// ready at once, and a descriptor that only names a file is refused with `EBADF`. Native AIO polls
    /// nothing for which the kernel sleeps in two queues, such as a terminal or a pipe that is open for
    /// both reading and writing: unless there is something already, it is refused with `EINVAL`, and
    /// can be watched by an epoll(7) instance that is polled.
    ///
    /// Such a job holds a slot until the event comes, so there should be more of these than polls; a
    /// single one does for many descriptors, if what it polls is an epoll(7) instance that watches
    /// them. [`drain`](crate::Dispatcher::drain) and [`shutdown`](crate::Dispatcher::shutdown) wait
    /// for it. It may have a [time limit](Self::start_within), and be [cancelled](crate::JobHandle::cancel).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::fs::File;
    /// use std::io::{self, Read, Write};
    /// use std::os::fd::OwnedFd;
    /// use reapool::{Dispatcher, FileHandle, Job, PollEvents};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let (mut reader, mut writer) = io::pipe()?;
    /// let pipe = FileHandle::from(OwnedFd::from(reader.try_clone()?));
    /// let news = dispatcher.spawn(Job::poll(pipe, PollEvents::READABLE, move |done| {
    ///     let events = PollEvents::from_result(done.result?);
    ///     assert!(events.contains(PollEvents::READABLE));
    ///     let mut news = vec![0; 100];
    ///     let count = reader.read(&mut news)?; // doesn't wait: there is something
    ///     news.truncate(count);
    ///     io::Result::Ok(news)
    /// }))?;
    /// // The files that are read meanwhile are jobs like this one.
    /// let file = File::open("Cargo.toml")?;
    /// let head = dispatcher.spawn(Job::read(file, vec![0; 9], 0, |done| done.buffer))?;
    /// assert_eq!(head.join()?, b"[package]");
    /// writer.write_all(b"something")?;
    /// assert_eq!(news.join()??, b"something");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn poll<F>(file: impl Into<FileHandle>, events: PollEvents, callback: F) -> Self
    where
        F: FnOnce(Completion<()>) -> R + Send + 'static,
    {
        let target = NoBuffer { events: u64::from(events.bits()) };
        Self::new(Operation::Poll, file.into(), target, 0, callback)
    }

    /// Does nothing but run the callback, on a worker: for computations that are to be bounded,
    /// waited for and shared out among the workers like the callbacks of operations.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let sum = dispatcher.spawn(Job::nop(|| (1..=100).sum::<u64>()))?;
    /// assert_eq!(sum.join()?, 5050);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn nop<F>(callback: F) -> Self
    where
        F: FnOnce() -> R + Send + 'static,
    {
        Self::from_task(Box::new(PureTask::nop((), move |()| callback())))
    }

    /// Runs `work` on a thread for what blocks, and then the callback with its value on a worker:
    /// for system calls that Linux doesn't do asynchronously, such as open(2), stat(2) or readdir(3).
    /// A worker in such a call would keep other callbacks waiting.
    ///
    /// These threads are started when they are needed, at most
    /// [`blocking_threads`](crate::Builder::blocking_threads), and end when they have had nothing to
    /// do for a while. If not even one can be started, `work` runs on the worker.
    ///
    /// What holds for callbacks holds for `work`: it may submit jobs, which doesn't block there, may
    /// not wait for the dispatcher's jobs, and if it panics, that is reported as the callback's
    /// panic, and the callback doesn't run.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::fs;
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let size = Job::blocking(
    ///     || fs::metadata("Cargo.toml"),
    ///     |metadata| metadata.map(|metadata| metadata.len()),
    /// );
    /// assert!(dispatcher.spawn(size)?.join()?? > 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn blocking<V, W, F>(work: W, callback: F) -> Self
    where
        V: Send + 'static,
        W: FnOnce() -> V + Send + 'static,
        F: FnOnce(V) -> R + Send + 'static,
    {
        Self::from_task(Box::new(PureTask::blocking(work, callback)))
    }

    fn new<T, F>(
        operation: Operation,
        file: FileHandle,
        target: T,
        offset: u64,
        callback: F,
    ) -> Self
    where
        T: Target + 'static,
        F: FnOnce(Completion<T::Buffer>) -> R + Send + 'static,
    {
        Self::from_task(Pending::prepare(operation, file, target, offset, callback))
    }
}

impl<R: 'static> Job<R> {
    /// Makes a plain read or write ask for no more than `bytes`, from the front of its buffer; a
    /// large recycled buffer then costs a small read no more than a small one. Has no effect on
    /// other operations, nor on a [range](Self::read_range), which has its length already.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = std::fs::File::open("Cargo.toml")?;
    /// let job = Job::read(file, vec![0; 4096], 0, |done| done.buffer).limit(9);
    /// assert_eq!(job.requested(), 9);
    /// assert_eq!(dispatcher.spawn(job)?.join()?, b"[package]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn limit(mut self, bytes: usize) -> Self {
        self.task.limit(bytes);
        self
    }

    /// Makes a read or write transfer all of what it asks for, or end with the reason why not. Has no
    /// effect on other operations.
    ///
    /// Linux may transfer less than it was asked for: read(2) and write(2) say when. An exact job
    /// is then submitted again for the rest, by a worker, in its slot, and its callback runs when
    /// all is done. Requests for more than 0x7ffff000 bytes take several such rounds.
    ///
    /// If it is not all done, [`Completion::transferred`] has what is, and a read's buffer has these
    /// bytes. Transfers of a direct file go on at a multiple of its
    /// [alignment](FileHandle::alignment) from where they began, so some bytes may be read or
    /// written twice.
    ///
    /// # Errors
    ///
    /// [`Completion::result`] is then
    ///
    /// - of the kind [`UnexpectedEof`](std::io::ErrorKind::UnexpectedEof) if the file ends before;
    /// - of the kind [`WriteZero`](std::io::ErrorKind::WriteZero) if the kernel writes no more and
    ///   gives no reason;
    /// - what the kernel said, such as `ENOSPC`, `EIO`, or `EAGAIN` of a pipe that has no more;
    /// - of another kind if a direct file is open for appending and the kernel stopped at a count
    ///   that is not aligned, from which it takes no more: to append these bytes again would double
    ///   them.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::fs::File;
    /// use std::io::ErrorKind;
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = File::open("Cargo.toml")?;
    /// let size = file.metadata()?.len();
    /// let job = Job::read(file, vec![0; 1 << 16], 0, |done| done).exact();
    /// let done = dispatcher.spawn(job)?.join()?;
    /// assert_eq!(done.result.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    /// assert_eq!((done.transferred as u64, done.buffer.len() as u64), (size, size));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn exact(mut self) -> Self {
        self.task.exact();
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

    /// Takes a job apart that won't be submitted, to have its buffer back: `B` is the type that was
    /// handed in, `Vec<_>` of it for vectored operations. File and callback are dropped.
    ///
    /// # Errors
    ///
    /// The job itself, if its buffer is of another type.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::Job;
    ///
    /// let job = Job::write(std::fs::File::open("Cargo.toml")?, vec![1, 2, 3], 0, |_| ());
    /// let job = job.into_buffer::<Box<[u8]>>().unwrap_err();
    /// assert_eq!(job.into_buffer::<Vec<u8>>().unwrap(), [1, 2, 3]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn into_buffer<B: 'static>(self) -> Result<B, Self> {
        if self.task.buffer_type() != TypeId::of::<B>() {
            return Err(self);
        }
        let mut place: Option<B> = None;
        self.task.buffer_into(&mut place);
        Ok(place.expect("a task puts its buffer into a place of the type it named"))
    }

    pub(crate) fn from_task(task: Box<dyn Task<R>>) -> Self {
        Self { task, posted: false, due: JobDeadline::Never, stopped: None }
    }

    pub(crate) fn into_task(self) -> Box<dyn Task<R>> {
        self.task
    }

    pub(crate) fn view(&self) -> JobView {
        self.task.view()
    }

    /// What its handle knows it by, if it has one.
    pub(crate) fn ticket(&self) -> Option<Ticket> {
        self.task.ticket()
    }

    pub(crate) fn advance(&mut self, done: usize, begin: usize) {
        self.task.advance(done, begin);
    }

    pub(crate) fn not_told_what_is_cached(&self) {
        if let Some(file) = self.task.file() {
            file.not_told_what_is_cached();
        }
    }

    /// Does the work of a blocking job.
    pub(crate) fn work(&mut self) {
        self.task.work();
    }

    /// Runs the callback with what the kernel said.
    pub(crate) fn run(self, res: i64) -> R {
        self.task.run(res)
    }

    /// Moves an exact job on after an answer of the kernel that was not all. False, and nothing
    /// changed, if the job is to end with this answer.
    pub(crate) fn resume(&mut self, res: i64) -> bool {
        let brief = self.task.view();
        let Some(done) = brief.progress.goes_on(res) else { return false };
        let Some(file) = self.task.file() else { return false };
        // A direct transfer can't begin just anywhere, so some bytes are transferred again.
        let begin = done - done % file.alignment().step();
        if begin < done && !brief.transfer.operation.reads() && file.appends() {
            return false;
        }
        self.task.advance(done, begin);
        true
    }
}

impl<R: 'static> fmt::Debug for Job<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("operation", &self.operation())
            .field("offset", &self.offset())
            .field("requested", &self.requested())
            .finish_non_exhaustive()
    }
}
