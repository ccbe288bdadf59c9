//! Opening files: for direct I/O, through the page cache, or by the best way that there is.

use std::ffi::c_int;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::file::filesystem::{Storage, ask_storage};
use crate::file::handle::{DirectPart, FileHandle};
use crate::file::history::ReadHistory;
use crate::file::io_way::IoWay;
use crate::file::metadata::{DirectIo, FileKind, Metadata};
use crate::file::open_error::OpenError;
use crate::file::options::OpenOptions;
use crate::file::residency::CacheLook;
use crate::sys::descriptor::{open_again, set_status_flags, status_flags};

impl FileHandle {
    /// The options to open a file with. Nothing is set yet: neither what it is opened for, nor the
    /// way of I/O, nor whether it is created.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::FileHandle;
    ///
    /// let directory = tempfile::tempdir()?;
    /// let path = directory.path().join("log");
    /// let file = FileHandle::options().append(true).create(true).open(&path)?;
    /// assert_eq!(file.size()?, 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

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
        Self::options().read(true).way(IoWay::Direct).open(path)
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
        Self::options().read(true).way(IoWay::DirectOrBuffered).open(path)
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
        Self::options().read(true).open(path)
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
    /// Since Linux 6.15, only the owner of a file, and users who may write it, learn from the
    /// kernel which parts are cached. For other files, before Linux 6.5, and on an overlay, a read
    /// that is not cached may bring some pages of its range into the page cache, as that has to be
    /// tried.
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
        Self::options().read(true).way(IoWay::Automatic).open(path)
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

impl ReadHistory {
    /// Opens a file as [`FileHandle::open_automatic`] does. The history remembers what is read of
    /// the file.
    ///
    /// # Errors
    ///
    /// As for `open_automatic`.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{AlignedBuf, Dispatcher, Job, ReadHistory};
    ///
    /// let (dispatcher, history) = (Dispatcher::new()?, ReadHistory::new(1 << 30));
    /// let file = history.open("Cargo.toml")?;
    /// let span = file.span(1, 7);
    /// for _ in 0..2 {
    ///     // If it was not cached, it is after the second read.
    ///     let buffer = AlignedBuf::zeroed((span.end - span.start) as usize);
    ///     let read = Job::read_range(&file, buffer, 1, 7, |done| done.into_success());
    ///     assert_eq!(&*dispatcher.run(read)??.1, b"package");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(&self, path: impl AsRef<Path>) -> Result<FileHandle, OpenError> {
        FileHandle::options().read(true).way(IoWay::Automatic).history(self).open(path)
    }
}

impl OpenOptions {
    /// Opens a file.
    ///
    /// This blocks, as open(2) does: until the device or network has answered, and for a FIFO until
    /// its other end is open, unless `O_NONBLOCK` is among the [flags](Self::custom_flags). Where
    /// that matters, do it in a [`Job::blocking`](crate::Job::blocking). For a FIFO the way is best
    /// [`IoWay::Buffered`]: with [`IoWay::DirectOrBuffered`] it may be opened twice, and its other
    /// end may see it closed between.
    ///
    /// # Errors
    ///
    /// [`OpenError`] names the path. It has
    ///
    /// - the error of open(2), such as `ELOOP` for a link that is [refused](Self::links), or
    ///   `EINVAL` if there is no direct I/O for [`IoWay::Direct`];
    /// - [`InvalidInput`](io::ErrorKind::InvalidInput) if the options don't go together. Nothing
    ///   was opened, and it says what to change;
    /// - an error of statx(2), or `EMFILE` for the second descriptor of [`IoWay::Automatic`]. The
    ///   file may have been created or truncated.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{FileHandle, IoWay};
    ///
    /// let file = FileHandle::options().read(true).way(IoWay::Automatic).open("Cargo.toml")?;
    /// assert!(file.is_buffered());
    /// let error = FileHandle::options().read(true).create(true).open("Cargo.toml").unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn open(&self, path: impl AsRef<Path>) -> Result<FileHandle, OpenError> {
        let path = path.as_ref();
        open(self, path).map_err(|source| {
            let explanation = self.explanation(&source);
            OpenError::new(path, source, explanation)
        })
    }
}

fn open(options: &OpenOptions, path: &Path) -> io::Result<FileHandle> {
    if let Some(advice) = options.contradiction() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, advice));
    }
    let open = |flags| options.to_std(flags).open(path).map(OwnedFd::from);
    let direct = || handle(options, open(libc::O_DIRECT)?, libc::O_DIRECT);
    match options.io_way() {
        IoWay::Direct => direct(),
        // What may be created is opened without the flag. With it, Linux would create the file
        // before it finds out that there is no direct I/O. A second attempt could not tell that
        // file from another's, nor write to it if its permissions don't allow that.
        IoWay::DirectOrBuffered if !options.creates() => match direct() {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                handle(options, open(0)?, 0)
            }
            other => other,
        },
        _ => {
            let fd = open(0)?;
            let metadata = Metadata::of(fd.as_fd())?;
            by_way(options, fd, &metadata)
        }
    }
}

/// Makes a handle, by the way of the options, of a file that was opened by them just now, but
/// without `O_DIRECT`.
pub(super) fn by_way(
    options: &OpenOptions,
    fd: OwnedFd,
    metadata: &Metadata,
) -> io::Result<FileHandle> {
    match options.io_way() {
        IoWay::Buffered => Ok(known(options, fd, 0, metadata)),
        IoWay::Direct => known(options, fd, 0, metadata).with_direct(true),
        IoWay::DirectOrBuffered => {
            let buffered = known(options, fd, 0, metadata);
            // Of a pipe, the flag would make packets.
            let direct = buffered.is_stored().then(|| buffered.with_direct(true).ok()).flatten();
            Ok(direct.unwrap_or(buffered))
        }
        IoWay::Automatic => automatic(options, fd, metadata),
    }
}

fn handle(options: &OpenOptions, fd: OwnedFd, direct: c_int) -> io::Result<FileHandle> {
    let metadata = Metadata::of(fd.as_fd())?;
    Ok(known(options, fd, direct, &metadata))
}

/// A handle of a file of which this is known.
fn known(options: &OpenOptions, fd: OwnedFd, direct: c_int, metadata: &Metadata) -> FileHandle {
    let (raw, flags) = (fd.as_raw_fd(), options.flags() | direct);
    FileHandle::assemble(fd, raw, flags, (metadata.kind, metadata.direct_io))
}

/// Opens a file once more for direct reads, if these can be had.
fn automatic(options: &OpenOptions, fd: OwnedFd, metadata: &Metadata) -> io::Result<FileHandle> {
    let storage = ask_storage(fd.as_fd()).unwrap_or_default();
    let can_be_direct = matches!(metadata.kind, FileKind::Regular | FileKind::BlockDevice)
        && metadata.direct_io != DirectIo::Unsupported
        && storage != Storage::Memory;
    // The flag is about what reads do to the file.
    let flags = options.flags() & libc::O_NOATIME;
    let direct = if can_be_direct { open_direct(fd.as_fd(), flags)? } else { None };
    let history = options.read_history().map(|history| (history.clone(), metadata.id()));
    let buffered = fd.as_raw_fd();
    let direct = direct.map(|fd| DirectPart { fd, buffered, history });
    let look = CacheLook::before_direct_reads(storage);
    let (raw, facts) = (fd.as_raw_fd(), (metadata.kind, metadata.direct_io));
    let direct = direct.map(|direct| (direct, look));
    Ok(FileHandle::with_direct_part(fd, raw, options.flags(), facts, direct))
}

/// Opens the same file for reading with `O_DIRECT`. `None` if that can't be had.
fn open_direct(file: BorrowedFd<'_>, flags: c_int) -> io::Result<Option<OwnedFd>> {
    match open_again(file, File::options().read(true).custom_flags(libc::O_DIRECT | flags)) {
        Ok(direct) => Ok(Some(direct)),
        Err(error) => match error.raw_os_error() {
            // No descriptor is left, which would not be noticed otherwise.
            Some(libc::EMFILE | libc::ENFILE) => Err(error),
            _ => Ok(None),
        },
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::fs::File;
    use std::os::fd::{AsFd, OwnedFd};
    use std::os::unix::fs::OpenOptionsExt;

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use crate::file::alignment::Alignment;
    use crate::file::handle::FileHandle;
    use crate::file::io_way::IoWay;
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
    fn a_handle_knows_the_same_as_one_that_is_made_of_an_open_file() {
        let (directory, _fd) = file();
        let fifo = directory.path().join("fifo");
        mkfifo(&fifo, Mode::S_IRWXU).unwrap();
        let regular = directory.path().join("file");
        let paths = [&*regular, &*fifo, "/dev/null".as_ref(), "/dev/ptmx".as_ref()];
        for (path, flags) in paths.iter().flat_map(|path| [(path, 0), (path, libc::O_NONBLOCK)]) {
            let further = flags | libc::O_NOCTTY;
            let std = File::options().read(true).write(true).custom_flags(further).open(path);
            let made = FileHandle::from(std.unwrap());
            for way in [IoWay::Buffered, IoWay::Automatic] {
                let mut options = FileHandle::options();
                options.read(true).write(true).way(way).custom_flags(further);
                let opened = options.open(path).unwrap();
                assert_eq!(opened.must_not_wait(), made.must_not_wait(), "{path:?}, {flags}");
                assert_eq!(opened.kind(), made.kind());
                assert_eq!(opened.is_buffered(), made.is_buffered());
            }
        }
    }

    #[test]
    fn a_handle_is_small() {
        assert!(size_of::<FileHandle>() <= 24, "each job has one");
    }
}
