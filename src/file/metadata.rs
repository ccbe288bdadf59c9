//! An open file's metadata, from one system call.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::file::alignment::Alignment;
use crate::sys::descriptor::std_metadata;
use crate::sys::directory::open_in;
use crate::sys::statx::{STATX_BASIC_STATS, STATX_DIOALIGN, statx, statx_in, statx_timestamp};

/// The kind of file that a descriptor refers to.
///
/// # Examples
///
/// ```
/// use std::os::fd::OwnedFd;
/// use reapool::{FileHandle, FileKind};
///
/// assert_eq!(FileHandle::open_buffered("src")?.kind(), FileKind::Directory);
/// let (output, _input) = std::io::pipe()?;
/// assert_eq!(FileHandle::from(OwnedFd::from(output)).kind(), FileKind::Fifo);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A block device, such as a disk.
    BlockDevice,
    /// A character device, such as a terminal.
    CharDevice,
    /// A pipe, with a name or without.
    Fifo,
    /// A socket.
    Socket,
    /// A symbolic link, opened itself (`O_PATH` and `O_NOFOLLOW`).
    Symlink,
    /// A file without a type, such as an eventfd.
    Other,
}

impl FileKind {
    /// The kind in the mode bits of stat(2).
    fn of(mode: u32) -> Self {
        match mode & libc::S_IFMT {
            libc::S_IFREG => Self::Regular,
            libc::S_IFDIR => Self::Directory,
            libc::S_IFBLK => Self::BlockDevice,
            libc::S_IFCHR => Self::CharDevice,
            libc::S_IFIFO => Self::Fifo,
            libc::S_IFSOCK => Self::Socket,
            libc::S_IFLNK => Self::Symlink,
            _ => Self::Other,
        }
    }
}

/// The kernel's answer about direct I/O on a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DirectIo {
    /// It says nothing: Linux before 6.1, or a file system that doesn't tell.
    Unknown,
    /// There is none. If the file can be opened with `O_DIRECT` nevertheless, its transfers go
    /// through the page cache.
    Unsupported,
    /// Transfers need this alignment.
    Aligned(Alignment),
}

impl DirectIo {
    /// The alignment that transfers with `O_DIRECT` need, as far as it is known.
    pub(crate) fn alignment(self) -> Alignment {
        match self {
            Self::Aligned(alignment) => alignment,
            Self::Unknown | Self::Unsupported => Alignment::SAFE,
        }
    }
}

/// A file's metadata, as of when it was asked for.
///
/// # Examples
///
/// ```
/// use reapool::{FileHandle, FileKind};
///
/// let file = FileHandle::open_buffered("Cargo.toml")?;
/// let metadata = file.metadata()?;
/// assert_eq!(metadata.kind, FileKind::Regular);
/// assert_eq!(metadata.size, std::fs::metadata("Cargo.toml")?.len());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Metadata {
    /// The kind of the file.
    pub kind: FileKind,
    /// Its length in bytes; 0 for devices, whose size [`FileHandle::size`](crate::FileHandle::size)
    /// has.
    pub size: u64,
    /// The permission, set-id and sticky bits: the low twelve bits of `st_mode` in stat(2).
    pub mode: u32,
    /// The user that owns it.
    pub uid: u32,
    /// The group that owns it.
    pub gid: u32,
    /// When its contents were last changed.
    pub modified: SystemTime,
    /// When it was last read, as far as the mount keeps track of that.
    pub accessed: SystemTime,
    /// The device that it is on, encoded as `st_dev` in stat(2).
    pub device: u64,
    /// Its number on that device.
    pub inode: u64,
    /// How many names it has.
    pub links: u64,
    pub(crate) direct_io: DirectIo,
}

/// Which file: its device, and its number there.
pub(crate) type FileId = (u64, u64);

impl Metadata {
    pub(crate) fn id(&self) -> FileId {
        (self.device, self.inode)
    }

    /// Asks for all of it with one call of statx(2). Where that call is forbidden, as by the
    /// profiles of old container runtimes, asks older calls, which know less.
    pub(crate) fn of(fd: BorrowedFd<'_>) -> io::Result<Self> {
        match statx(fd, 0, STATX_BASIC_STATS | STATX_DIOALIGN) {
            Ok(status) => Ok(Self::from_statx(&status)),
            Err(error) if is_forbidden(&error) => Self::from_std(fd),
            Err(error) => Err(error),
        }
    }

    /// The metadata of what has a name in an open directory; of a symbolic link its own. Direct I/O
    /// is not asked for.
    pub(super) fn of_name(directory: BorrowedFd<'_>, name: &CStr) -> io::Result<Self> {
        match statx_in(directory, name, libc::AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS) {
            Ok(status) => Ok(Self::from_statx(&status)),
            Err(error) if is_forbidden(&error) => {
                let flags = libc::O_PATH | libc::O_NOFOLLOW;
                Self::from_std(open_in(directory, name, flags, 0)?.as_fd())
            }
            Err(error) => Err(error),
        }
    }

    fn from_statx(status: &statx) -> Self {
        let direct_io = if status.stx_mask & STATX_DIOALIGN == 0 {
            DirectIo::Unknown
        } else if status.stx_dio_mem_align == 0 || status.stx_dio_offset_align == 0 {
            DirectIo::Unsupported
        } else {
            DirectIo::Aligned(Alignment {
                memory: status.stx_dio_mem_align as usize,
                offset: u64::from(status.stx_dio_offset_align),
            })
        };
        let mode = u32::from(status.stx_mode);
        Self {
            kind: FileKind::of(mode),
            size: status.stx_size,
            mode: mode & 0o7777,
            uid: status.stx_uid,
            gid: status.stx_gid,
            modified: time(status.stx_mtime),
            accessed: time(status.stx_atime),
            device: libc::makedev(status.stx_dev_major, status.stx_dev_minor),
            inode: status.stx_ino,
            links: u64::from(status.stx_nlink),
            direct_io,
        }
    }

    fn from_std(fd: BorrowedFd<'_>) -> io::Result<Self> {
        let metadata = std_metadata(fd)?;
        Ok(Self {
            kind: FileKind::of(metadata.mode()),
            size: metadata.size(),
            mode: metadata.mode() & 0o7777,
            uid: metadata.uid(),
            gid: metadata.gid(),
            modified: metadata.modified()?,
            accessed: metadata.accessed()?,
            device: metadata.dev(),
            inode: metadata.ino(),
            links: metadata.nlink(),
            direct_io: DirectIo::Unknown,
        })
    }
}

/// Whether statx(2) may be forbidden, or not there.
fn is_forbidden(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM | libc::EACCES))
}

/// A time before 1970 has negative seconds, from which its nanoseconds count forward.
fn time(stamp: statx_timestamp) -> SystemTime {
    let seconds = Duration::from_secs(stamp.tv_sec.unsigned_abs());
    let whole = if stamp.tv_sec < 0 {
        UNIX_EPOCH.checked_sub(seconds)
    } else {
        UNIX_EPOCH.checked_add(seconds)
    };
    let nanos = Duration::from_nanos(u64::from(stamp.tv_nsec));
    // A time that can't be represented is the file system's mistake.
    whole.and_then(|whole| whole.checked_add(nanos)).unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use std::fs::{File, FileTimes};
    use std::os::fd::AsFd;
    use std::time::{Duration, UNIX_EPOCH};

    use super::{DirectIo, Metadata};

    #[test]
    fn both_ways_of_asking_say_the_same() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(12_345).unwrap();
        // Before 1970, with nanoseconds: here a sign is easily wrong.
        let old = UNIX_EPOCH - Duration::from_millis(1500);
        let new = UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789);
        file.set_times(FileTimes::new().set_accessed(old).set_modified(new)).unwrap();
        for file in [file, File::open("/dev/null").unwrap(), File::open("/").unwrap()] {
            let asked = Metadata::of(file.as_fd()).unwrap();
            let mut other = Metadata::from_std(file.as_fd()).unwrap();
            assert_eq!(other.direct_io, DirectIo::Unknown);
            other.direct_io = asked.direct_io;
            assert_eq!(format!("{asked:?}"), format!("{other:?}"));
            if asked.size == 12_345 {
                assert_eq!((asked.accessed, asked.modified), (old, new));
            }
        }
    }
}
