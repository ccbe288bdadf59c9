//! The directory that is served. Nothing outside it is.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reapool::{FileHandle, FileKind, ReadHistory};

use crate::conditions::Validators;

/// Larger files, in bytes, are read past the page cache the first time: there they would take the
/// place of others. Opening them so takes more system calls than small files are worth.
const LARGE: u64 = 1 << 20;

/// How much is remembered of what was read past the page cache, in bytes.
const REMEMBERED: u64 = 4 << 30;

/// A clone stands for the same directory.
#[derive(Clone)]
pub(crate) struct Root {
    path: Arc<Path>,
    /// What is asked for again is let into the page cache.
    history: ReadHistory,
}

/// A file that may be sent.
pub(crate) struct Found {
    pub(crate) file: FileHandle,
    /// In bytes, when it was opened.
    pub(crate) size: u64,
    /// Its path without symbolic links.
    pub(crate) path: PathBuf,
    pub(crate) validators: Validators,
}

impl Root {
    pub(crate) fn new(directory: &Path) -> io::Result<Self> {
        let path = fs::canonicalize(directory)?;
        if !path.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self { path: path.into(), history: ReadHistory::new(REMEMBERED) })
    }

    /// Opens a file, or a directory's index. Blocks.
    pub(crate) fn open(&self, below: &Path) -> io::Result<Found> {
        let path = self.path.join(below);
        let found = self.open_one(&path)?;
        match found {
            Some(found) => Ok(found),
            None => self.open_one(&path.join("index.html"))?.ok_or(io::ErrorKind::NotFound.into()),
        }
    }

    /// Opens a file. `None` if the path is that of a directory.
    fn open_one(&self, path: &Path) -> io::Result<Option<Found>> {
        // Without the first flag, opening would wait for somebody to write to a pipe.
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
        let opened = FileHandle::options().read(true).custom_flags(flags).open(path);
        let file = opened.map_err(|error| error.source)?;
        // By this path it is the file that was opened, and no longer changes.
        let opened = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
        // Links may have led anywhere.
        let path = fs::read_link(&opened)?;
        if !path.starts_with(&self.path) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        match file.kind() {
            FileKind::Regular => {
                let metadata = file.metadata()?;
                let (size, validators) = (metadata.size, Validators::of(&metadata));
                let file = match size {
                    ..=LARGE => file,
                    _ => self.history.open(opened).map_err(|error| error.source)?,
                };
                Ok(Some(Found { file, size, path, validators }))
            }
            FileKind::Directory => Ok(None),
            _ => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }
}
