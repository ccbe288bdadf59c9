//! A handle to a file: a descriptor, its owner, and facts about the file. It is made from a
//! descriptor that is open already, or in `open`.
//!
//! Safety: the descriptor is taken from the owner once, and used as long as the owner is kept.

#![expect(unsafe_code, reason = "lends a descriptor out, or keeps nothing open")]

use std::ffi::c_int;
use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::file::access::Access;
use crate::file::alignment::Alignment;
use crate::file::history::ReadHistory;
use crate::file::metadata::{DirectIo, FileId, FileKind, Metadata};
use crate::file::remembered::Seen;
use crate::file::residency::CacheLook;
use crate::sys::descriptor::{device_size, status_flags};

/// A handle to a file or anything else with a descriptor, cheap to clone. Each job holds one, so
/// the descriptor can't be closed, and its number can't be reused, before the job has ended.
///
/// It is [opened](Self::options) here, or made from a `File`, an `OwnedFd`, or an `Arc` (owned or
/// borrowed) of any type that is `AsFd`. Making one allocates once and asks the kernel what kind
/// of file it is and how it is open: two system calls, or one more than opening takes. For many
/// jobs on one file, make it once and clone it.
///
/// The handle remembers these facts. If you change the flags of the open file (`F_SETFL` of
/// fcntl(2)), make a new handle.
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
    way: Way,
    shared: Arc<FileShared>,
}

/// How reads and writes of a file are performed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The kernel performs them while the program goes on: direct ones.
    Kernel,
    /// As above, but the kernel would wait for another process (for a pipe, socket, terminal and
    /// the like, unless it is open with `O_NONBLOCK`), and that inside `io_submit`.
    KernelWithoutWaiting,
    PageCache,
    /// Reads of what is in the page cache take it from there; other reads are direct.
    Automatic(CacheLook),
}

/// Shared by all handles to one file. It is the one allocation that a file takes.
struct FileShared<O: ?Sized = dyn Send + Sync> {
    kind: FileKind,
    direct_io: DirectIo,
    /// A read with `RWF_NOWAIT` was refused, because the file does not support that.
    nowait_unsupported: AtomicBool,
    /// For automatic reads.
    direct: Option<DirectPart>,
    /// Keeps the descriptor open.
    #[expect(dead_code, reason = "dropped with the last handle")]
    owner: O,
}

/// The same file, open once more with `O_DIRECT`.
pub(super) struct DirectPart {
    pub(super) fd: OwnedFd,
    /// The first descriptor, for reads through the page cache.
    pub(super) buffered: RawFd,
    /// Data of the file that is read again is let into the page cache.
    pub(super) history: Option<(ReadHistory, FileId)>,
}

impl FileHandle {
    /// Whether the file was open with `O_DIRECT` when this handle was made.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::ErrorKind;
    /// use reapool::FileHandle;
    ///
    /// assert!(!FileHandle::open_buffered("Cargo.toml")?.is_direct());
    /// match FileHandle::open_direct("Cargo.toml") {
    ///     Ok(file) => assert!(file.is_direct()),
    ///     Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidInput, "no direct I/O"),
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn is_direct(&self) -> bool {
        self.direct
    }

    /// Whether reads and writes of this file go through the page cache. That is so for regular
    /// files and block devices that are open without `O_DIRECT`, and for those with it whose file
    /// system says that it has no direct I/O. With an [automatic](Self::open_automatic) handle,
    /// reads of what is not cached are the exception.
    ///
    /// Linux would perform such operations inside `io_submit`, and block there. Instead workers
    /// read data that is in the page cache, and blocking threads do all other reads and all writes.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::FileHandle;
    ///
    /// assert!(FileHandle::open_buffered("Cargo.toml")?.is_buffered());
    /// let file = FileHandle::open_direct_or_buffered("Cargo.toml")?;
    /// assert_eq!(file.is_buffered(), !file.is_direct());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn is_buffered(&self) -> bool {
        matches!(self.way, Way::PageCache | Way::Automatic(_))
    }

    /// Whether reads of what is not in the page cache are direct:
    /// [`open_automatic`](Self::open_automatic).
    ///
    /// # Examples
    ///
    /// ```
    /// let file = reapool::FileHandle::open_automatic("/proc/version")?;
    /// assert!(!file.is_automatic(), "there is no direct I/O in /proc");
    /// assert!(file.is_buffered());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn is_automatic(&self) -> bool {
        matches!(self.way, Way::Automatic(_))
    }

    /// The kind of file that the descriptor refers to.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{FileHandle, FileKind};
    ///
    /// let null = FileHandle::options().write(true).open("/dev/null")?;
    /// assert_eq!(null.kind(), FileKind::CharDevice);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn kind(&self) -> FileKind {
        self.shared.kind
    }

    /// The alignment that transfers of this file need. With `O_DIRECT` it is as the file system
    /// says (`STATX_DIOALIGN` of statx(2), Linux 6.1 or later), or 4096 where it doesn't say. It is
    /// 1 for files without `O_DIRECT`, and for pipes, where that flag means something else. With an
    /// [automatic](Self::open_automatic) handle it is what a read needs to be direct.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{AlignedBuf, FileHandle};
    ///
    /// assert_eq!(FileHandle::open_buffered("Cargo.toml")?.alignment().offset, 1);
    ///
    /// let file = FileHandle::open_direct_or_buffered("Cargo.toml")?;
    /// let alignment = file.alignment();
    /// // Room for 5000 bytes, in whole blocks.
    /// let len = 5000_usize.next_multiple_of(alignment.offset as usize);
    /// let buffer = AlignedBuf::with_alignment(len, alignment.memory);
    /// assert_eq!(file.span(0, 5000), 0..buffer.len() as u64);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn alignment(&self) -> Alignment {
        let is_direct = (self.direct && self.is_stored()) || self.is_automatic();
        if is_direct { self.shared.direct_io.alignment() } else { Alignment::NONE }
    }

    /// The range that must be read to get `len` bytes from `offset` on. On a direct file it is
    /// extended at both ends to the file's [`alignment`](Self::alignment). A buffer for
    /// [`Job::read_range`](crate::Job::read_range) needs at least the length of this range.
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

    /// How many bytes the file has now, or, for a block device, its capacity. This asks the kernel,
    /// as others may be writing to the file.
    ///
    /// # Errors
    ///
    /// Errors of statx(2), or, for block devices, of ioctl(2).
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
            FileKind::BlockDevice => device_size(self.as_fd()),
            _ => self.metadata().map(|metadata| metadata.size),
        }
    }

    /// The file's metadata, as it is now. This asks the kernel.
    ///
    /// # Errors
    ///
    /// Errors of statx(2).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::os::unix::fs::MetadataExt;
    /// use reapool::FileHandle;
    ///
    /// let file = FileHandle::open_buffered("Cargo.toml")?;
    /// // Does the name still lead to the file that is open?
    /// let (opened, named) = (file.metadata()?, std::fs::metadata("Cargo.toml")?);
    /// assert_eq!((opened.device, opened.inode), (named.dev(), named.ino()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn metadata(&self) -> io::Result<Metadata> {
        Metadata::of(self.as_fd())
    }

    /// Whether reads of this file, which is buffered, may have `RWF_NOWAIT`: only cached data is
    /// read, without waiting for the device. Assumed until such a read was refused.
    pub(crate) fn supports_nowait(&self) -> bool {
        // Relaxed: a fact about the file that orders nothing.
        !self.shared.nowait_unsupported.load(Ordering::Relaxed)
    }

    /// Remembers, for all handles to the file, that a read with `RWF_NOWAIT` was refused.
    pub(crate) fn mark_nowait_unsupported(&self) {
        self.shared.nowait_unsupported.store(true, Ordering::Relaxed);
    }

    /// Whether each write goes to the end of the file, whatever its offset. This asks the kernel.
    pub(crate) fn appends(&self) -> bool {
        status_flags(self.as_fd()).is_ok_and(|flags| flags & libc::O_APPEND != 0)
    }

    /// The way of reads and writes that have to wait for the device, if it is not automatic.
    pub(crate) fn access(&self) -> Access {
        if self.direct { Access::Direct } else { Access::Buffered }
    }

    /// How a read finds out, without waiting, whether the page cache has its data. `None` if it
    /// can't.
    pub(crate) fn cache_look(&self) -> Option<CacheLook> {
        match self.way {
            Way::PageCache => self.supports_nowait().then_some(CacheLook::Try),
            Way::Automatic(look) => Some(look),
            Way::Kernel | Way::KernelWithoutWaiting => None,
        }
    }

    /// Whether a transfer is not to wait inside `io_submit`, where Linux would wait for another
    /// process.
    pub(crate) fn must_not_wait(&self) -> bool {
        self.way == Way::KernelWithoutWaiting
    }

    /// The descriptor for direct reads of an automatic handle.
    pub(crate) fn automatic_direct_fd(&self) -> Option<RawFd> {
        Some(self.direct_part()?.fd.as_raw_fd())
    }

    /// The descriptor for reads through the page cache, of a handle whose direct reads are this
    /// crate's choice.
    pub(crate) fn buffered_fd(&self) -> Option<RawFd> {
        let direct = self.shared.direct.as_ref()?;
        let is_choice = self.is_automatic() || self.fd == direct.fd.as_raw_fd();
        is_choice.then_some(direct.buffered)
    }

    /// Whether a read of this range was direct before, as far as is remembered. From now on it is.
    pub(crate) fn was_read(&self, range: Range<u64>) -> bool {
        let history = self.direct_part().and_then(|direct| direct.history.as_ref());
        history.is_some_and(|(history, file)| history.touch(*file, range) == Seen::Again)
    }

    fn direct_part(&self) -> Option<&DirectPart> {
        self.shared.direct.as_ref().filter(|_| self.is_automatic())
    }

    pub(crate) fn raw_fd(&self) -> RawFd {
        self.fd
    }

    /// The path that the file has now, if `/proc` knows it.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        std::fs::read_link(format!("/proc/self/fd/{}", self.fd)).ok()
    }

    /// Makes a handle. The `owner` keeps `fd` open, also when it is moved.
    pub(super) fn assemble<O: Send + Sync + 'static>(
        owner: O,
        fd: RawFd,
        flags: c_int,
        (kind, direct_io): (FileKind, DirectIo),
    ) -> Self {
        Self::with_direct_part(owner, fd, flags, (kind, direct_io), None)
    }

    /// As `assemble`, but automatic, if there is a second descriptor for direct reads.
    pub(super) fn with_direct_part<O: Send + Sync + 'static>(
        owner: O,
        fd: RawFd,
        flags: c_int,
        (kind, direct_io): (FileKind, DirectIo),
        direct: Option<(DirectPart, CacheLook)>,
    ) -> Self {
        let (direct, look) = direct.unzip();
        let nowait_unsupported = AtomicBool::new(false);
        let shared: Arc<FileShared> =
            Arc::new(FileShared { kind, direct_io, nowait_unsupported, direct, owner });
        let handle = Self { fd, direct: false, way: Way::Kernel, shared };
        let waits = match kind {
            FileKind::Fifo | FileKind::Socket | FileKind::Other => true,
            // Other character devices, such as the null device, don't wait for other processes.
            FileKind::CharDevice => handle.as_fd().is_terminal(),
            _ => false,
        };
        let way = if waits && flags & libc::O_NONBLOCK == 0 {
            Way::KernelWithoutWaiting
        } else {
            Way::Kernel
        };
        let handle = Self { way, ..handle }.switched(flags & libc::O_DIRECT != 0);
        Self { way: look.map_or(handle.way, Way::Automatic), ..handle }
    }

    /// Makes a handle that keeps nothing open.
    ///
    /// # Safety
    ///
    /// The handle and its clones are not used after the borrow.
    pub(crate) unsafe fn of_borrowed(fd: BorrowedFd<'_>) -> Self {
        let (raw, flags, facts) = ask(fd);
        Self::assemble((), raw, flags, facts)
    }

    /// A handle to the same file, whose `O_DIRECT` was switched on or off.
    pub(super) fn switched(&self, direct: bool) -> Self {
        let cached = !direct || self.shared.direct_io == DirectIo::Unsupported;
        let way = match (self.is_stored(), cached) {
            (false, _) => self.way,
            (true, true) => Way::PageCache,
            (true, false) => Way::Kernel,
        };
        Self { direct, way, ..self.clone() }
    }

    /// The handle for a read of `len` bytes from `offset` on, after
    /// [`read_cached`](Self::read_cached) has found none of them. It saves a direct read another
    /// look.
    ///
    /// Of an [automatic](Self::open_automatic) handle, it is one whose reads are direct, or, if the
    /// range was read before and is [remembered](crate::ReadHistory), one whose reads go through
    /// the page cache. Other handles have one way, and are cloned. A direct handle that is made so
    /// is for reads: writes by it fail with `EBADF`.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{AlignedBuf, Dispatcher, FileHandle, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = FileHandle::open_automatic("Cargo.toml")?;
    /// let mut buffer = AlignedBuf::zeroed(4096);
    /// // If it is cached, this thread copies it.
    /// if file.read_cached(&mut buffer, 4096, 0).is_none() {
    ///     let missed = file.after_miss(0, 4096);
    ///     let job = Job::read(missed, buffer, 0, |done| done.into_success());
    ///     buffer = dispatcher.spawn(job)?.join()??.1;
    /// }
    /// assert!(buffer.starts_with(b"[package]"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn after_miss(&self, offset: u64, len: usize) -> Self {
        match self.automatic_direct_fd() {
            None => self.clone(),
            Some(_) if self.was_read(offset..offset.saturating_add(len as u64)) => {
                Self { way: Way::PageCache, ..self.clone() }
            }
            Some(fd) => Self { fd, direct: true, way: Way::Kernel, ..self.clone() },
        }
    }

    /// Whether the file stores its contents, so that a byte can be transferred again. Pipes,
    /// sockets and the like don't.
    pub(crate) fn is_stored(&self) -> bool {
        matches!(self.kind(), FileKind::Regular | FileKind::BlockDevice)
    }
}

impl AsFd for FileHandle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor for direct reads is open as long as `shared`, which has it. For
        // the other there are three kinds of owners. An `OwnedFd` keeps its own descriptor open.
        // From a value in an `Arc` the descriptor was borrowed; the `Arc` keeps the value in place
        // and unchanged but for interior mutability, and by I/O safety no implementation of `AsFd`
        // closes a descriptor that is borrowed, which it is while `owner` lives. Without an owner,
        // the handle is not used after the borrow from which it was made (`of_borrowed`).
        unsafe { BorrowedFd::borrow_raw(self.fd) }
    }
}

impl fmt::Debug for FileHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileHandle")
            .field("fd", &self.fd)
            .field("direct", &self.direct)
            .field("way", &self.way)
            .field("kind", &self.kind())
            .field("handles", &Arc::strong_count(&self.shared))
            .finish()
    }
}

/// A descriptor's number, its flags, and what kind of file it refers to. If the kernel doesn't say,
/// the file is taken for one that may have to wait.
fn ask(fd: BorrowedFd<'_>) -> (RawFd, c_int, (FileKind, DirectIo)) {
    let flags = status_flags(fd).unwrap_or(0);
    let facts = match Metadata::of(fd) {
        Ok(metadata) => (metadata.kind, metadata.direct_io),
        Err(_) => (FileKind::Other, DirectIo::Unknown),
    };
    (fd.as_raw_fd(), flags, facts)
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
        let (fd, flags, facts) = ask(owner.as_fd());
        Self::assemble(owner, fd, flags, facts)
    }
}

impl<T: AsFd + Send + Sync + 'static> From<&Arc<T>> for FileHandle {
    fn from(owner: &Arc<T>) -> Self {
        Self::from(Arc::clone(owner))
    }
}

impl From<&FileHandle> for FileHandle {
    fn from(handle: &FileHandle) -> Self {
        handle.clone()
    }
}
