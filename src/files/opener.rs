//! Opening files for reading: without waiting, which fails if something is not in memory, and with
//! waiting.
//!
//! Safety: the one raw system call has its contract beside it.

#![expect(unsafe_code, reason = "openat2(2), which the standard library doesn't have")]

use std::ffi::{CString, c_int};
use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::file::filesystem::FileSystems;
use crate::file::links::Links;
use crate::file::metadata::{FileKind, Metadata};

/// With these, opening a pipe doesn't wait for its writer, and a terminal doesn't become ours.
const FLAGS: c_int = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;

/// How often a path is looked up again of which the kernel could not say whether it stays below the
/// directory, because something was renamed or mounted meanwhile.
const LOOKUPS: usize = 100;

/// Where paths begin, and whether links are followed.
pub(crate) struct Lookup {
    /// Paths begin here and stay below it. `None`: they begin where those of open(2) do.
    beneath: Option<OwnedFd>,
    links: Links,
}

impl Lookup {
    /// Opens the directory below which paths are to stay, if there is one, and tries whether the
    /// kernel can see to that.
    pub(crate) fn new(links: Links, beneath: Option<&Path>) -> io::Result<Self> {
        let directory = |path| open_by_path(path, libc::O_PATH | libc::O_DIRECTORY);
        let own = Self { beneath: beneath.map(directory).transpose()?, links };
        if own.beneath.is_some() {
            own.openat2(Path::new("."), libc::O_PATH | libc::O_CLOEXEC, 0).map_err(|error| {
                match error.raw_os_error() {
                    Some(libc::ENOSYS | libc::EPERM) => {
                        let reason = "it takes openat2(2): Linux 5.6, where it is not forbidden";
                        io::Error::new(io::ErrorKind::Unsupported, reason)
                    }
                    _ => error,
                }
            })?;
        }
        Ok(own)
    }

    /// Why a setting refuses the file, if opening it has failed for that.
    pub(crate) fn refusal(&self, error: &io::Error) -> Option<&'static str> {
        match error.raw_os_error() {
            Some(libc::ELOOP) if self.links == Links::Refuse => {
                Some("it is a symbolic link, and the setting `links` refuses them")
            }
            Some(libc::EXDEV) if self.beneath.is_some() => {
                Some("it is not below the directory of the setting `beneath`")
            }
            _ => None,
        }
    }

    /// Opens a file for reading and waits for the device if need be, but not for the writer of a
    /// pipe.
    pub(crate) fn open(&self, path: &Path, direct: bool) -> io::Result<OwnedFd> {
        let flags = FLAGS | if direct { libc::O_DIRECT } else { 0 };
        match self.open_with(path, flags | self.nofollow()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.open_leased(path, flags)
            }
            result => result,
        }
    }

    /// Opens a file on which a process has a lease (fcntl(2), `F_SETLEASE`): the kernel asks it to
    /// give the lease up, and one has to wait for that. Only regular files have leases. But by now
    /// the path may be that of a pipe, or the file system may have lied. So the file is looked at
    /// first, and then opened by the descriptor of what was looked at.
    ///
    /// A path below a directory may be here only because it has to be looked up again.
    fn open_leased(&self, path: &Path, flags: c_int) -> io::Result<OwnedFd> {
        let look_up = || self.open_with(path, libc::O_PATH | libc::O_CLOEXEC | self.nofollow());
        let is_final = |found: &io::Result<OwnedFd>| {
            !found.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
        };
        let mut lookups = std::iter::repeat_with(look_up).take(LOOKUPS);
        let named = lookups.find(is_final).unwrap_or_else(look_up)?;
        let is_regular = Metadata::of(named.as_fd())?.kind == FileKind::Regular;
        let flags = if is_regular { flags & !libc::O_NONBLOCK } else { flags };
        open_by_path(Path::new(&format!("/proc/self/fd/{}", named.as_raw_fd())), flags)
    }

    fn nofollow(&self) -> c_int {
        match self.links {
            Links::Follow => 0,
            Links::Refuse => libc::O_NOFOLLOW,
        }
    }

    fn open_with(&self, path: &Path, flags: c_int) -> io::Result<OwnedFd> {
        if self.beneath.is_none() {
            return open_by_path(path, flags);
        }
        loop {
            match self.openat2(path, flags, 0) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// Finds a file if everything that finding it takes is in memory; its file system is not asked.
    /// The descriptor only names the file. `EAGAIN` says that there is something to wait for.
    fn find_nowait(&self, path: &Path, flags: c_int) -> io::Result<OwnedFd> {
        self.openat2(path, libc::O_PATH | libc::O_CLOEXEC | flags, libc::RESOLVE_CACHED)
    }

    /// Opens a file for reading if everything that finding it takes is in memory. Its file system
    /// then opens it, and may have to ask somebody else for that: see `filesystem`. Kernels before
    /// 5.12 can't say.
    ///
    /// With `RESOLVE_NO_SYMLINKS`, `ELOOP` if there is a symbolic link on the way: without one, the
    /// file is on the mount of its directory. With `RESOLVE_NO_XDEV`, `EXDEV` or `EAGAIN` if the
    /// file is on another mount than the one where its path begins: the root directory or, for a
    /// relative path, the current directory or that of `beneath`.
    fn open_nowait(&self, path: &Path, resolve: u64) -> io::Result<OwnedFd> {
        self.openat2(path, FLAGS | libc::O_RDONLY | self.nofollow(), libc::RESOLVE_CACHED | resolve)
    }

    fn openat2(&self, path: &Path, flags: c_int, resolve: u64) -> io::Result<OwnedFd> {
        let path = CString::new(path.as_os_str().as_bytes())?;
        let (directory, stay) = match &self.beneath {
            Some(directory) => (directory.as_raw_fd(), libc::RESOLVE_BENEATH),
            None => (libc::AT_FDCWD, 0),
        };
        // SAFETY: all its fields are integers, for which zero is a value.
        let mut how: libc::open_how = unsafe { std::mem::zeroed() };
        how.flags = u64::from(flags.cast_unsigned());
        how.resolve = resolve | stay;
        // SAFETY: the path ends with a zero byte, and the structure is as long as is said; the
        // kernel reads both during the call only.
        let fd = unsafe {
            libc::syscall(
                libc::SYS_openat2,
                directory,
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
}

fn open_by_path(path: &Path, flags: c_int) -> io::Result<OwnedFd> {
    OpenOptions::new().read(true).custom_flags(flags).open(path).map(OwnedFd::from)
}

/// Opens files one after the other without waiting: it remembers on which mount the last ones were.
///
/// It is used for a moment only: a process may change its directories, and something else may be
/// mounted on one of them; then a worker would wait for the first files there.
pub(crate) struct NoWaitOpener<'a> {
    lookup: &'a Lookup,
    systems: &'a FileSystems,
    /// For relative paths, and for absolute ones: whether to try first on the mount where such
    /// paths begin. Files there can be opened without waiting, and the last file was there.
    same_mount: [Option<bool>; 2],
    /// The directory of the last file that was on another mount, and whether files in it can be
    /// opened without waiting.
    directory: Option<(PathBuf, bool)>,
}

impl<'a> NoWaitOpener<'a> {
    pub(crate) fn new(lookup: &'a Lookup, systems: &'a FileSystems) -> Self {
        Self { lookup, systems, same_mount: [None; 2], directory: None }
    }

    /// Opens a file for reading if that needs no waiting; `WouldBlock` says that it may.
    pub(crate) fn open(&mut self, path: &Path) -> io::Result<OwnedFd> {
        let begin = usize::from(path.is_absolute());
        let same_mount = *self.same_mount[begin].get_or_insert_with(|| {
            let place = self.lookup.find_nowait(Path::new([".", "/"][begin]), 0);
            place.is_ok_and(|place| self.systems.opens_at_once(place.as_fd()))
        });
        if !same_mount {
            return self.open_by_directory(path);
        }
        match self.lookup.open_nowait(path, libc::RESOLVE_NO_XDEV) {
            // The path leads to another mount, or something on it is not in memory.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EXDEV | libc::EAGAIN)) => {
                let opened = self.open_by_directory(path)?;
                self.same_mount[begin] = Some(false);
                Ok(opened)
            }
            result => result,
        }
    }

    /// Opens a file on any mount. It is on the mount of its directory, unless there is a link on
    /// the way.
    fn open_by_directory(&mut self, path: &Path) -> io::Result<OwnedFd> {
        let Some(parent) = path.parent().filter(|_| path.file_name().is_some()) else {
            return self.open_alone(path);
        };
        let at_once = match &self.directory {
            Some((directory, at_once)) if directory == parent => *at_once,
            _ => {
                let here = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
                let at_once = self.systems.opens_at_once(self.lookup.find_nowait(here, 0)?.as_fd());
                self.directory = Some((parent.to_owned(), at_once));
                at_once
            }
        };
        if !at_once {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        match self.lookup.open_nowait(path, libc::RESOLVE_NO_SYMLINKS) {
            // A link: the file may be on another mount than its directory.
            Err(error) if error.raw_os_error() == Some(libc::ELOOP) => self.open_alone(path),
            result => result,
        }
    }

    /// Finds a file first, and opens it if its mount is one that doesn't wait.
    fn open_alone(&self, path: &Path) -> io::Result<OwnedFd> {
        // A link that is to be refused is what it is, wherever it leads, if anywhere.
        let place = self.lookup.find_nowait(path, self.lookup.nofollow())?;
        if !self.systems.opens_at_once(place.as_fd()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.lookup.open_nowait(path, 0)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::Read;
    use std::os::fd::AsFd;
    use std::os::unix::fs::symlink;
    use std::path::{Path, PathBuf};

    use tempfile::TempDir;

    use super::{Lookup, NoWaitOpener};
    use crate::file::filesystem::FileSystems;
    use crate::file::links::Links;

    /// The lengths of files that were opened one after the other, if they could be, and the opener
    /// with all that it remembers.
    type Found<'a> = (Vec<Option<usize>>, NoWaitOpener<'a>);

    /// Opens files until that goes as expected. If anything near a path is changed at the same
    /// moment, the kernel may say that it would have to wait. It also says so when it would have to
    /// update a link's time of access; reading through the link, as this does, has it updated.
    fn assert_found(paths: &[PathBuf], expected: impl Fn(&Found<'_>) -> bool) {
        let lookup = Lookup::new(Links::Follow, None).unwrap();
        let root = lookup.find_nowait(Path::new("/"), 0);
        if root.is_err_and(|error| error.raw_os_error() == Some(libc::ENOSYS)) {
            // valgrind doesn't know openat2(2), nor do kernels before 5.6: nothing is opened so.
            return;
        }
        let systems = FileSystems::default();
        let open = |path: &PathBuf, opener: &mut NoWaitOpener<'_>| {
            let mut contents = Vec::new();
            File::from(opener.open(path).ok()?).read_to_end(&mut contents).ok()
        };
        let found = || {
            paths.iter().for_each(|path| _ = fs::read(path).unwrap());
            let mut opener = NoWaitOpener::new(&lookup, &systems);
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
