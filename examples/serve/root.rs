//! The directory that is served. Nothing outside it is.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reapool::{FileHandle, FileKind};

/// A clone stands for the same directory.
#[derive(Clone)]
pub(crate) struct Root(Arc<Path>);

/// A file that may be sent.
pub(crate) struct Found {
    pub(crate) file: FileHandle,
    /// In bytes, when it was opened.
    pub(crate) size: u64,
    /// Its path without symbolic links.
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

    /// Opens a file. `None` if the path is that of a directory.
    fn open_one(&self, path: &Path) -> io::Result<Option<Found>> {
        // Without this flag, opening would wait for somebody to write to a pipe.
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
        let opened = FileHandle::options().read(true).custom_flags(flags).open(path);
        let file = opened.map_err(|error| error.source)?;
        // This asks for the path of the file that was opened: links may have led anywhere, and that
        // file no longer changes.
        let path = fs::read_link(format!("/proc/self/fd/{}", file.as_fd().as_raw_fd()))?;
        match file.kind() {
            FileKind::Regular if path.starts_with(&self.0) => {
                Ok(Some(Found { size: file.size()?, file, path }))
            }
            FileKind::Directory if path.starts_with(&self.0) => Ok(None),
            _ => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }
}
