//! Opening files for direct I/O, for reads through the page cache, or for the best that there is.

use std::error::Error;
use std::ffi::c_int;
use std::fmt;
use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::file::filesystem::{Storage, ask_storage};
use crate::file::handle::{DirectPart, FileHandle};
use crate::file::history::ReadHistory;
use crate::file::metadata::{DirectIo, FileKind, Metadata};
use crate::file::residency::CacheLook;
use crate::file::shown::Shown;
use crate::sys::descriptor::{set_status_flags, status_flags};

impl FileHandle {
    /// Opens a file for reading with `O_DIRECT`, so that reads of it are asynchronous.
    ///
    /// # Errors
    ///
    /// [`OpenError`] with errors of open(2), such as `EINVAL` if the file system has no direct I/O.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use reapool::{AlignedBuf, FileHandle, Job};
    ///
    /// let file = FileHandle::open_direct("/var/lib/data.bin")?;
    /// let job = Job::read(file, AlignedBuf::zeroed(1 << 20), 0, |done| drop(done));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn open_direct(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        open(path, libc::O_DIRECT).map_err(|source| OpenError::new(path, source))
    }

    /// Opens a file for reading: with `O_DIRECT` if its file system has direct I/O, else through
    /// the page cache. [`is_direct`](Self::is_direct) tells which it was.
    ///
    /// # Errors
    ///
    /// [`OpenError`] with errors of open(2), except the `EINVAL` by which a file system refuses
    /// direct I/O.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::FileHandle;
    ///
    /// let file = FileHandle::open_direct_or_buffered("/proc/version")?;
    /// assert!(!file.is_direct());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn open_direct_or_buffered(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let opened = match open(path, libc::O_DIRECT) {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => open(path, 0),
            other => other,
        };
        opened.map_err(|source| OpenError::new(path, source))
    }

    /// Opens a file for reading through the page cache. This is right for data that is cached
    /// already, or will soon be read again.
    ///
    /// # Errors
    ///
    /// [`OpenError`] with errors of open(2).
    ///
    /// # Examples
    ///
    /// ```
    /// let file = reapool::FileHandle::open_buffered("Cargo.toml")?;
    /// assert!(file.is_buffered() && !file.is_direct());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn open_buffered(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        open(path, 0).map_err(|source| OpenError::new(path, source))
    }

    /// Opens a file for reading, each read by the way that suits it: what is in the page cache is
    /// copied from there, and the rest is read with `O_DIRECT`, past the page cache.
    /// [`Completion::access`](crate::Completion::access) tells which way it was.
    ///
    /// A read goes the direct way if offset, length and buffer have the file's
    /// [`alignment`](Self::alignment), as those of [`Job::read_range`](crate::Job::read_range)
    /// always have. Others wait for the page cache, on a blocking thread. So no read fails for its
    /// alignment.
    ///
    /// The handle has two descriptors. It has one, and is not
    /// [automatic](Self::is_automatic), where direct reads can't be had: on a file system without
    /// direct I/O or in memory, or where `/proc` is not mounted, through which the file is opened
    /// once more. Then all reads go through the page cache.
    ///
    /// Since Linux 6.15, the kernel tells only the owner of a file, and who may write it, what of
    /// it is cached. For other files, before Linux 6.5, and on an overlay, a read that is not
    /// cached may bring some pages of its range into the page cache, as that has to be tried.
    ///
    /// # Errors
    ///
    /// [`OpenError`] with errors of open(2).
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Access, AlignedBuf, Dispatcher, FileHandle, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = FileHandle::open_automatic("Cargo.toml")?;
    /// let span = file.span(1, 7);
    /// let buffer = AlignedBuf::zeroed((span.end - span.start) as usize);
    /// let job = Job::read_range(file, buffer, 1, 7, |done| (done.access, done.into_success()));
    /// let (access, success) = dispatcher.spawn(job)?.join()?;
    /// assert_eq!(&*success?.1, b"package");
    /// assert!(matches!(access, Some(Access::Cached | Access::Direct | Access::Buffered)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_automatic(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        open_both(path, None).map_err(|source| OpenError::new(path, source))
    }

    /// Takes over a descriptor that this crate has opened, so that its flags and metadata are
    /// known. It only asks the kernel whether a character device is a terminal. Pipes and the like
    /// are taken to be open without `O_NONBLOCK`.
    pub(crate) fn opened(fd: OwnedFd, direct: bool, metadata: &Metadata) -> Self {
        let raw = fd.as_raw_fd();
        let flags = if direct { libc::O_DIRECT } else { 0 };
        Self::assemble(fd, raw, flags, (metadata.kind, metadata.direct_io))
    }

    /// Switches `O_DIRECT` of the open file on or off, with two system calls. Other handles to the
    /// open file would not notice, so this is for a file that has no other users.
    ///
    /// Fails with `EINVAL` if the file system has no direct I/O.
    pub(crate) fn with_direct(&self, direct: bool) -> io::Result<Self> {
        let flags = status_flags(self.as_fd())?;
        let wanted = if direct { flags | libc::O_DIRECT } else { flags & !libc::O_DIRECT };
        if wanted != flags {
            set_status_flags(self.as_fd(), wanted)?;
        }
        Ok(self.switched(direct))
    }
}

/// A file that could not be opened.
///
/// It is shown as one line, with the path, in which characters are escaped that a terminal would
/// obey. `?` turns it into an [`io::Error`] of the same kind, which is shown in the same way and
/// has this error inside.
///
/// # Examples
///
/// ```
/// let error = reapool::FileHandle::open_buffered("no/such/file").unwrap_err();
/// assert_eq!(error.source.kind(), std::io::ErrorKind::NotFound);
/// assert!(error.to_string().starts_with("open of no/such/file failed: No such file"));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct OpenError {
    /// The path, as it was given.
    pub path: PathBuf,
    /// The error of open(2), or of statx(2), by which the file is asked what it is.
    pub source: io::Error,
}

impl OpenError {
    fn new(path: &Path, source: io::Error) -> Self {
        Self { path: path.to_owned(), source }
    }

    /// The kind of the system's error.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }

    /// The number of the system's error, such as `EINVAL`.
    #[must_use]
    pub fn raw_os_error(&self) -> Option<i32> {
        self.source.raw_os_error()
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "open of {} failed: {}", Shown(&self.path), self.source)
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

impl From<OpenError> for io::Error {
    fn from(error: OpenError) -> Self {
        Self::new(error.kind(), error)
    }
}

/// Opens a file for reading, with further flags of open(2).
fn open(path: &Path, flags: c_int) -> io::Result<FileHandle> {
    let fd = OwnedFd::from(OpenOptions::new().read(true).custom_flags(flags).open(path)?);
    let metadata = Metadata::of(fd.as_fd())?;
    Ok(FileHandle::opened(fd, flags & libc::O_DIRECT != 0, &metadata))
}

impl ReadHistory {
    /// Opens a file as [`FileHandle::open_automatic`] does. What is read of it is remembered here.
    ///
    /// # Errors
    ///
    /// As for `open_automatic`.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<FileHandle, OpenError> {
        let path = path.as_ref();
        open_both(path, Some(self.clone())).map_err(|source| OpenError::new(path, source))
    }
}

/// Opens a file for reading, twice if direct reads can be had.
fn open_both(path: &Path, history: Option<ReadHistory>) -> io::Result<FileHandle> {
    let fd = OwnedFd::from(OpenOptions::new().read(true).open(path)?);
    let metadata = Metadata::of(fd.as_fd())?;
    let storage = ask_storage(fd.as_fd()).unwrap_or_default();
    let can_be_direct = matches!(metadata.kind, FileKind::Regular | FileKind::BlockDevice)
        && metadata.direct_io != DirectIo::Unsupported
        && storage != Storage::Memory;
    let direct = if can_be_direct { open_again(fd.as_fd())? } else { None };
    let history = history.map(|history| (history, metadata.id()));
    let buffered = fd.as_raw_fd();
    let direct = direct.map(|fd| DirectPart { fd, buffered, history });
    let look = CacheLook::before_direct_reads(storage);
    let (raw, facts) = (fd.as_raw_fd(), (metadata.kind, metadata.direct_io));
    let direct = direct.map(|direct| (direct, look));
    Ok(FileHandle::with_direct_part(fd, raw, 0, facts, direct))
}

/// Opens the same file with `O_DIRECT`, whatever its path leads to by now. `None` if that can't be
/// had.
fn open_again(file: BorrowedFd<'_>) -> io::Result<Option<OwnedFd>> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    match OpenOptions::new().read(true).custom_flags(libc::O_DIRECT).open(path) {
        Ok(direct) => Ok(Some(OwnedFd::from(direct))),
        Err(error) => match error.raw_os_error() {
            // No descriptor is left, which would not be noticed otherwise.
            Some(libc::EMFILE | libc::ENFILE) => Err(error),
            _ => Ok(None),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::{AsFd, OwnedFd};

    use crate::file::alignment::Alignment;
    use crate::file::handle::FileHandle;
    use crate::file::metadata::Metadata;
    use crate::sys::descriptor::status_flags;

    /// In the crate's directory, as the system's directory for temporary files may have no direct
    /// I/O.
    fn file() -> (tempfile::TempDir, OwnedFd) {
        let directory = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let file = File::create_new(directory.path().join("file")).unwrap();
        (directory, OwnedFd::from(file))
    }

    #[test]
    fn direct_io_is_switched_on_and_off() {
        let (_directory, fd) = file();
        let metadata = Metadata::of(fd.as_fd()).unwrap();
        let buffered = FileHandle::opened(fd, false, &metadata);
        let is_set = || status_flags(buffered.as_fd()).unwrap() & libc::O_DIRECT != 0;
        assert!(!is_set() && buffered.is_buffered() && buffered.alignment() == Alignment::NONE);

        let direct = buffered.with_direct(true).unwrap();
        assert!(is_set() && direct.is_direct() && !direct.is_buffered());
        assert!(direct.alignment().offset >= 512);
        assert!(direct.with_direct(true).unwrap().is_direct());

        let again = direct.with_direct(false).unwrap();
        assert!(!is_set() && !again.is_direct() && again.is_buffered());
        // All are the same open file, which lives as long as one of them.
        drop((buffered, direct));
        assert!(status_flags(again.as_fd()).is_ok());
    }

    #[test]
    fn what_has_no_direct_io_stays_as_it_was() {
        let file = FileHandle::open_buffered("/proc/version").unwrap();
        let error = file.with_direct(true).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
        assert_eq!(status_flags(file.as_fd()).unwrap() & libc::O_DIRECT, 0);
    }

    #[test]
    fn a_handle_is_small() {
        assert!(size_of::<FileHandle>() <= 24, "each job has one");
    }
}
