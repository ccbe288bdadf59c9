//! Where a worker opens files one after the other: what it found out of the last one's directory holds for
//! the next.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use crate::files::cached;
use crate::files::mounts::Mounts;

/// The directory of the last file, and whether files there can be opened without waiting. For a moment
/// only: something else may be mounted there meanwhile, for whose first files a worker would wait.
#[derive(Default)]
pub(crate) struct Vicinity {
    directory: Option<(PathBuf, bool)>,
}

impl Vicinity {
    /// Opens a file for reading if that needs no waiting; `WouldBlock` says that it may.
    pub(crate) fn open(&mut self, mounts: &Mounts, path: &Path) -> io::Result<OwnedFd> {
        let Some(parent) = path.parent().filter(|_| path.file_name().is_some()) else {
            return open_alone(mounts, path);
        };
        let at_once = match &self.directory {
            Some((directory, at_once)) if directory == parent => *at_once,
            _ => {
                let here = parent.as_os_str().is_empty();
                let place = cached::find_cached(if here { Path::new(".") } else { parent })?;
                let at_once = mounts.opens_at_once(place.as_fd());
                self.directory = Some((parent.to_owned(), at_once));
                at_once
            }
        };
        if !at_once {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        match cached::open_cached_there(path) {
            // The file, or a directory before it, may be elsewhere.
            Err(error) if error.raw_os_error() == Some(libc::ELOOP) => open_alone(mounts, path),
            result => result,
        }
    }
}

fn open_alone(mounts: &Mounts, path: &Path) -> io::Result<OwnedFd> {
    let place = cached::find_cached(path)?;
    if !mounts.opens_at_once(place.as_fd()) {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    cached::open_cached(path)
}
