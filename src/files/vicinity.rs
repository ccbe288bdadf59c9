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
        match cached::open_cached_within(path) {
            // On its way to another mount; or not in memory.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EXDEV | libc::EAGAIN)) => {
                let opened = self.open_elsewhere(mounts, path)?;
                self.stays[begin] = Some(false);
                Ok(opened)
            }
            result => result,
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
    use std::io::Read;
    use std::os::fd::AsFd;
    use std::os::unix::fs::symlink;
    use std::path::{Path, PathBuf};

    use tempfile::TempDir;

    use super::Vicinity;
    use crate::files::cached;
    use crate::files::mounts::Mounts;

    /// What is found of several files, one after the other: their lengths, and what is remembered then.
    type Found = (Vec<Option<usize>>, Vicinity);

    /// Opens files until that goes as is expected. Anything that is changed near a path may have the
    /// kernel say that it would have to wait, if that is at the same moment; and to follow a link takes
    /// waiting as long as its time of access is to be updated, which reading through it does.
    fn assert_found(paths: &[PathBuf], expected: impl Fn(&Found) -> bool) {
        let root = cached::find_cached(Path::new("/"));
        if root.is_err_and(|error| error.raw_os_error() == Some(libc::ENOSYS)) {
            // valgrind doesn't know openat2(2), nor do kernels before 5.6: nothing is opened so.
            return;
        }
        let mounts = Mounts::new();
        let open = |path: &PathBuf, vicinity: &mut Vicinity| {
            let mut contents = Vec::new();
            File::from(vicinity.open(&mounts, path).ok()?).read_to_end(&mut contents).ok()
        };
        let found = || {
            paths.iter().for_each(|path| _ = fs::read(path).unwrap());
            let mut vicinity = Vicinity::default();
            (paths.iter().map(|path| open(path, &mut vicinity)).collect(), vicinity)
        };
        assert!((0..10_000).any(|_| expected(&found())), "{:?}", found().0);
    }

    /// A file in memory, on a mount of its own mostly, and its directory.
    fn elsewhere() -> (TempDir, PathBuf) {
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        let file = directory.path().join("file");
        fs::write(&file, [1; 100]).unwrap();
        (directory, file)
    }

    #[test]
    fn where_it_begins_nothing_is_looked_at_but_that() {
        let paths = ["Cargo.toml", "src/lib.rs", "src/files/mod.rs"].map(PathBuf::from);
        let length = |path| Some(fs::read(path).unwrap().len());
        let lengths: Vec<_> = paths.iter().map(length).collect();
        let at_once = Mounts::new().opens_at_once(File::open(".").unwrap().as_fd());
        assert_found(&paths, |(found, vicinity)| {
            let all = *found == if at_once { lengths.clone() } else { vec![None; 3] };
            all && vicinity.stays == [Some(at_once), None]
                && (!at_once || vicinity.directory.is_none())
        });
    }

    #[test]
    fn elsewhere_the_last_directory_is_remembered() {
        let (directory, file) = elsewhere();
        assert_found(&[file.clone(), file], |(found, vicinity)| {
            let remembered = Some((directory.path().into(), true));
            *found == [Some(100); 2]
                && vicinity.stays == [None, Some(false)]
                && vicinity.directory == remembered
        });
    }

    #[test]
    fn a_link_may_lead_elsewhere() {
        let (_elsewhere, file) = elsewhere();
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        symlink(file, &link).unwrap();
        assert_found(&[link.clone(), link], |(found, vicinity)| {
            *found == [Some(100); 2] && vicinity.stays[1] == Some(false)
        });
    }
}
