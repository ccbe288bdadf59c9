//! A file that a job keeps open: a descriptor and whatever owns it.
//!
//! Safety: the descriptor is taken from the owner once and used as long as the owner is kept.

#![expect(unsafe_code, reason = "lends a descriptor out")]

pub(crate) mod alignment;
pub(crate) mod borrowed;
pub(crate) mod metadata;
mod open;
pub(crate) mod owner;
pub(crate) mod shown;

use std::ffi::c_int;
use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::file::alignment::Alignment;
use crate::file::metadata::{DirectIo, FileKind, Metadata};
use crate::sys::descriptor::{capacity, status_flags};

/// A cheaply cloneable handle to something with a file descriptor; jobs hold one, so that the
/// descriptor can't be closed, and its number not reused, before they have ended.
///
/// [Opened](Self::open_direct) here, or made from a `File`, an `OwnedFd`, or an `Arc` (owned or
/// borrowed) of anything that is `AsFd`. Making one asks the kernel what kind of file it is and how
/// it is open, with two system calls, or one more than opening takes, and allocates once; for many
/// jobs on one file, make it once and clone it.
///
/// What it says of the file without asking is as of then: who changes the flags of the open file
/// (`F_SETFL` of fcntl(2)) makes a new handle.
///
/// # Examples
///
/// ```
/// use std::fs::File;
/// use std::sync::Arc;
/// use reapool::{FileHandle, FileKind};
///
/// let shared = Arc::new(File::open("Cargo.toml")?);
/// let from_shared = FileHandle::from(&shared);
/// let from_owned = FileHandle::from(File::open("Cargo.toml")?);
/// assert!(!from_shared.is_direct() && !from_owned.is_direct());
/// assert_eq!(from_owned.kind(), FileKind::Regular);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct FileHandle {
    fd: RawFd,
    direct: bool,
    buffered: bool,
    stream: bool,
    shared: Arc<Shared>,
}

/// What all handles to one file have in common: the one allocation that a file takes.
struct Shared<O: ?Sized = dyn Send + Sync> {
    kind: FileKind,
    direct_io: DirectIo,
    /// A read was asked not to wait, and that is not supported.
    always_waits: AtomicBool,
    /// Keeps the descriptor open.
    #[expect(dead_code, reason = "dropped with the last handle")]
    owner: O,
}

impl FileHandle {
    /// Whether the file was open with `O_DIRECT` when this handle was made.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        self.direct
    }

    /// Whether reads and writes of this file go through the page cache: a regular file or a block
    /// device without `O_DIRECT`, or one with it whose file system says that it has no direct I/O.
    /// Linux performs these inside `io_submit`, so that is not asked: workers read what is in the
    /// page cache, and the rest is read, and all is written, by threads for what blocks.
    #[must_use]
    pub fn is_buffered(&self) -> bool {
        self.buffered
    }

    /// What kind of thing the file is.
    #[must_use]
    pub fn kind(&self) -> FileKind {
        self.shared.kind
    }

    /// What buffers, lengths and offsets of this file's transfers must be multiples of: what the
    /// file system says (`STATX_DIOALIGN` of statx(2), Linux 6.1 or later), 4096 where it doesn't,
    /// and 1 for files without `O_DIRECT`, and for pipes, where that flag means something else.
    #[must_use]
    pub fn alignment(&self) -> Alignment {
        match (self.direct && self.is_stored(), self.shared.direct_io) {
            (false, _) => Alignment::NONE,
            (true, DirectIo::Aligned(alignment)) => alignment,
            (true, DirectIo::Unknown | DirectIo::Unsupported) => Alignment::SAFE,
        }
    }

    /// What is read of this file for the sake of `len` bytes from `offset` on: these, and on a direct
    /// file what is missing to its [`alignment`](Self::alignment) on both sides. A buffer for
    /// [`Job::read_range`](crate::Job::read_range) has to have this length at least.
    ///
    /// # Examples
    ///
    /// ```
    /// let file = reapool::FileHandle::open_buffered("Cargo.toml")?;
    /// assert_eq!(file.span(1000, 24), 1000..1024, "through the page cache, no more than that");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn span(&self, offset: u64, len: usize) -> Range<u64> {
        self.alignment().span(offset, len)
    }

    /// How many bytes the file has now; of a block device, its capacity. Asks the kernel, as
    /// somebody may be writing.
    ///
    /// # Errors
    ///
    /// What statx(2) or, for block devices, ioctl(2) says.
    ///
    /// # Examples
    ///
    /// ```
    /// let file = reapool::FileHandle::open_buffered("Cargo.toml")?;
    /// assert_eq!(file.size()?, std::fs::metadata("Cargo.toml")?.len());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn size(&self) -> io::Result<u64> {
        match self.kind() {
            FileKind::BlockDevice => capacity(self.as_fd()),
            _ => self.metadata().map(|metadata| metadata.size),
        }
    }

    /// What the kernel knows of the file now.
    ///
    /// # Errors
    ///
    /// What statx(2) says.
    pub fn metadata(&self) -> io::Result<Metadata> {
        Metadata::of(self.as_fd())
    }

    /// Whether a read of this file, which is buffered, can be asked not to wait for the device
    /// (`RWF_NOWAIT`).
    pub(crate) fn supports_nowait(&self) -> bool {
        // A fact about the file that orders nothing.
        !self.shared.always_waits.load(Ordering::Relaxed)
    }

    /// Records that it can't.
    pub(crate) fn mark_nowait_unsupported(&self) {
        self.shared.always_waits.store(true, Ordering::Relaxed);
    }

    /// Whether what is written goes to the end of the file, wherever it was to go. Asks the kernel.
    pub(crate) fn appends(&self) -> bool {
        status_flags(self.as_fd()).is_ok_and(|flags| flags & libc::O_APPEND != 0)
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

    /// A handle that keeps nothing open.
    ///
    /// # Safety
    ///
    /// The handle and its clones are not used after the borrow.
    pub(crate) unsafe fn of_borrowed(fd: BorrowedFd<'_>) -> Self {
        let (raw, flags, facts) = ask(fd);
        Self::assemble((), raw, flags, facts)
    }

    fn keep<T: AsFd + Send + Sync + 'static>(owner: Arc<T>) -> Self {
        let (fd, flags, facts) = ask(owner.as_fd());
        Self::assemble(owner, fd, flags, facts)
    }

    /// A handle whose `owner` keeps `fd` open, and in it, wherever it is moved.
    pub(crate) fn assemble<O: Send + Sync + 'static>(
        owner: O,
        fd: RawFd,
        flags: c_int,
        (kind, direct_io): (FileKind, DirectIo),
    ) -> Self {
        let shared: Arc<Shared> =
            Arc::new(Shared { kind, direct_io, always_waits: AtomicBool::new(false), owner });
        let mut handle = Self { fd, direct: false, buffered: false, stream: false, shared };
        let waits = match kind {
            FileKind::Fifo | FileKind::Socket | FileKind::Other => true,
            // Other character devices, such as the null device, don't wait for anybody.
            FileKind::CharDevice => handle.as_fd().is_terminal(),
            _ => false,
        };
        handle.stream = waits && flags & libc::O_NONBLOCK == 0;
        handle.switched(flags & libc::O_DIRECT != 0)
    }

    /// The same file with `O_DIRECT` switched on or off.
    pub(crate) fn switched(&self, direct: bool) -> Self {
        let cached = !direct || self.shared.direct_io == DirectIo::Unsupported;
        Self { direct, buffered: self.is_stored() && cached, ..self.clone() }
    }

    /// Whether the file has contents that stay where they are. Of others a byte that was transferred
    /// can't be transferred again.
    fn is_stored(&self) -> bool {
        matches!(self.kind(), FileKind::Regular | FileKind::BlockDevice)
    }
}

/// The number of a descriptor, how it is open, and what it is. What can't be told is taken for
/// something that may wait.
fn ask(fd: BorrowedFd<'_>) -> (RawFd, c_int, (FileKind, DirectIo)) {
    let flags = status_flags(fd).unwrap_or(0);
    let facts = match Metadata::of(fd) {
        Ok(metadata) => (metadata.kind, metadata.direct_io),
        Err(_) => (FileKind::Other, DirectIo::Unknown),
    };
    (fd.as_raw_fd(), flags, facts)
}

impl AsFd for FileHandle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor is that of the `OwnedFd` in `owner`, or was borrowed from the value
        // in the `Arc` that is there, which keeps it in place and unchanged but for interior
        // mutability; by I/O safety no implementation of `AsFd` may close a descriptor that is
        // borrowed, and it stays borrowed while `owner` lives. Or the handle keeps nothing open and is
        // not used after the borrow that it was made of (`of_borrowed`).
        unsafe { BorrowedFd::borrow_raw(self.fd) }
    }
}

impl fmt::Debug for FileHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileHandle")
            .field("fd", &self.fd)
            .field("direct", &self.direct)
            .field("buffered", &self.buffered)
            .field("kind", &self.kind())
            .field("handles", &Arc::strong_count(&self.shared))
            .finish()
    }
}

impl From<File> for FileHandle {
    fn from(file: File) -> Self {
        Self::from(OwnedFd::from(file))
    }
}

impl From<OwnedFd> for FileHandle {
    fn from(fd: OwnedFd) -> Self {
        let (raw, flags, facts) = ask(fd.as_fd());
        Self::assemble(fd, raw, flags, facts)
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
