//! The directory that is served, and nothing else.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reapool::FileHandle;

/// Clones are the same.
#[derive(Clone)]
pub(crate) struct Root(Arc<Path>);

/// A file that may be sent.
pub(crate) struct Found {
    pub(crate) file: FileHandle,
    /// In bytes, when it was opened.
    pub(crate) size: u64,
    /// Its real one.
    pub(crate) path: PathBuf,
}

impl Root {
    pub(crate) fn new(directory: &Path) -> io::Result<Self> {
        let path = fs::canonicalize(directory)?;
        if !path.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self(path.into()))
    }

    /// Opens a file, or a directory's index. Blocks.
    pub(crate) fn open(&self, below: &Path) -> io::Result<Found> {
        let path = self.0.join(below);
        let found = self.open_one(&path)?;
        match found {
            Some(found) => Ok(found),
            None => self.open_one(&path.join("index.html"))?.ok_or(io::ErrorKind::NotFound.into()),
        }
    }

    /// `None` if it is a directory.
    fn open_one(&self, path: &Path) -> io::Result<Option<Found>> {
        // A pipe that nobody writes to would not be opened otherwise.
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        // Asked of what was opened, which no longer changes: links may have led anywhere.
        let path = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
        let metadata = file.metadata()?;
        if !path.starts_with(&self.0) || !metadata.is_file() && !metadata.is_dir() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(metadata.is_file().then(|| Self::found(file, metadata.len(), path)))
    }

    fn found(file: File, size: u64, path: PathBuf) -> Found {
        Found { file: FileHandle::from(file), size, path }
    }
}
