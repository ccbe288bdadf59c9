//! Jobs that work on a file without a buffer: syncs, and polls.

use crate::engine::operation::Operation;
use crate::file::FileHandle;
use crate::job::Job;
use crate::job::completion::Completion;
use crate::job::file_task::FileTask;
use crate::job::poll_events::PollEvents;
use crate::job::target::NoBuffer;

impl<R: Send + 'static> Job<R> {
    /// Makes the file's data and metadata durable, like fsync(2): everything written by operations
    /// that had *completed* when this job was submitted.
    pub fn sync_all<F>(file: impl Into<FileHandle>, callback: F) -> Self
    where
        F: FnOnce(Completion<()>) -> R + Send + 'static,
    {
        let target = NoBuffer::of_sync();
        Self::from_task(FileTask::new(Operation::SyncAll, file.into(), target, 0, callback))
    }

    /// Makes the file's data durable, and the metadata that reading it needs, like fdatasync(2).
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
