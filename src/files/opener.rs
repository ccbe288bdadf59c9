//! Opening files for reading: without waiting, which fails if something is not in memory, and with
//! waiting.
//!
//! Safety: the one raw system call has its contract beside it.

#![expect(unsafe_code, reason = "openat2(2), which the standard library doesn't have")]

use std::ffi::CString;
use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::file::metadata::{FileKind, Metadata};
use crate::files::filesystem::FileSystems;

/// With these, opening a pipe doesn't wait for its writer, and a terminal doesn't become ours.
const FLAGS: libc::c_int = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;

/// Finds a file if everything that finding it takes is in memory; its file system is not asked. The
/// descriptor only names the file. `EAGAIN` says that there is something to wait for.
fn find_nowait(path: &Path) -> io::Result<OwnedFd> {
    resolve_cached(path, libc::O_PATH | libc::O_CLOEXEC, 0)
}

/// Opens a file for reading if everything that finding it takes is in memory. Its file system then
/// opens it, and may have to ask somebody else for that: see `filesystem`.
///
/// With `RESOLVE_NO_SYMLINKS`, `ELOOP` if there is a symbolic link on the way: without one, the
/// file is on the mount of its directory. With `RESOLVE_NO_XDEV`, `EXDEV` or `EAGAIN` if the file
/// is on another mount than the root directory or, for a relative path, the current directory.
fn open_nowait(path: &Path, resolve: u64) -> io::Result<OwnedFd> {
    resolve_cached(path, FLAGS | libc::O_RDONLY, resolve)
}

/// openat2(2) with `RESOLVE_CACHED`; kernels before 5.12 don't know it.
fn resolve_cached(path: &Path, flags: libc::c_int, more: u64) -> io::Result<OwnedFd> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: all its fields are integers, for which zero is a value.
    let mut how: libc::open_how = unsafe { std::mem::zeroed() };
    how.flags = u64::from(flags.cast_unsigned());
    how.resolve = libc::RESOLVE_CACHED | more;
    // SAFETY: the path ends with a zero byte, and the structure is as long as is said; the kernel
    // reads both during the call only.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_openat2,
            libc::AT_FDCWD,
            path.as_ptr(),
            &raw const how,
            size_of::<libc::open_how>(),
        )
    };
    match i32::try_from(fd) {
        // SAFETY: the descriptor is fresh from the kernel and nobody else knows it.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Opens a file for reading and waits for the device if need be, but not for the writer of a pipe.
pub(crate) fn open(path: &Path, direct: bool) -> io::Result<OwnedFd> {
    let flags = FLAGS | if direct { libc::O_DIRECT } else { 0 };
    match open_with(path, flags) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => open_leased(path, flags),
        result => result,
    }
}

/// Opens a file on which a process has a lease (fcntl(2), `F_SETLEASE`): the kernel asks it to give
/// the lease up, and one has to wait for that. Only regular files have leases. But by now the path
/// may be that of a pipe, or the file system may have lied. So the file is looked at first, and
/// then opened by the descriptor of what was looked at.
fn open_leased(path: &Path, flags: libc::c_int) -> io::Result<OwnedFd> {
    let named = open_with(path, libc::O_PATH)?;
    let is_regular = Metadata::of(named.as_fd())?.kind == FileKind::Regular;
    let flags = if is_regular { flags & !libc::O_NONBLOCK } else { flags };
    open_with(Path::new(&format!("/proc/self/fd/{}", named.as_raw_fd())), flags)
}

fn open_with(path: &Path, flags: libc::c_int) -> io::Result<OwnedFd> {
    OpenOptions::new().read(true).custom_flags(flags).open(path).map(OwnedFd::from)
}

/// Opens files one after the other without waiting: it remembers on which mount the last ones were.
///
/// It is used for a moment only: a process may change its directories, and something else may be
/// mounted on one of them; then a worker would wait for the first files there.
#[derive(Default)]
pub(crate) struct NoWaitOpener {
    /// For relative paths, and for absolute ones: whether to try first on the mount where such
    /// paths begin. Files there can be opened without waiting, and the last file was there.
    same_mount: [Option<bool>; 2],
    /// The directory of the last file that was on another mount, and whether files in it can be
    /// opened without waiting.
    directory: Option<(PathBuf, bool)>,
}

impl NoWaitOpener {
    /// Opens a file for reading if that needs no waiting; `WouldBlock` says that it may.
    pub(crate) fn open(&mut self, systems: &FileSystems, path: &Path) -> io::Result<OwnedFd> {
        let begin = usize::from(path.is_absolute());
        let same_mount = *self.same_mount[begin].get_or_insert_with(|| {
            let place = find_nowait(Path::new([".", "/"][begin]));
            place.is_ok_and(|place| systems.opens_at_once(place.as_fd()))
        });
        if !same_mount {
            return self.open_by_directory(systems, path);
        }
        match open_nowait(path, libc::RESOLVE_NO_XDEV) {
            // The path leads to another mount, or something on it is not in memory.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EXDEV | libc::EAGAIN)) => {
                let opened = self.open_by_directory(systems, path)?;
                self.same_mount[begin] = Some(false);
                Ok(opened)
            }
            result => result,
        }
    }

    /// Opens a file on any mount. It is on the mount of its directory, unless there is a link on
    /// the way.
    fn open_by_directory(&mut self, systems: &FileSystems, path: &Path) -> io::Result<OwnedFd> {
        let Some(parent) = path.parent().filter(|_| path.file_name().is_some()) else {
            return open_alone(systems, path);
        };
        let at_once = match &self.directory {
            Some((directory, at_once)) if directory == parent => *at_once,
            _ => {
                let here = parent.as_os_str().is_empty();
                let place = find_nowait(if here { Path::new(".") } else { parent })?;
                let at_once = systems.opens_at_once(place.as_fd());
                self.directory = Some((parent.to_owned(), at_once));
                at_once
            }
        };
        if !at_once {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        match open_nowait(path, libc::RESOLVE_NO_SYMLINKS) {
            // A link: the file may be on another mount than its directory.
            Err(error) if error.raw_os_error() == Some(libc::ELOOP) => open_alone(systems, path),
            result => result,
        }
    }
}

/// Finds a file first, and opens it if its mount is one that doesn't wait.
fn open_alone(systems: &FileSystems, path: &Path) -> io::Result<OwnedFd> {
    let place = find_nowait(path)?;
    if !systems.opens_at_once(place.as_fd()) {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    open_nowait(path, 0)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::Read;
    use std::os::fd::AsFd;
    use std::os::unix::fs::symlink;
    use std::path::{Path, PathBuf};

    use tempfile::TempDir;

    use super::{NoWaitOpener, find_nowait};
    use crate::files::filesystem::FileSystems;

    /// The lengths of files that were opened one after the other, if they could be, and the opener
    /// with all that it remembers.
    type Found = (Vec<Option<usize>>, NoWaitOpener);

    /// Opens files until that goes as expected. If anything near a path is changed at the same
    /// moment, the kernel may say that it would have to wait. It also says so when it would have to
    /// update a link's time of access; reading through the link, as this does, has it updated.
    fn assert_found(paths: &[PathBuf], expected: impl Fn(&Found) -> bool) {
        let root = find_nowait(Path::new("/"));
        if root.is_err_and(|error| error.raw_os_error() == Some(libc::ENOSYS)) {
            // valgrind doesn't know openat2(2), nor do kernels before 5.6: nothing is opened so.
            return;
        }
        let systems = FileSystems::default();
        let open = |path: &PathBuf, opener: &mut NoWaitOpener| {
            let mut contents = Vec::new();
            File::from(opener.open(&systems, path).ok()?).read_to_end(&mut contents).ok()
        };
        let found = || {
            paths.iter().for_each(|path| _ = fs::read(path).unwrap());
            let mut opener = NoWaitOpener::default();
            (paths.iter().map(|path| open(path, &mut opener)).collect(), opener)
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
        let at_once = FileSystems::default().opens_at_once(File::open(".").unwrap().as_fd());
        assert_found(&paths, |(found, opener)| {
            let all = *found == if at_once { lengths.clone() } else { vec![None; 3] };
            all && opener.same_mount == [Some(at_once), None]
                && (!at_once || opener.directory.is_none())
        });
    }

    #[test]
    fn elsewhere_the_last_directory_is_remembered() {
        let (directory, file) = elsewhere();
        assert_found(&[file.clone(), file], |(found, opener)| {
            let remembered = Some((directory.path().into(), true));
            *found == [Some(100); 2]
                && opener.same_mount == [None, Some(false)]
                && opener.directory == remembered
        });
    }

    #[test]
    fn a_link_may_lead_elsewhere() {
        let (_elsewhere, file) = elsewhere();
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        symlink(file, &link).unwrap();
        assert_found(&[link.clone(), link], |(found, opener)| {
            *found == [Some(100); 2] && opener.same_mount[1] == Some(false)
        });
    }
}
