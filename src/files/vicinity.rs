//! Where a worker opens files one after the other: what it found out of the last ones' places holds for
//! the next.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use crate::files::cached;
use crate::files::mounts::Mounts;

/// For a moment only: a process may change its directories, and something else may be mounted on one,
/// for whose first files a worker would wait.
#[derive(Default)]
pub(crate) struct Vicinity {
    /// Whether to try to stay on the mount where relative paths begin, and absolute ones: files there
    /// can be opened without waiting, and the last one was there.
    stays: [Option<bool>; 2],
    /// The directory of the last file that was elsewhere, and whether files there can be opened without
    /// waiting.
    directory: Option<(PathBuf, bool)>,
}

impl Vicinity {
    /// Opens a file for reading if that needs no waiting; `WouldBlock` says that it may.
    pub(crate) fn open(&mut self, mounts: &Mounts, path: &Path) -> io::Result<OwnedFd> {
        let begin = usize::from(path.is_absolute());
        let stays = *self.stays[begin].get_or_insert_with(|| {
            let place = cached::find_cached(Path::new([".", "/"][begin]));
            place.is_ok_and(|place| mounts.opens_at_once(place.as_fd()))
        });
        if !stays {
            return self.open_elsewhere(mounts, path);
        }
        match cached::open_cached_within(path).map_err(|error| (error.raw_os_error(), error)) {
            // On its way to another mount; or not in memory.
            Err((Some(libc::EXDEV | libc::EAGAIN), _)) => {
                let opened = self.open_elsewhere(mounts, path)?;
                self.stays[begin] = Some(false);
                Ok(opened)
            }
            result => result.map_err(|(_, error)| error),
        }
    }

    /// Opens a file that may be on any mount: it is its directory's unless there is a link on the way.
    fn open_elsewhere(&mut self, mounts: &Mounts, path: &Path) -> io::Result<OwnedFd> {
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

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::{self, Read};
    use std::os::fd::{AsFd, OwnedFd};
    use std::os::unix::fs::symlink;
    use std::path::{Path, PathBuf};

    use tempfile::TempDir;

    use super::Vicinity;
    use crate::files::mounts::Mounts;

    /// A file on a mount of its own, in memory, and its directory.
    fn elsewhere() -> (TempDir, PathBuf) {
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        let file = directory.path().join("file");
        fs::write(&file, [1; 100]).unwrap();
        (directory, file)
    }

    fn length(opened: io::Result<OwnedFd>) -> usize {
        let mut contents = Vec::new();
        File::from(opened.unwrap()).read_to_end(&mut contents).unwrap()
    }

    #[test]
    fn where_it_begins_nothing_is_looked_at_but_that() {
        let (mounts, mut vicinity) = (Mounts::new(), Vicinity::default());
        let files = ["Cargo.toml", "src/lib.rs", "src/files/mod.rs"];
        let expected = files.map(|path| fs::read(path).unwrap().len());
        let at_once = mounts.opens_at_once(File::open(".").unwrap().as_fd());
        for (path, expected) in files.into_iter().zip(expected) {
            let opened = vicinity.open(&mounts, Path::new(path));
            if at_once {
                assert_eq!(length(opened), expected, "{path}");
                assert_eq!(vicinity.directory, None, "{path}");
            } else {
                assert_eq!(opened.unwrap_err().kind(), io::ErrorKind::WouldBlock, "{path}");
            }
        }
        assert_eq!(vicinity.stays, [Some(at_once), None]);
    }

    #[test]
    fn elsewhere_the_last_directory_is_remembered() {
        let (mounts, mut vicinity) = (Mounts::new(), Vicinity::default());
        let (directory, file) = elsewhere();
        for _ in 0..2 {
            assert_eq!(length(vicinity.open(&mounts, &file)), 100);
            assert_eq!(vicinity.stays, [None, Some(false)]);
            assert_eq!(vicinity.directory, Some((directory.path().into(), true)));
        }
    }

    #[test]
    fn a_link_may_lead_elsewhere() {
        let (_elsewhere, file) = elsewhere();
        let directory = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let link = directory.path().join("link");
        symlink(file, &link).unwrap();
        let (mounts, mut vicinity) = (Mounts::new(), Vicinity::default());
        for _ in 0..2 {
            assert_eq!(length(vicinity.open(&mounts, &link)), 100);
            assert_eq!(vicinity.stays[1], Some(false));
        }
    }
}
