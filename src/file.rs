//! A file that a job keeps open: a descriptor and whatever owns it.
//!
//! Safety: the descriptor is taken from the owner once and used as long as the owner is kept.

#![expect(unsafe_code, reason = "asks the kernel about a descriptor, and lends it out")]

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A cheaply cloneable handle to something with a file descriptor; jobs hold one, so that the
/// descriptor can't be closed, and its number not reused, before they have ended.
///
/// Made from a `File`, an `OwnedFd`, or an `Arc` (owned or borrowed) of anything that is `AsFd`.
/// Making one asks the kernel twice what kind of file it is; for many jobs on one file, make it
/// once and clone it.
///
/// # Examples
///
/// ```
/// use std::fs::File;
/// use std::sync::Arc;
/// use reapool::FileHandle;
///
/// let shared = Arc::new(File::open("Cargo.toml")?);
/// let from_shared = FileHandle::from(&shared);
/// let from_owned = FileHandle::from(File::open("Cargo.toml")?);
/// assert!(!from_shared.is_direct() && !from_owned.is_direct());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct FileHandle {
    fd: RawFd,
    direct: bool,
    buffered: bool,
    stream: bool,
    /// Keeps `fd` open.
    owner: Arc<dyn Send + Sync>,
}

impl FileHandle {
    /// Opens a file for reading with `O_DIRECT`, so that reads of it are asynchronous.
    ///
    /// # Errors
    ///
    /// What open(2) says; `EINVAL` if the file system has no direct I/O.
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
    pub fn open_direct(path: impl AsRef<Path>) -> io::Result<Self> {
        OpenOptions::new().read(true).custom_flags(libc::O_DIRECT).open(path).map(Self::from)
    }

    /// Whether the file was open with `O_DIRECT` when this handle was made.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        self.direct
    }

    /// Whether reads and writes of this file go through the page cache: a regular file or a block
    /// device without `O_DIRECT`. Linux performs these inside `io_submit`, so they are submitted by
    /// the workers and never by the caller.
    #[must_use]
    pub fn is_buffered(&self) -> bool {
        self.buffered
    }

    /// Whether a transfer may have to wait for somebody else: a pipe, socket, terminal and the like,
    /// unless it is open with `O_NONBLOCK`. Linux would wait inside `io_submit`.
    pub(crate) fn is_stream(&self) -> bool {
        self.stream
    }

    pub(crate) fn raw_fd(&self) -> RawFd {
        self.fd
    }

    /// The path under which the file is known now, where `/proc` can tell.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        std::fs::read_link(format!("/proc/self/fd/{}", self.fd)).ok()
    }

    fn keep<T: AsFd + Send + Sync + 'static>(owner: Arc<T>) -> Self {
        let fd = owner.as_fd();
        let (flags, kind) = (status_flags(fd), kind(fd));
        let direct = flags & libc::O_DIRECT != 0;
        let stored = kind == libc::S_IFREG || kind == libc::S_IFBLK;
        let waits = match kind {
            // The last is what eventfds, timers and the like have.
            libc::S_IFIFO | libc::S_IFSOCK | 0 => true,
            // Other character devices, such as the null device, don't wait for anybody.
            libc::S_IFCHR => fd.is_terminal(),
            _ => false,
        };
        Self {
            fd: fd.as_raw_fd(),
            direct,
            buffered: stored && !direct,
            stream: waits && flags & libc::O_NONBLOCK == 0,
            owner,
        }
    }
}

/// The flags of open(2) that can be asked for; none if that fails.
fn status_flags(fd: BorrowedFd<'_>) -> libc::c_int {
    // SAFETY: F_GETFL takes no argument and the descriptor is open; an error is negative.
    unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) }.max(0)
}

/// The file type bits of its mode; 0 for what has none, such as an eventfd.
fn kind(fd: BorrowedFd<'_>) -> libc::mode_t {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the kernel writes one `stat` through the pointer, which is to a live local.
    if unsafe { libc::fstat(fd.as_raw_fd(), status.as_mut_ptr()) } != 0 {
        return 0;
    }
    // SAFETY: fstat succeeded, so it has filled the structure in.
    unsafe { status.assume_init() }.st_mode & libc::S_IFMT
}

impl AsFd for FileHandle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor was borrowed from the value in `owner`, which the `Arc` keeps in
        // place and unchanged but for interior mutability; by I/O safety no implementation of
        // `AsFd` may close a descriptor that is borrowed, and it stays borrowed while `owner` lives.
        unsafe { BorrowedFd::borrow_raw(self.fd) }
    }
}

impl fmt::Debug for FileHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileHandle")
            .field("fd", &self.fd)
            .field("direct", &self.direct)
            .field("buffered", &self.buffered)
            .field("handles", &Arc::strong_count(&self.owner))
            .finish()
    }
}

impl From<File> for FileHandle {
    fn from(file: File) -> Self {
        Self::keep(Arc::new(file))
    }
}

impl From<OwnedFd> for FileHandle {
    fn from(fd: OwnedFd) -> Self {
        Self::keep(Arc::new(fd))
    }
}

impl<T: AsFd + Send + Sync + 'static> From<Arc<T>> for FileHandle {
    fn from(owner: Arc<T>) -> Self {
        Self::keep(owner)
    }
}

impl<T: AsFd + Send + Sync + 'static> From<&Arc<T>> for FileHandle {
    fn from(owner: &Arc<T>) -> Self {
        Self::keep(Arc::clone(owner))
    }
}

impl From<&FileHandle> for FileHandle {
    fn from(handle: &FileHandle) -> Self {
        handle.clone()
    }
}
