//! Operations for tasks: each makes a job whose callback only passes on result and buffer.

use crate::buffer::{IoBuf, IoBufMut};
use crate::file::FileHandle;
use crate::job::Job;
use crate::job::completion::Completion;
use crate::job::poll_events::PollEvents;
use crate::job::ranged::Ranged;
use crate::submit::Submitter;
use crate::submit::io_future::{Io, IoFuture};

/// The callback of these jobs.
fn outcome<B>(done: Completion<B>) -> Io<B> {
    (done.result, done.buffer)
}

impl Submitter {
    /// Reads for a task: [`Job::read`], with a future of result and buffer instead of a callback.
    ///
    /// # Examples
    ///
    /// Two reads at the same time:
    ///
    /// ```
    /// use futures::executor::block_on;
    /// use futures::future::join;
    /// use reapool::{Dispatcher, FileHandle};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let submitter = dispatcher.submitter();
    /// let file = FileHandle::open_buffered("Cargo.toml")?;
    /// let read = |offset| submitter.read(&file, vec![0; 512], offset);
    /// let ((first, _), (second, _)) = block_on(join(read(0), read(512)));
    /// assert_eq!(first? + second?, 1024);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read<B>(&self, file: impl Into<FileHandle>, buffer: B, offset: u64) -> IoFuture<B>
    where
        B: IoBufMut,
    {
        IoFuture::new(self, Job::read(file, buffer, offset, outcome))
    }

    /// Reads `len` bytes from anywhere for a task: [`Job::read_range`], with a future of the result
    /// and the bytes, in their buffer, instead of a callback.
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
    /// let range = dispatcher.submitter().read_range(&file, buffer, 1, 7).exact();
    /// let (result, bytes) = futures::executor::block_on(range);
    /// assert_eq!((result?, &*bytes), (7, &b"package"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read_range<B: IoBufMut>(
        &self,
        file: impl Into<FileHandle>,
        buffer: B,
        offset: u64,
        len: usize,
    ) -> IoFuture<Ranged<B>> {
        IoFuture::new(self, Job::read_range(file, buffer, offset, len, outcome))
    }

    /// Reads into several buffers for a task: [`Job::read_vectored`], with a future of result and
    /// buffers instead of a callback.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, FileHandle};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = FileHandle::open_buffered("Cargo.toml")?;
    /// let read = dispatcher.submitter().read_vectored(&file, vec![vec![0; 1], vec![0; 7]], 0);
    /// let (result, buffers) = futures::executor::block_on(read);
    /// assert_eq!((result?, &*buffers[1]), (8, &b"package"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read_vectored<B: IoBufMut>(
        &self,
        file: impl Into<FileHandle>,
        buffers: Vec<B>,
        offset: u64,
    ) -> IoFuture<Vec<B>> {
        IoFuture::new(self, Job::read_vectored(file, buffers, offset, outcome))
    }

    /// Writes for a task: [`Job::write`], with a future of result and buffer instead of a callback.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::Dispatcher;
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = reapool::FileHandle::from(tempfile::tempfile()?);
    /// futures::executor::block_on(async {
    ///     let submitter = dispatcher.submitter();
    ///     let (written, _) = submitter.write(&file, b"a line\n".to_vec(), 0).exact().await;
    ///     written?;
    ///     submitter.sync_data(&file).await.0
    /// })?;
    /// assert_eq!(file.size()?, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write<B>(&self, file: impl Into<FileHandle>, buffer: B, offset: u64) -> IoFuture<B>
    where
        B: IoBuf,
    {
        IoFuture::new(self, Job::write(file, buffer, offset, outcome))
    }

    /// Writes several buffers for a task: [`Job::write_vectored`], with a future of result and
    /// buffers instead of a callback.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Read;
    /// use std::sync::Arc;
    /// use reapool::Dispatcher;
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = Arc::new(tempfile::tempfile()?);
    /// let parts = vec!["a head, ", "a body"];
    /// let write = dispatcher.submitter().write_vectored(&file, parts, 0).exact();
    /// let (result, _) = futures::executor::block_on(write);
    /// result?;
    /// let mut text = String::new();
    /// (&*file).read_to_string(&mut text)?;
    /// assert_eq!(text, "a head, a body");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_vectored<B: IoBuf>(
        &self,
        file: impl Into<FileHandle>,
        buffers: Vec<B>,
        offset: u64,
    ) -> IoFuture<Vec<B>> {
        IoFuture::new(self, Job::write_vectored(file, buffers, offset, outcome))
    }

    /// Makes data and metadata durable for a task: [`Job::sync_all`], with a future of the result
    /// instead of a callback.
    ///
    /// # Examples
    ///
    /// What a name stands for is durable before it has the name:
    ///
    /// ```
    /// use std::fs::{self, File};
    /// use reapool::{Dispatcher, FileHandle};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let directory = tempfile::tempdir()?;
    /// let (new, settings) = (directory.path().join("new"), directory.path().join("settings"));
    /// let file = FileHandle::from(File::create(&new)?);
    /// futures::executor::block_on(async {
    ///     let submitter = dispatcher.submitter();
    ///     submitter.write(&file, "color = on\n", 0).exact().await.0?;
    ///     submitter.sync_all(&file).await.0
    /// })?;
    /// fs::rename(new, &settings)?;
    /// assert_eq!(fs::read(settings)?, b"color = on\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sync_all(&self, file: impl Into<FileHandle>) -> IoFuture<()> {
        IoFuture::new(self, Job::sync_all(file, outcome))
    }

    /// Makes data durable for a task: [`Job::sync_data`], with a future of the result instead of a
    /// callback.
    ///
    /// # Examples
    ///
    /// One for several writes:
    ///
    /// ```
    /// use futures::executor::block_on;
    /// use futures::future::join;
    /// use reapool::{Dispatcher, FileHandle};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = FileHandle::from(tempfile::tempfile()?);
    /// block_on(async {
    ///     let submitter = dispatcher.submitter();
    ///     let write = |line, offset| submitter.write(&file, line, offset).exact();
    ///     let (first, second) = join(write("one\n", 0), write("two\n", 4)).await;
    ///     first.0.and(second.0)?;
    ///     submitter.sync_data(&file).await.0
    /// })?;
    /// assert_eq!(file.size()?, 8);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sync_data(&self, file: impl Into<FileHandle>) -> IoFuture<()> {
        IoFuture::new(self, Job::sync_data(file, outcome))
    }

    /// Waits for readiness for a task: [`Job::poll`], with a future of the result instead of a
    /// callback. If the future is dropped before, the poll is cancelled.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{self, Write};
    /// use std::os::fd::OwnedFd;
    /// use reapool::{Dispatcher, FileHandle, PollEvents};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let (reader, mut writer) = io::pipe()?;
    /// let pipe = FileHandle::from(OwnedFd::from(reader));
    /// let news = dispatcher.submitter().poll(&pipe, PollEvents::READABLE);
    /// writer.write_all(b"something")?;
    /// let (result, ()) = futures::executor::block_on(news);
    /// assert!(PollEvents::from_result(result?).contains(PollEvents::READABLE));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn poll(&self, file: impl Into<FileHandle>, events: PollEvents) -> IoFuture<()> {
        IoFuture::new(self, Job::poll(file, events, outcome))
    }
}
