//! Jobs that work on a file: reads, writes, syncs and polls.

use crate::buffer::{IoBuf, IoBufMut};
use crate::engine::operation::Operation;
use crate::file::FileHandle;
use crate::job::Job;
use crate::job::completion::Completion;
use crate::job::file_task::FileTask;
use crate::job::poll_events::PollEvents;
use crate::job::ranged::Ranged;
use crate::job::target::{NoBuffer, ReadInto, ReadIntoEach, WriteFrom, WriteFromEach};

impl<R: Send + 'static> Job<R> {
    /// Reads into the whole capacity of `buffer`, from `offset` bytes into the file, like pread(2).
    /// With [`limit`](Self::limit) it reads less.
    ///
    /// The buffer's length becomes the number of bytes read, for buffer types that have a length.
    /// A job that asks for more than 0x7ffff000 bytes reads no more than these.
    ///
    /// A read of a pipe, socket or terminal never waits, as it would do so during the submission.
    /// Where there is nothing to read the result is `EAGAIN`, or `EOPNOTSUPP` if the kernel can't
    /// tell without waiting. [Poll](Self::poll) first.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{AlignedBuf, Dispatcher, FileHandle, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = FileHandle::open_direct_or_buffered("Cargo.toml")?;
    /// let job = Job::read(&file, AlignedBuf::zeroed(4096), 0, |done| done.into_success());
    /// let (count, buffer) = dispatcher.run(job)??;
    /// assert_eq!(count, buffer.len());
    /// assert!(buffer.starts_with(b"[package]"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read<B, F>(file: impl Into<FileHandle>, buffer: B, offset: u64, callback: F) -> Self
    where
        B: IoBufMut + 'static,
        F: FnOnce(Completion<B>) -> R + Send + 'static,
    {
        let target = ReadInto(buffer);
        Self::from_task(FileTask::new(Operation::Read, file.into(), target, offset, callback))
    }

    /// Reads `len` bytes from `offset` on, wherever that is, and gives the callback exactly that
    /// range. On a direct file it also reads the bytes on both sides that alignment requires.
    ///
    /// `buffer` has to have room for all of it, which is [`FileHandle::span`]. On a direct file it
    /// also needs an address that is [aligned](FileHandle::alignment), which [`AlignedBuf`] and
    /// [`PoolBuf`] have. [`Ranged`] derefs to the bytes and gives the buffer back. At the end of
    /// the file it has fewer bytes, and none beyond it. Offset and counts of the completion are
    /// those of the range. With [`exact`](Self::exact) the job gets the whole range, or an error.
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
        Self::from_task(FileTask::read_range(file.into(), buffer, offset, len, callback))
    }

    /// Writes the initialised bytes of `buffer` at `offset` bytes into the file, like pwrite(2).
    ///
    /// A job that asks for more than 0x7ffff000 bytes writes no more than these. On a file that is
    /// open for appending Linux appends, whatever the offset (pwrite(2), bugs). Pipes, sockets and
    /// terminals are never waited for, as with [`read`](Self::read). A pipe or socket that nobody
    /// reads any more is an error of the job, `EPIPE`. There is no `SIGPIPE`, whichever thread
    /// submits the job.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, FileHandle, Job};
    ///
    /// let (dispatcher, directory) = (Dispatcher::new()?, tempfile::tempdir()?);
    /// let path = directory.path().join("greeting");
    /// let file = FileHandle::options().write(true).create_new(true).open(&path)?;
    /// let job = Job::write(&file, b"hello".to_vec(), 0, |done| done.into_success()).exact();
    /// let (count, buffer) = dispatcher.run(job)??;
    /// assert_eq!((count, std::fs::read(&path)?), (5, buffer));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write<B, F>(file: impl Into<FileHandle>, buffer: B, offset: u64, callback: F) -> Self
    where
        B: IoBuf + 'static,
        F: FnOnce(Completion<B>) -> R + Send + 'static,
    {
        let target = WriteFrom(buffer);
        Self::from_task(FileTask::new(Operation::Write, file.into(), target, offset, callback))
    }

    /// Reads into several buffers, filling each before the next, like preadv(2). The kernel takes
    /// at most 1024 buffers and answers `EINVAL` to more.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, FileHandle, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = FileHandle::open_buffered("Cargo.toml")?;
    /// let lines = vec![vec![0; 10], vec![0; 17]];
    /// let job = Job::read_vectored(&file, lines, 0, |done| done.into_success());
    /// let (count, lines) = dispatcher.run(job)??;
    /// assert_eq!(count, 27);
    /// assert_eq!(lines, [&b"[package]\n"[..], b"name = \"reapool\"\n"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
        let (operation, target) = (Operation::ReadVectored, ReadIntoEach::new(buffers));
        Self::from_task(FileTask::new(operation, file.into(), target, offset, callback))
    }

    /// Writes several buffers, one after the other, like pwritev(2). The kernel takes at most 1024
    /// buffers and answers `EINVAL` to more.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, FileHandle, Job};
    ///
    /// let (dispatcher, table) = (Dispatcher::new()?, tempfile::NamedTempFile::new()?);
    /// let file = FileHandle::from(table.reopen()?);
    /// let (head, row) = (b"name,size\n".to_vec(), b"Cargo.toml,5219\n".to_vec());
    /// let job = Job::write_vectored(&file, vec![head, row], 0, |done| done.result).exact();
    /// assert_eq!(dispatcher.run(job)??, 26);
    /// assert_eq!(std::fs::read_to_string(table.path())?, "name,size\nCargo.toml,5219\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
        let (operation, target) = (Operation::WriteVectored, WriteFromEach::new(buffers));
        Self::from_task(FileTask::new(operation, file.into(), target, offset, callback))
    }

    /// Makes the file's data and metadata durable, like fsync(2): everything written by operations
    /// that had *completed* when this job was submitted.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, FileHandle, Job, Operation};
    ///
    /// let (dispatcher, file) = (Dispatcher::new()?, FileHandle::from(tempfile::tempfile()?));
    /// let write = Job::write(&file, "hello", 0, |done| done.into_success()).exact();
    /// dispatcher.run(write)??;
    /// // The write has completed, so this makes it durable.
    /// let done = dispatcher.run(Job::sync_all(&file, |done| done))?;
    /// assert_eq!((done.operation, done.result?), (Operation::SyncAll, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sync_all<F>(file: impl Into<FileHandle>, callback: F) -> Self
    where
        F: FnOnce(Completion<()>) -> R + Send + 'static,
    {
        let target = NoBuffer::of_sync();
        Self::from_task(FileTask::new(Operation::SyncAll, file.into(), target, 0, callback))
    }

    /// Makes the file's data durable, and the metadata that reading it needs, like fdatasync(2).
    ///
    /// # Examples
    ///
    /// An entry of a log, and a sync behind it:
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use reapool::{Dispatcher, FileHandle, Job};
    ///
    /// let (dispatcher, log) = (Dispatcher::new()?, FileHandle::from(tempfile::tempfile()?));
    /// let (submitter, (report, reports)) = (dispatcher.submitter(), mpsc::channel());
    /// let write = Job::write(log, "entry\n", 0, move |done| match done.result {
    ///     Ok(_) => {
    ///         let sync = Job::sync_data(done.file, move |done| _ = report.send(done.result));
    ///         submitter.submit(sync).expect("is not refused in a callback");
    ///     }
    ///     Err(error) => _ = report.send(Err(error)),
    /// });
    /// dispatcher.submit(write.exact())?;
    /// assert_eq!(reports.recv()??, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sync_data<F>(file: impl Into<FileHandle>, callback: F) -> Self
    where
        F: FnOnce(Completion<()>) -> R + Send + 'static,
    {
        let target = NoBuffer::of_sync();
        Self::from_task(FileTask::new(Operation::SyncData, file.into(), target, 0, callback))
    }

    /// Waits until one of `events` is there, like poll(2): for eventfds, pipes, sockets and timers.
    /// Linux 4.19 or later.
    ///
    /// [`PollEvents::from_result`] decodes the completion's result: those of `events` that were
    /// there, and errors and hang-ups, for which every poll waits.
    ///
    /// A poll ends once, and a state ends it, not a change. Take the data that there is, and submit
    /// another poll to go on watching.
    ///
    /// Not every file can be polled. One that never keeps anybody waiting, such as a regular file,
    /// is ready at once. A descriptor that only names a file is refused with `EBADF`. Native AIO
    /// polls no file for which the kernel sleeps in two queues, such as a terminal, or a pipe that
    /// is open for both reading and writing. Unless an event is there already, such a poll is
    /// refused with `EINVAL`; an epoll(7) instance that watches the file can be polled instead.
    ///
    /// A poll holds a slot until its event comes, so give the dispatcher a depth that is larger
    /// than the number of polls. A single poll can serve many descriptors, if it polls an epoll(7)
    /// instance that watches them. [`drain`](crate::Dispatcher::drain) and
    /// [`shutdown`](crate::Dispatcher::shutdown) wait for polls. A poll may have a
    /// [time limit](Self::start_within), and be [cancelled](crate::JobHandle::cancel).
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
        let target = NoBuffer::of_poll(events);
        Self::from_task(FileTask::new(Operation::Poll, file.into(), target, 0, callback))
    }
}
