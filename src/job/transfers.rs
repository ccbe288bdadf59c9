//! Jobs that read and write.

use crate::buffer::{IoBuf, IoBufMut};
use crate::engine::operation::Operation;
use crate::file::FileHandle;
use crate::job::Job;
use crate::job::completion::Completion;
use crate::job::file_task::FileTask;
use crate::job::ranged::Ranged;
use crate::job::target::{ReadInto, ReadIntoEach, WriteFrom, WriteFromEach};

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
    /// terminals are never waited for, as with [`read`](Self::read).
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
}
