//! What a callback is given: the operation that was asked for, and what became of it.

use std::error::Error;
use std::fmt;
use std::io;

use crate::buffer::IoBuf;
use crate::engine::operation::Operation;
use crate::file::FileHandle;
use crate::file::borrowed::BorrowedFile;
use crate::file::shown::Shown;

/// A job that the kernel is done with, as its callback gets it: everything that went in comes back.
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
/// `B` is the type of the buffer, and `H` how the job had its file: [`Job`](crate::Job) has a
/// [`FileHandle`], [`ScopedJob`](crate::ScopedJob) a [`BorrowedFile`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Completion<B, H = FileHandle> {
    /// What was asked for.
    pub operation: Operation,
    /// The file; hand it to the next job on the same file, or drop it.
    pub file: H,
    /// The offset in bytes at which the operation began.
    pub offset: u64,
    /// How many bytes were asked for; 0 where none are transferred.
    pub requested: usize,
    /// The buffer, or the buffers, as they were handed in. After a read of `n` bytes, buffers with
    /// a length of their own (`Vec<u8>`, [`AlignedBuf`](crate::AlignedBuf)) have the length `n`.
    /// After an error they are as long as before, and what a read may have put into that length
    /// is unspecified; but after an [exact](crate::Job::exact) read that failed they have what
    /// was read until then, and that length.
    pub buffer: B,
    /// How many bytes were transferred, also if `result` is an error; 0 where none are.
    ///
    /// Only of an exact job it is more than 0 after an error. A write's bytes are counted when the
    /// kernel has taken them.
    pub transferred: usize,
    /// How many bytes were transferred, or the events of a poll, or 0 after a sync; or what the
    /// kernel reported, at submission or at completion.
    ///
    /// Fewer bytes than requested are not an error: a read came to the end of the file, a device
    /// filled up, or the request was longer than the 0x7ffff000 bytes that Linux transfers at once
    /// (read(2), notes). Whoever wants all or nothing asks for [exact](crate::Job::exact) transfers.
    ///
    /// `EINVAL` says that a direct file wants other alignment, or that this kind of file knows no
    /// such operation, as directories don't (`EISDIR` without AIO).
    pub result: io::Result<usize>,
}

impl<B, H> Completion<B, H> {
    /// Whether the operation succeeded with fewer bytes than were asked for.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.operation.transfers() && self.result.is_ok() && self.transferred < self.requested
    }

    /// Whether a read that asked for something got nothing: the end of the file.
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
                path: file.path(),
                source,
            }),
        }
    }
}

impl<B> Completion<B> {
    /// Splits off a failure, with everything that a message to a person needs.
    ///
    /// # Errors
    ///
    /// If `result` is an error, an [`OperationError`] that names operation, length, offset and
    /// file; buffer and file are dropped.
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
    /// Splits off a failure, with everything that a message to a person needs.
    ///
    /// # Errors
    ///
    /// If `result` is an error, an [`OperationError`] that names operation, length, offset and
    /// file; the buffer is given up.
    pub fn into_success(self) -> Result<(usize, B), OperationError> {
        self.success_of(BorrowedFile::handle)
    }
}

impl<B: IoBuf, H> Completion<B, H> {
    /// The bytes that were transferred; none if the operation failed, unless it was
    /// [exact](crate::Job::exact) and came a part of the way.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        let bytes = self.buffer.as_bytes();
        &bytes[..self.transferred.min(bytes.len())]
    }
}

/// A failed operation: what was tried, where, and the kernel's reason.
///
/// Shown, it is one line: what in the path's name a terminal would obey, or would end the line, is
/// escaped.
#[derive(Debug)]
#[non_exhaustive]
pub struct OperationError {
    /// What was asked for.
    pub operation: Operation,
    /// How many bytes.
    pub requested: usize,
    /// How many of them were transferred before it failed.
    pub transferred: usize,
    /// From which offset, in bytes.
    pub offset: u64,
    /// Whether the file was opened with `O_DIRECT`.
    pub direct: bool,
    /// The file's path when the error was made, where `/proc` can tell.
    pub path: Option<std::path::PathBuf>,
    /// What the kernel said.
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
        // The errors that don't come from the kernel say it themselves.
        if self.transferred > 0 && self.source.raw_os_error().is_some() {
            write!(f, " after {} bytes", self.transferred)?;
        }
        write!(f, ": {}", self.source)?;
        if self.direct && self.source.raw_os_error() == Some(libc::EINVAL) {
            write!(
                f,
                " (the file is open with O_DIRECT: offset, length and buffer address must be \
                 multiples of its block size, 4096 to be safe)"
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
