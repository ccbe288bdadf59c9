//! A file that a scoped job borrows.
//!
//! Safety: the handle inside may keep nothing open, so it is never given out without the lifetime
//! of the borrow.

#![expect(unsafe_code, reason = "keeps a descriptor's number for as long as it is borrowed")]

use std::fs::File;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::file::alignment::Alignment;
use crate::file::handle::FileHandle;
use crate::file::owner::FileOwner;

/// A borrowed file for [`ScopedJob`](crate::ScopedJob)s, as [`FileHandle`] is for jobs.
///
/// It is made from a `&File`, a `&OwnedFd`, a `BorrowedFd`, or [any type that is
/// `AsFd`](Self::new), with the system calls and the allocation that a `FileHandle` takes. From a
/// `FileHandle`, or a reference to one, it costs next to nothing. For many jobs on one file, make
/// it once and pass references or clones.
///
/// # Examples
///
/// ```
/// use std::fs::File;
/// use reapool::{BorrowedFile, Dispatcher, ScopedJob};
///
/// let (dispatcher, manifest) = (Dispatcher::new()?, File::open("Cargo.toml")?);
/// let file = BorrowedFile::from(&manifest);
/// let mut buffer = [0; 18];
/// dispatcher.scope(|scope| {
///     for (number, bytes) in buffer.chunks_mut(9).enumerate() {
///         scope.submit(ScopedJob::read(&file, bytes, 9 * number as u64, |_| ()))?;
///     }
///     Ok::<(), reapool::Refusal>(())
/// })??;
/// assert_eq!(&buffer, b"[package]\nname = \"");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct BorrowedFile<'a> {
    handle: FileHandle,
    open: PhantomData<BorrowedFd<'a>>,
}

impl<'a> BorrowedFile<'a> {
    /// Borrows a file from any type that is `AsFd`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Write;
    /// use reapool::{BorrowedFile, Dispatcher, Refusal, ScopedJob};
    ///
    /// let (dispatcher, mut temporary) = (Dispatcher::new()?, tempfile::NamedTempFile::new()?);
    /// temporary.write_all(b"hello")?;
    /// let file = BorrowedFile::new(&temporary);
    /// let mut buffer = [0; 5];
    /// dispatcher.scope(|scope| {
    ///     scope.submit(ScopedJob::read(&file, &mut buffer, 0, |_| ()))?;
    ///     Ok::<(), Refusal>(())
    /// })??;
    /// assert_eq!(&buffer, b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(file: &'a impl AsFd) -> Self {
        Self::from(file.as_fd())
    }

    /// Whether the file was open with `O_DIRECT` when this was made.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        self.handle.is_direct()
    }

    /// The alignment that transfers of this file need; see [`FileHandle::alignment`].
    #[must_use]
    pub fn alignment(&self) -> Alignment {
        self.handle.alignment()
    }

    pub(crate) fn handle(&self) -> &FileHandle {
        &self.handle
    }
}

impl FileOwner for BorrowedFile<'_> {
    fn handle(&self) -> &FileHandle {
        &self.handle
    }
}

impl AsFd for BorrowedFile<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

impl<'a> From<BorrowedFd<'a>> for BorrowedFile<'a> {
    fn from(fd: BorrowedFd<'a>) -> Self {
        // SAFETY: the handle and its clones stay inside values of this type and in jobs made with
        // these, all of which have the borrow's lifetime in their types. A scope hides this
        // lifetime of its jobs, but ends them all before the borrow ends.
        let handle = unsafe { FileHandle::of_borrowed(fd) };
        Self { handle, open: PhantomData }
    }
}

impl<'a> From<&'a File> for BorrowedFile<'a> {
    fn from(file: &'a File) -> Self {
        Self::from(file.as_fd())
    }
}

impl<'a> From<&'a OwnedFd> for BorrowedFile<'a> {
    fn from(fd: &'a OwnedFd) -> Self {
        Self::from(fd.as_fd())
    }
}

/// Shares the handle and borrows nothing.
impl From<FileHandle> for BorrowedFile<'_> {
    fn from(handle: FileHandle) -> Self {
        Self { handle, open: PhantomData }
    }
}

/// Shares the handle and borrows nothing.
impl From<&FileHandle> for BorrowedFile<'_> {
    fn from(handle: &FileHandle) -> Self {
        Self::from(handle.clone())
    }
}

impl<'a> From<&BorrowedFile<'a>> for BorrowedFile<'a> {
    fn from(file: &BorrowedFile<'a>) -> Self {
        file.clone()
    }
}
