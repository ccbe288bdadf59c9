//! A file that has been opened: what it is, and which way it is going to be read.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use crate::file::FileHandle;
use crate::file::metadata::{DirectIo, FileKind, Metadata};
use crate::files::Layer;
use crate::files::error::{FileError, FileErrorKind, FileOperation};
use crate::files::filesystem::Storage;
use crate::files::info::FileInfo;
use crate::files::no_wait_opener::NoWaitOpener;
use crate::files::openat;
use crate::files::policy::{Access, Policy};
use crate::files::residency::{Residency, residency};
use crate::files::source::Numbered;
use crate::files::stats::Counters;

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
        opener: &mut NoWaitOpener,
    ) -> Result<Result<Opened, Numbered>, FileError> {
        match opener.open(&self.file_systems, &path.path) {
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
        let (opened, refusal) = match openat::open(&path.path, direct) {
            Err(error) if direct && error.raw_os_error() == Some(libc::EINVAL) => {
                (openat::open(&path.path, false), Some(error))
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
            _ => self.file_systems.storage(device, opened.file.as_fd()),
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
                let residency = residency(opened.file.as_fd(), opened.size, storage);
                opened.cached = residency == Residency::Cached;
                !opened.cached
            }
        }
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
