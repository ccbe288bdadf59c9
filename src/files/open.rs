//! Opens a file, finds out what it is, and decides whether it is read with direct I/O or through
//! the page cache.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::AtomicU64;

use crate::blocking::{read_cached_until, read_waiting};
use crate::file::FileHandle;
use crate::file::alignment::Alignment;
use crate::file::filesystem::Storage;
use crate::file::metadata::{DirectIo, FileKind, Metadata};
use crate::file::residency::{CacheLook, Residency};
use crate::files::consumer::Consumer;
use crate::files::error::{Failure, FileError, FileErrorKind, FileOperation};
use crate::files::info::FileInfo;
use crate::files::opener::NoWaitOpener;
use crate::files::paths::IndexedPath;
use crate::files::settings::BLOCK;
use crate::files::settings::Policy;
use crate::files::shared::FilesShared;
use crate::files::stats::Counters;
use crate::pool::pool_buf::PoolBuf;
use crate::streams::source::{AfterMiss, Sharing, Source, Way};
use crate::streams::window::Reply;

/// An open file of which little was read.
pub(crate) struct Opened {
    pub(crate) source: Source,
    pub(crate) info: FileInfo,
    /// In bytes; of a block device, its capacity.
    pub(crate) size: u64,
}

/// A file that a blocking thread has opened, and its first read if it was done at once.
pub(crate) type Begun = (Opened, Option<Reply<PoolBuf>>);

/// The outcome of opening a file without waiting.
pub(crate) enum OpenedNow {
    Done(Result<Opened, FileError>),
    /// Opening it may need waiting.
    MayWait(IndexedPath),
}

impl Opened {
    /// Reads the file whole from the page cache, without waiting. `None` if that has not all of the
    /// file, if it takes more than one read or direct I/O, or if there is no memory.
    pub(crate) fn read_cached<C: Consumer>(
        &self,
        shared: &FilesShared,
        consumer: &C,
    ) -> Option<Reply<PoolBuf>> {
        let len = self.whole_len(shared, consumer)?;
        let mut buffer = C::first_reads(shared).try_lease(len)?;
        let file = &self.source.file;
        let count = read_cached_until(file, CacheLook::Try, &mut buffer, len, 0, self.size)?;
        (count as u64 == self.size).then(|| Reply::whole(len, Ok((count, buffer))))
    }

    /// Reads the file whole through the page cache, and waits for the device. `None` if that takes
    /// more than one read or direct I/O, or if there is no memory.
    pub(crate) fn read_waiting<C: Consumer>(
        &mut self,
        shared: &FilesShared,
        consumer: &C,
    ) -> Option<Reply<PoolBuf>> {
        let len = self.whole_len(shared, consumer)?;
        let mut buffer = C::first_reads(shared).try_lease(len)?;
        // One read is enough: it asks for more than the file has.
        self.source.way = Way::Device;
        let result = read_waiting(&self.source.file, &mut buffer, len, 0, |filled| filled == 0);
        Some(Reply::whole(len, result.map(|count| (count, buffer))))
    }

    /// What its reads are multiples of. Direct I/O may need larger blocks than those that buffers
    /// are multiples of.
    pub(crate) fn block(&self) -> usize {
        match self.info.metadata().direct_io.alignment() {
            direct if self.source.may_be_direct() => Alignment { memory: BLOCK, ..direct }.step(),
            _ => BLOCK,
        }
    }

    /// How many bytes to ask for to get all of the file and see its end.
    fn whole_len(&self, shared: &FilesShared, consumer: &impl Consumer) -> Option<usize> {
        if self.source.file.is_direct() {
            return None;
        }
        let most = consumer.request_len(self.size, shared.settings.chunk).ok()?;
        let len = usize::try_from(self.size / BLOCK as u64 + 1).ok()?.checked_mul(BLOCK)?;
        (len <= most).then_some(len)
    }
}

/// Opens a file if that needs no waiting.
pub(crate) fn open_now(
    shared: &FilesShared,
    path: IndexedPath,
    opener: &mut NoWaitOpener<'_>,
) -> OpenedNow {
    let fd = match opener.open(&path.path) {
        Ok(fd) => Ok(fd),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {
            Err(Failure::io(FileOperation::Open, error))
        }
        // The file may be there; or it is refused for a reason that open(2) explains better.
        Err(_) => return OpenedNow::MayWait(path),
    };
    OpenedNow::Done(examine(path, fd, false, &shared.counters.opened_cached))
}

/// Opens a file, and waits for the device if need be.
pub(crate) fn open(shared: &FilesShared, path: IndexedPath) -> Result<Opened, FileError> {
    // Files that are not in memory are mostly to be read with direct I/O: then nothing has to be
    // switched later.
    let policy = shared.settings.policy;
    let direct = policy != Policy::Buffered;
    let (fd, refusal) = match shared.lookup.open(&path.path, direct) {
        Err(error) if direct && error.raw_os_error() == Some(libc::EINVAL) => {
            (shared.lookup.open(&path.path, false), Some(error))
        }
        result => (result, None),
    };
    let fd = fd.map_err(|error| match (shared.lookup.refusal(&error), error.raw_os_error()) {
        (Some(reason), _) => {
            let error = io::Error::new(error.kind(), reason);
            Failure::new(FileOperation::Open, FileErrorKind::Refused, error)
        }
        // open(2) says this of a socket.
        (None, Some(libc::ENXIO)) => {
            Failure::new(FileOperation::Open, FileErrorKind::NotAFile, error)
        }
        (None, _) => Failure::io(FileOperation::Open, error),
    });
    let direct = direct && refusal.is_none();
    let mut opened = examine(path, fd, direct, &shared.counters.opened_blocking)?;
    if let Some(refusal) = refusal.filter(|_| policy == Policy::Direct) {
        opened.source.fallback = Some(refusal);
    }
    Ok(opened)
}

/// Counts a file that was opened, and finds out what it is.
fn examine(
    path: IndexedPath,
    fd: Result<OwnedFd, Failure>,
    direct: bool,
    counter: &AtomicU64,
) -> Result<Opened, FileError> {
    let handle_of = |fd: OwnedFd| {
        Counters::add(counter);
        let stat_failed = |error| Failure::io(FileOperation::Stat, error);
        let metadata = Metadata::of(fd.as_fd()).map_err(stat_failed)?;
        if let Some(reason) = refusal(metadata.kind) {
            return Err(Failure::new(FileOperation::Open, FileErrorKind::NotAFile, reason));
        }
        let file = FileHandle::opened(fd, direct, &metadata);
        let size = match metadata.kind {
            FileKind::BlockDevice => file.size().map_err(stat_failed)?,
            _ => metadata.size,
        };
        Ok((file, metadata, size))
    };
    match fd.and_then(handle_of) {
        Ok((file, metadata, size)) => {
            let info = FileInfo::new(path, metadata);
            let (sharing, way) = (Sharing::Alone, Way::Device);
            Ok(Opened { source: Source { file, sharing, way, fallback: None }, info, size })
        }
        Err(failure) => Err(failure.of(path, 0)),
    }
}

/// Why this kind of file isn't read.
fn refusal(kind: FileKind) -> Option<io::Error> {
    let (error, reason) = match kind {
        FileKind::Regular | FileKind::BlockDevice => return None,
        FileKind::Directory => (io::ErrorKind::IsADirectory, "it is a directory"),
        FileKind::Fifo => (io::ErrorKind::InvalidInput, "it is a pipe"),
        FileKind::Socket => (io::ErrorKind::InvalidInput, "it is a socket"),
        FileKind::CharDevice => (io::ErrorKind::InvalidInput, "it is a character device"),
        _ => (io::ErrorKind::InvalidInput, "it is not a regular file"),
    };
    Some(io::Error::new(error, reason))
}

/// Has the file read as the policy says, and switches direct I/O on or off for it.
pub(crate) fn choose_way(shared: &FilesShared, opened: &mut Opened) {
    let policy = shared.settings.policy;
    if policy == Policy::Buffered {
        // Its reads find out what is cached.
        opened.source.way = Way::Cached(AfterMiss::PageCache);
        return;
    }
    let (metadata, source) = (opened.info.metadata(), &mut opened.source);
    let storage = match source.file.kind() {
        // The file system of a device's name is in memory, which says nothing of the device.
        FileKind::BlockDevice => Storage::Plain,
        _ => shared.file_systems.storage(metadata.device, source.file.as_fd()),
    };
    let is_cached = policy == Policy::Automatic
        && Residency::of(source.file.as_fd(), opened.size, storage) == Residency::Cached;
    let why_not = no_direct_io(shared, metadata.direct_io, storage);
    source.way = match why_not {
        _ if !is_cached => Way::Device,
        None => Way::Cached(AfterMiss::Direct(CacheLook::before_direct_reads(storage))),
        Some(_) => Way::Cached(AfterMiss::PageCache),
    };
    if let Some(reason) = why_not.filter(|_| !is_cached && source.fallback.is_none()) {
        source.fallback = Some(io::Error::new(io::ErrorKind::Unsupported, reason));
    }
    let is_read_again =
        || shared.history().is_some_and(|it| it.was_read_whole(metadata.id(), opened.size));
    let direct = !is_cached && source.fallback.is_none() && !is_read_again();
    if source.file.is_direct() != direct {
        match source.file.with_direct(direct) {
            Ok(file) => source.file = file,
            Err(error) => source.fallback = Some(error),
        }
    }
}

/// Why a file has no direct I/O, although it can be opened with `O_DIRECT`.
fn no_direct_io(
    shared: &FilesShared,
    direct_io: DirectIo,
    storage: Storage,
) -> Option<&'static str> {
    match (storage, direct_io) {
        (Storage::Memory, _) => Some("its file system is in memory, and has no direct I/O"),
        // With `O_DIRECT`, it would be read through the page cache nevertheless.
        (_, DirectIo::Unsupported) => Some("its file system says that it has no direct I/O"),
        (_, DirectIo::Aligned(alignment)) if alignment.offset > shared.budget.largest() as u64 => {
            Some("direct I/O on it takes larger blocks than `chunk` and `whole_limit`")
        }
        _ => None,
    }
}
