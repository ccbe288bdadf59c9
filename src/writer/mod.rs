//! A file to be written by pushing bytes at it: `Write` over writes that are behind the user.
//!
//! `filling` has the buffer that the user fills, and `streams/write_behind.rs` the writes.
//! `placement` is what becomes of the file at its end. `builder` opens a writer. `tasks` has the
//! traits of libraries for tasks.

pub(crate) mod builder;
mod filling;
pub(crate) mod placement;
#[cfg(any(feature = "futures-io", feature = "tokio"))]
mod tasks;

use std::fmt;
use std::fs::{FileTimes, Permissions};
use std::io::{self, Write};
use std::mem;
use std::task::{Context, Poll, ready};

use crate::file::FileHandle;
use crate::file::attributes::Attributes;
use crate::streams::user::{User, blocking};
use crate::writer::filling::Filling;
use crate::writer::placement::{Completion, Placement};

/// Writes a file in order, without waiting for each write.
///
/// Bytes are copied into buffers. Full ones go to the kernel, several at a time, while the user
/// produces the next. [`builder`](Self::builder) has its settings.
///
/// **Call [`finish`](Self::finish)**: it writes what is left, waits for all writes, and tells what
/// went wrong with any of them. A writer that is dropped before, also while a panic unwinds, leaves
/// the file as far as it got. If it was to [replace](crate::FileWriterBuilder::replace) another,
/// nothing is left of it, and the other is as it was.
/// [`flush`](Write::flush) waits for all writes, too, and the file may then be written on; with
/// direct I/O, it may have some zeros at its end until `finish`.
///
/// A write blocks while as many are under way as may be. [`poll_write`](Self::poll_write) and its
/// like are for tasks, and so is `AsyncWrite`: tokio's with the feature `tokio`, and that of the
/// crate futures with `futures-io`.
///
/// In a callback or in blocking work of its own dispatcher, what would have to wait is refused with
/// an error of the kind [`Deadlock`](io::ErrorKind::Deadlock), if all other threads of the
/// dispatcher that could complete the writes wait already. Nothing is lost by that: another thread
/// can go on from the [`position`](Self::position).
///
/// # Examples
///
/// ```
/// use std::io::Write;
/// use reapool::{Dispatcher, FileReader, FileWriter};
///
/// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
/// let path = directory.path().join("copy");
/// let mut writer = FileWriter::builder(&dispatcher).create(&path)?;
/// let mut reader = FileReader::builder(&dispatcher).open("Cargo.toml")?;
/// let bytes = std::io::copy(&mut reader, &mut writer)?;
/// assert_eq!(writer.finish()?, bytes);
/// assert_eq!(std::fs::read(path)?, std::fs::read("Cargo.toml")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A file is compressed beside itself, and the result has its name only when it is complete:
///
/// ```
/// use flate2::{Compression, write::GzEncoder};
/// use reapool::{Dispatcher, FileReader, FileWriter};
///
/// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
/// let path = directory.path().join("manifest.gz");
/// let mut reader = FileReader::builder(&dispatcher).open("Cargo.toml")?;
/// let writer = FileWriter::builder(&dispatcher).replace(&path)?;
/// let mut encoder = GzEncoder::new(writer, Compression::fast());
/// std::io::copy(&mut reader, &mut encoder)?;
/// let bytes = encoder.finish()?.finish()?;
/// assert_eq!(bytes, path.metadata()?.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// Those of the writes, such as a full device, a little later than the bytes were given. After the
/// first error of a write the file is lost, and each further call says so. A write that the kernel
/// cuts short goes on with the rest.
///
/// A direct file is made longer ahead of its writes, now and then, by the thread or task that gives
/// the bytes, which waits for ftruncate(2). A writer that is dropped cuts it to what was written; a
/// process that ends first leaves it longer, by up to as much again, and at least 16 MiB.
pub struct FileWriter {
    filling: Filling,
    /// `None` once a blocking thread has it.
    placement: Option<Placement>,
    attributes: Attributes,
    stage: Stage,
}

/// How far the end of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It is written on.
    Open,
    /// What is left is to be written.
    Ending,
    /// All writes are under way, or over.
    Written,
    /// A blocking thread completes the file.
    Completing,
    Finished,
}

impl FileWriter {
    fn new(filling: Filling, placement: Placement) -> Self {
        let (placement, attributes) = (Some(placement), Attributes::default());
        Self { filling, placement, attributes, stage: Stage::Open }
    }

    /// The file that is written.
    #[must_use]
    pub fn file(&self) -> &FileHandle {
        self.filling.file()
    }

    /// How many bytes were given.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Write;
    /// use reapool::{Dispatcher, FileWriter};
    ///
    /// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
    /// let path = directory.path().join("records");
    /// let mut writer = FileWriter::builder(&dispatcher).create(&path)?;
    /// let mut offsets = Vec::new();
    /// for record in ["one", "three", "five"] {
    ///     offsets.push(writer.position());
    ///     writer.write_all(record.as_bytes())?;
    /// }
    /// writer.finish()?;
    /// assert_eq!(offsets, [0, 3, 8]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn position(&self) -> u64 {
        self.filling.position()
    }

    /// The permissions that the file gets when it is [finished](Self::finish), before it is synced
    /// or has its name. The umask is not taken from them, and they go before those of a file that
    /// is replaced.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::fs::{self, Permissions};
    /// use std::io::Write;
    /// use std::os::unix::fs::PermissionsExt;
    /// use reapool::{Dispatcher, FileWriter};
    ///
    /// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
    /// let path = directory.path().join("script");
    /// let mut writer = FileWriter::builder(&dispatcher).replace(&path)?;
    /// writer.write_all(b"#!/bin/sh\n")?;
    /// writer.set_permissions(Permissions::from_mode(0o700));
    /// writer.finish()?;
    /// assert_eq!(fs::metadata(path)?.permissions().mode() & 0o777, 0o700);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_permissions(&mut self, permissions: Permissions) {
        self.attributes.set_permissions(permissions);
    }

    /// The times that the file gets when it is [finished](Self::finish), before it is synced or has
    /// its name: any write after they were set would change them.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::fs::{self, FileTimes};
    /// use std::io::Write;
    /// use reapool::{Dispatcher, FileWriter};
    ///
    /// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
    /// let path = directory.path().join("copy");
    /// let source = fs::metadata("Cargo.toml")?;
    /// let mut writer = FileWriter::builder(&dispatcher).replace(&path)?;
    /// writer.set_permissions(source.permissions());
    /// writer.set_times(FileTimes::new().set_modified(source.modified()?));
    /// writer.write_all(&fs::read("Cargo.toml")?)?;
    /// writer.finish()?;
    /// assert_eq!(fs::metadata(path)?.modified()?, source.modified()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_times(&mut self, times: FileTimes) {
        self.attributes.set_times(times);
    }

    /// Writes what is left, waits until all is written, and completes the file as its settings say.
    /// Returns the number of bytes that were given.
    ///
    /// From the first call on, nothing more can be written. After an error of the kind
    /// [`Deadlock`](io::ErrorKind::Deadlock) it can be called again, on another thread. When it has
    /// succeeded, further calls return the same.
    ///
    /// # Errors
    ///
    /// As for [writes](FileWriter#errors), and those of ftruncate(2), fsync(2) and rename(2).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Write;
    /// use reapool::{Dispatcher, FileWriter};
    ///
    /// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
    /// let path = directory.path().join("hello");
    /// let mut writer = FileWriter::builder(&dispatcher).create(&path)?;
    /// writer.write_all(b"hello")?;
    /// assert_eq!(writer.finish()?, 5);
    /// assert_eq!(path.metadata()?.len(), 5);
    /// assert!(writer.write_all(b" again").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn finish(&mut self) -> io::Result<u64> {
        blocking(self.poll_finish_as(User::Thread))
    }

    /// As [`write`](Write::write), but for tasks: instead of blocking, it has the task woken when
    /// there is room.
    ///
    /// # Errors
    ///
    /// As for [writes](FileWriter#errors).
    pub fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check_open()?;
        self.filling.poll_write(User::Task(context.waker()), bytes)
    }

    /// As [`flush`](Write::flush), but for tasks.
    ///
    /// # Errors
    ///
    /// As for [writes](FileWriter#errors).
    pub fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check_open()?;
        self.filling.poll_flush(User::Task(context.waker()))
    }

    /// As [`finish`](Self::finish), but for tasks.
    ///
    /// # Errors
    ///
    /// As for `finish`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::poll_fn;
    /// use reapool::{Dispatcher, FileWriter};
    ///
    /// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
    /// let path = directory.path().join("hello");
    /// let mut writer = FileWriter::builder(&dispatcher).create(&path)?;
    /// futures::executor::block_on(async {
    ///     let count = poll_fn(|context| writer.poll_write(context, b"hello")).await?;
    ///     assert_eq!(count, 5);
    ///     poll_fn(|context| writer.poll_finish(context)).await
    /// })?;
    /// assert_eq!(std::fs::read(path)?, b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn poll_finish(&mut self, context: &mut Context<'_>) -> Poll<io::Result<u64>> {
        self.poll_finish_as(User::Task(context.waker()))
    }

    fn poll_finish_as(&mut self, user: User<'_>) -> Poll<io::Result<u64>> {
        if self.stage == Stage::Open {
            self.stage = Stage::Ending;
        }
        if self.stage == Stage::Ending {
            ready!(self.filling.poll_end(user))?;
            self.stage = Stage::Written;
        }
        if self.stage == Stage::Written {
            ready!(self.filling.writes().poll_under_way(0, user))?;
            self.begin_completing(user)?;
            self.stage = Stage::Completing;
        }
        ready!(self.filling.writes().poll_under_way(0, user))?;
        self.stage = Stage::Finished;
        Poll::Ready(Ok(self.position()))
    }

    /// Completes the file here if the calling thread may block, else on a blocking thread.
    fn begin_completing(&mut self, user: User<'_>) -> io::Result<()> {
        let Some(completion) = self.take_completion() else { return Ok(()) };
        let writes = self.filling.writes();
        if writes.is_best_done_by(user) {
            return writes.work_here(|_| completion.carry_out());
        }
        writes.begin_work(|_| completion.carry_out());
        Ok(())
    }

    /// What is to be done when all is written, for the first who asks.
    fn take_completion(&mut self) -> Option<Completion> {
        Some(Completion {
            placement: self.placement.take()?,
            file: self.file().clone(),
            len: self.filling.len_to_set(),
            attributes: mem::take(&mut self.attributes),
        })
    }

    /// The end of the file, when all of it is written. The caller carries it out.
    pub(crate) fn poll_completion(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Completion>> {
        ready!(self.filling.writes().poll_under_way(0, User::Task(context.waker())))?;
        self.stage = Stage::Finished;
        let completion = self.take_completion();
        Poll::Ready(completion.ok_or_else(|| io::Error::other("it was carried out before")))
    }

    /// Begins to finish the file: what is left is written, on the calling thread if it may block
    /// and nothing else is under way.
    pub(crate) fn write_rest(&mut self) -> io::Result<()> {
        self.stage = Stage::Ending;
        blocking(self.filling.poll_end(User::Thread))?;
        self.stage = Stage::Written;
        Ok(())
    }

    fn check_open(&self) -> io::Result<()> {
        if self.stage == Stage::Open {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::InvalidInput, "the writer has been told to finish"))
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        if let Some(Placement::Open(_)) = self.placement {
            self.filling.give_up();
        }
    }
}

impl Write for FileWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check_open()?;
        blocking(self.filling.poll_write(User::Thread, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.check_open()?;
        blocking(self.filling.poll_flush(User::Thread))
    }
}

impl fmt::Debug for FileWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileWriter")
            .field("file", self.file())
            .field("position", &self.position())
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}
