//! The argument of a callback: the operation that was asked for, its result, and everything that
//! went into the job.

use std::error::Error;
use std::fmt;
use std::io;

use crate::buffer::IoBuf;
use crate::engine::operation::Operation;
use crate::file::FileHandle;
use crate::file::access::Access;
use crate::file::alignment::Alignment;
use crate::file::borrowed::BorrowedFile;
use crate::file::shown::Shown;

/// A job that has ended, as its callback gets it: the result, and everything that went in.
///
/// # Examples
///
/// ```
/// use std::fs::File;
/// use reapool::{Dispatcher, Job};
///
/// let dispatcher = Dispatcher::new()?;
/// let job = Job::read(File::open("Cargo.toml")?, vec![0; 512], 0, |done| match done.result {
///     Ok(count) => String::from_utf8_lossy(&done.buffer[..count]).into_owned(),
///     Err(error) => format!("at offset {}: {error}", done.offset),
/// });
/// assert!(dispatcher.spawn(job)?.join()?.starts_with("[package]"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// `B` is the type of the buffer, and `H` that of the file: a [`Job`](crate::Job) has a
/// [`FileHandle`], a [`ScopedJob`](crate::ScopedJob) a [`BorrowedFile`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Completion<B, H = FileHandle> {
    /// The operation that was asked for.
    pub operation: Operation,
    /// The way by which the data was read or written, or would have been; `None` for operations
    /// that transfer none, and for pipes, sockets and the like.
    pub access: Option<Access>,
    /// The file. Hand it to the next job on the same file, or drop it.
    pub file: H,
    /// The offset at which the operation began, in bytes.
    pub offset: u64,
    /// The number of bytes that were asked for; 0 for operations that transfer none.
    pub requested: usize,
    /// The buffer, or the buffers, as they were handed in.
    ///
    /// After a read of `n` bytes, buffers with a length of their own (`Vec<u8>`,
    /// [`AlignedBuf`](crate::AlignedBuf)) have the length `n`. After an error they are as long as
    /// before, and the contents of a read's buffer are unspecified. Only after an
    /// [exact](crate::Job::exact) read that failed they have the bytes that were read until then,
    /// and that length.
    pub buffer: B,
    /// The number of bytes that were transferred, also if `result` is an error; 0 for operations
    /// that transfer none.
    ///
    /// After an error only an exact job has more than 0 here. A write's bytes are counted when the
    /// kernel has taken them.
    pub transferred: usize,
    /// The number of bytes that were transferred, the events of a poll, or 0 after a sync.
    /// Otherwise the error that the kernel reported, at submission or at completion.
    ///
    /// Fewer bytes than requested are not an error: a read came to the end of the file, a device
    /// filled up, or the request was longer than the 0x7ffff000 bytes that Linux transfers at once
    /// (read(2), notes). For all or nothing make the job [exact](crate::Job::exact).
    ///
    /// `EINVAL` means that a direct file requires another alignment, or that this kind of file
    /// does not support the operation. Directories, for example, don't; without AIO they answer
    /// `EISDIR`.
    pub result: io::Result<usize>,
}

impl<B, H> Completion<B, H> {
    /// The count or the error in [`result`](Self::result). Both stay there, so that the completion
    /// can still be used.
    ///
    /// # Errors
    ///
    /// The error of `result`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::fs::File;
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let job = Job::read(File::open("Cargo.toml")?, vec![0; 512], 0, |done| match done.count() {
    ///     Ok(count) => format!("{count} bytes, the first is {}", done.buffer[0]),
    ///     Err(error) => format!("at offset {}: {error}", done.offset),
    /// });
    /// assert_eq!(dispatcher.run(job)?, "512 bytes, the first is 91");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn count(&self) -> Result<usize, &io::Error> {
        self.result.as_ref().copied()
    }

    /// Whether the operation succeeded with fewer bytes than were asked for.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, FileHandle, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = FileHandle::open_buffered("Cargo.toml")?;
    /// let job = Job::read(&file, vec![0; 100], file.size()? - 3, |done| done);
    /// let done = dispatcher.run(job)?;
    /// assert!(done.is_short() && !done.is_eof());
    /// assert_eq!((done.transferred, done.requested), (3, 100));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.operation.transfers() && self.result.is_ok() && self.transferred < self.requested
    }

    /// Whether a read asked for bytes and got none, because the file ends there.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, FileHandle, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = FileHandle::open_buffered("Cargo.toml")?;
    /// let end = file.size()?;
    /// for (offset, is_eof) in [(0, false), (end - 1, false), (end, true)] {
    ///     let job = Job::read(&file, vec![0; 100], offset, |done| done.is_eof());
    ///     assert_eq!(dispatcher.run(job)?, is_eof);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_eof(&self) -> bool {
        let ended = match &self.result {
            Ok(_) => true,
            Err(error) => error.kind() == io::ErrorKind::UnexpectedEof,
        };
        self.operation.reads() && self.requested > 0 && self.transferred == 0 && ended
    }

    fn success_of(
        self,
        file: impl FnOnce(&H) -> &FileHandle,
    ) -> Result<(usize, B), OperationError> {
        let file = file(&self.file);
        match self.result {
            Ok(count) => Ok((count, self.buffer)),
            Err(source) => Err(OperationError {
                operation: self.operation,
                requested: self.requested,
                transferred: self.transferred,
                offset: self.offset,
                direct: file.is_direct(),
                alignment: file.alignment(),
                path: file.path(),
                source,
            }),
        }
    }
}

impl<B> Completion<B> {
    /// Returns count and buffer, or an error with everything that a message to a person needs.
    ///
    /// # Errors
    ///
    /// If `result` is an error, an [`OperationError`] that names operation, length, offset and
    /// file. Buffer and file are dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::fs::File;
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let read_only = File::open("Cargo.toml")?;
    /// let job = Job::write(read_only, b"x".to_vec(), 0, |done| done.into_success().map(drop));
    /// let error = dispatcher.spawn(job)?.join()?.unwrap_err();
    /// assert!(error.to_string().starts_with("write of 1 bytes at offset 0 of "));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_success(self) -> Result<(usize, B), OperationError> {
        self.success_of(|file| file)
    }
}

impl<B> Completion<B, BorrowedFile<'_>> {
    /// Returns count and buffer, or an error with everything that a message to a person needs.
    ///
    /// # Errors
    ///
    /// If `result` is an error, an [`OperationError`] that names operation, length, offset and
    /// file. The buffer is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::error::Error;
    /// use reapool::{Dispatcher, ScopedJob};
    ///
    /// let (dispatcher, file) = (Dispatcher::new()?, std::fs::File::open("Cargo.toml")?);
    /// let mut head = [0; 9];
    /// let count = dispatcher.scope(|scope| {
    ///     let job = ScopedJob::read(&file, &mut head, 0, |done| {
    ///         done.into_success().map(|(count, _)| count)
    ///     });
    ///     Ok::<_, Box<dyn Error>>(scope.spawn(job)?.join()??)
    /// })??;
    /// assert_eq!((count, &head), (9, b"[package]"));
    /// # Ok::<(), Box<dyn Error>>(())
    /// ```
    pub fn into_success(self) -> Result<(usize, B), OperationError> {
        self.success_of(BorrowedFile::handle)
    }
}

impl<B: IoBuf, H> Completion<B, H> {
    /// The bytes that were transferred; of a [range](crate::Job::read_range) those of the range.
    /// There are none if the operation failed, unless it was [exact](crate::Job::exact) and did a
    /// part.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, FileHandle, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = FileHandle::open_buffered("Cargo.toml")?;
    /// // The length of a boxed array doesn't tell how much was read.
    /// let job = Job::read(&file, Box::new([0; 1 << 16]), 0, |done| {
    ///     done.data().iter().filter(|&&byte| byte == b'\n').count()
    /// });
    /// assert_eq!(dispatcher.run(job)?, std::fs::read_to_string("Cargo.toml")?.lines().count());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn data(&self) -> &[u8] {
        let bytes = self.buffer.as_bytes();
        &bytes[..self.transferred.min(bytes.len())]
    }
}

/// A failed operation: its kind, its place, and the kernel's reason.
///
/// It is shown as one line. Characters of the path that a terminal would obey, or that would end
/// the line, are escaped. `?` turns it into an [`io::Error`] of the same kind, which is shown in
/// the same way and has this error inside.
///
/// # Examples
///
/// ```
/// use std::io::{self, ErrorKind};
/// use reapool::{Dispatcher, FileHandle, Job};
///
/// let dispatcher = Dispatcher::new()?;
/// let file = FileHandle::open_buffered("Cargo.toml")?;
/// let job = Job::read(&file, vec![0; 1 << 16], 0, |done| done.into_success()).exact();
/// let error = dispatcher.run(job)?.unwrap_err();
/// assert_eq!((error.requested, error.transferred as u64), (1 << 16, file.size()?));
/// assert_eq!(error.path, Some(std::fs::canonicalize("Cargo.toml")?));
/// assert_eq!(io::Error::from(error).kind(), ErrorKind::UnexpectedEof);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct OperationError {
    /// The operation that was asked for.
    pub operation: Operation,
    /// The number of bytes that were asked for.
    pub requested: usize,
    /// The number of bytes that were transferred before it failed.
    pub transferred: usize,
    /// The offset at which the operation began, in bytes.
    pub offset: u64,
    /// Whether the file was opened with `O_DIRECT`.
    pub direct: bool,
    /// The alignment that transfers of the file need.
    pub alignment: Alignment,
    /// The file's path when the error was made, if `/proc` can tell.
    pub path: Option<std::path::PathBuf>,
    /// The kernel's error.
    pub source: io::Error,
}

impl fmt::Display for OperationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.operation)?;
        if self.operation.transfers() {
            write!(f, " of {} bytes at offset {}", self.requested, self.offset)?;
        }
        match &self.path {
            Some(path) => write!(f, " of {}", Shown(path))?,
            None => write!(f, " of a file without a name")?,
        }
        f.write_str(" failed")?;
        // The errors that don't come from the kernel name the count themselves.
        if self.transferred > 0 && self.source.raw_os_error().is_some() {
            write!(f, " after {} bytes", self.transferred)?;
        }
        write!(f, ": {}", self.source)?;
        if self.direct && self.source.raw_os_error() == Some(libc::EINVAL) {
            let Alignment { memory, offset } = self.alignment;
            write!(
                f,
                " (the file is open with O_DIRECT: offset and length must be multiples of \
                 {offset}, and the buffer's address of {memory})"
            )?;
        }
        Ok(())
    }
}

impl Error for OperationError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

impl From<OperationError> for io::Error {
    fn from(error: OperationError) -> Self {
        Self::new(error.source.kind(), error)
    }
}
