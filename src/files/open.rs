//! A file that has been opened: what it is, and which way it is going to be read.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use crate::file::FileHandle;
use crate::file::metadata::{DirectIo, FileKind, Metadata};
use crate::files::Layer;
use crate::files::cached;
use crate::files::error::{FileError, FileErrorKind, FileOperation};
use crate::files::info::FileInfo;
use crate::files::policy::{Access, Policy};
use crate::files::source::Numbered;
use crate::files::stats::Counters;
use crate::files::storage::Storage;
use crate::files::vicinity::Vicinity;

/// A file that is ready to be read.
pub(crate) struct Opened {
    pub(crate) file: FileHandle,
    pub(crate) info: FileInfo,
    /// Why it is not direct, if it should be.
    pub(crate) fallback: Option<io::Error>,
    /// Its size in bytes, of a block device its capacity.
    pub(crate) size: u64,
    /// As far as is known, all of it is in the page cache.
    pub(crate) cached: bool,
}

impl Opened {
    pub(crate) fn access(&self) -> Access {
        if self.file.is_direct() { Access::Direct } else { Access::Buffered }
    }
}

impl Numbered {
    pub(crate) fn failed(
        self,
        operation: FileOperation,
        kind: FileErrorKind,
        source: io::Error,
    ) -> FileError {
        FileError { index: self.index, path: self.path, operation, offset: 0, source, kind }
    }
}

impl Layer {
    /// Opens a file if that needs no waiting. `Ok(Err(path))` says that it does.
    pub(crate) fn open_cached(
        &self,
        path: Numbered,
        vicinity: &mut Vicinity,
    ) -> Result<Result<Opened, Numbered>, FileError> {
        match vicinity.open(&self.mounts, &path.path) {
            Ok(fd) => {
                Counters::add(&self.counters.opened_cached);
                self.look_at(path, fd, false).map(Ok)
            }
            Err(error) => match error.raw_os_error() {
                // It may be there; or it is another kind of refusal, which open(2) explains.
                Some(libc::ENOENT) => {
                    Err(path.failed(FileOperation::Open, FileErrorKind::Io, error))
                }
                _ => Ok(Err(path)),
            },
        }
    }

    /// Opens a file, waiting for the device if need be.
    pub(crate) fn open(&self, path: Numbered) -> Result<Opened, FileError> {
        // What is not in memory is mostly wanted direct, and this saves switching.
        let direct = self.settings.policy != Policy::Buffered;
        let (opened, refusal) = match cached::open(&path.path, direct) {
            Err(error) if direct && error.raw_os_error() == Some(libc::EINVAL) => {
                (cached::open(&path.path, false), Some(error))
            }
            result => (result, None),
        };
        match opened {
            Ok(fd) => {
                Counters::add(&self.counters.opened_blocking);
                let mut opened = self.look_at(path, fd, direct && refusal.is_none())?;
                if refusal.is_some() && self.settings.policy == Policy::Direct {
                    Counters::add(&self.counters.fallbacks);
                    opened.fallback = refusal;
                }
                Ok(opened)
            }
            // What open(2) says of a socket.
            Err(error) if error.raw_os_error() == Some(libc::ENXIO) => {
                Err(path.failed(FileOperation::Open, FileErrorKind::NotAFile, error))
            }
            Err(error) => Err(path.failed(FileOperation::Open, FileErrorKind::Io, error)),
        }
    }

    /// Finds out what has been opened.
    fn look_at(&self, path: Numbered, fd: OwnedFd, direct: bool) -> Result<Opened, FileError> {
        let metadata = match Metadata::of(fd.as_fd()) {
            Ok(metadata) => metadata,
            Err(error) => return Err(path.failed(FileOperation::Stat, FileErrorKind::Io, error)),
        };
        if let Some(reason) = refusal(metadata.kind) {
            return Err(path.failed(FileOperation::Open, FileErrorKind::NotAFile, reason));
        }
        let file = FileHandle::opened(fd, direct, &metadata);
        let size = match metadata.kind {
            FileKind::BlockDevice => match file.size() {
                Ok(size) => size,
                Err(error) => {
                    return Err(path.failed(FileOperation::Stat, FileErrorKind::Io, error));
                }
            },
            _ => metadata.size,
        };
        let info = FileInfo::new(path.index, path.path, metadata);
        Ok(Opened { file, info, fallback: None, size, cached: false })
    }

    /// Decides which way a file is to be read.
    pub(crate) fn choose(&self, mut opened: Opened) -> Opened {
        if self.settings.policy == Policy::Buffered && opened.fallback.is_none() {
            // To be found out.
            opened.cached = true;
            return opened;
        }
        let device = opened.info.metadata().device;
        let storage = match opened.file.kind() {
            // Where its name is, in memory, says nothing of it.
            FileKind::BlockDevice => Storage::Plain,
            _ => self.devices.storage(device, opened.file.as_fd()),
        };
        let wanted = self.wants_direct(&mut opened, storage);
        let reason = match (storage, opened.info.metadata().direct_io) {
            (Storage::Memory, _) => Some("its file system is in memory, and has no direct I/O"),
            // It can be opened so, and is read through the page cache nevertheless.
            (_, DirectIo::Unsupported) => Some("its file system says that it has no direct I/O"),
            _ => None,
        };
        if let Some(reason) = reason.filter(|_| wanted) {
            Counters::add(&self.counters.fallbacks);
            opened.fallback = Some(io::Error::new(io::ErrorKind::Unsupported, reason));
        }
        let direct = wanted && opened.fallback.is_none();
        if opened.file.is_direct() != direct {
            match opened.file.with_direct(direct) {
                Ok(file) => opened.file = file,
                Err(error) => {
                    Counters::add(&self.counters.fallbacks);
                    opened.fallback = Some(error);
                }
            }
        }
        opened
    }

    fn wants_direct(&self, opened: &mut Opened, storage: Storage) -> bool {
        match self.settings.policy {
            _ if opened.fallback.is_some() => false,
            Policy::Direct => true,
            Policy::Buffered => false,
            Policy::Automatic if opened.size <= self.settings.small as u64 => false,
            Policy::Automatic => {
                opened.cached = is_cached(opened, storage);
                !opened.cached
            }
        }
    }
}

/// Whether reading through the page cache will hardly wait.
fn is_cached(opened: &Opened, storage: Storage) -> bool {
    let (file, size) = (opened.file.as_fd(), opened.size);
    match storage {
        Storage::Memory => true,
        Storage::Stacked => cached::begins_cached(file, size).unwrap_or(false),
        Storage::Plain => match cached::is_cached(file, size) {
            Ok(is_cached) => is_cached,
            // Somebody else's file, of which mincore(2) would say that all is there. If it isn't, this
            // may begin to read it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                cached::read(file, &mut vec![0; 1], 1, 0, false).is_ok()
            }
            Err(_) => cached::begins_cached(file, size).unwrap_or(false),
        },
    }
}

/// Why this kind of file isn't read.
fn refusal(kind: FileKind) -> Option<io::Error> {
    let (error, what) = match kind {
        FileKind::Regular | FileKind::BlockDevice => return None,
        FileKind::Directory => (io::ErrorKind::IsADirectory, "it is a directory"),
        FileKind::Fifo => (io::ErrorKind::InvalidInput, "it is a pipe"),
        FileKind::Socket => (io::ErrorKind::InvalidInput, "it is a socket"),
        FileKind::CharDevice => (io::ErrorKind::InvalidInput, "it is a character device"),
        _ => (io::ErrorKind::InvalidInput, "it is not a regular file"),
    };
    Some(io::Error::new(error, what))
}
