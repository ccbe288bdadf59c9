//! A file that is not complete. It has no name, or a temporary one, until it gets its own.

use std::ffi::{CStr, CString, c_int};
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::file::existing::Existing;
use crate::file::metadata::{FileId, Metadata};
use crate::sys::directory::{
    name_in, open_in, open_unnamed, remove_in, rename_in, rename_to_free_name,
};
use crate::sys::fork::ForkMark;

/// How many bytes of the target's name a temporary name has at most, so that it is shorter than any
/// file system's limit: that is mostly 255, and 143 for eCryptfs.
const MOST_OF_NAME: usize = 80;

/// How many names are tried. Two of them are only the same by intent.
const ATTEMPTS: usize = 16;

/// A new file in a directory. Dropping removes its temporary name, if it has one that is still its
/// own.
pub(super) struct Temporary {
    directory: OwnedFd,
    /// No other file has this while the file is open.
    file: FileId,
    place: Place,
    /// The file is the parent's, also while a child has a copy of this.
    fork_mark: ForkMark,
}

/// Where the file is in its directory.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It has no name. When its last descriptor is closed, also by a process that is killed, it is
    /// gone.
    Unnamed,
    /// Under this temporary name.
    Named(CString),
    /// Under its own name.
    Renamed,
}

impl Temporary {
    /// Creates a file without a name, for reading and writing. Where the file system has no such
    /// files, it has a hidden name that is made of the target's.
    pub(super) fn create_unnamed(
        directory: OwnedFd,
        target: &CStr,
        flags: c_int,
        mode: u32,
    ) -> io::Result<(Self, OwnedFd, Metadata)> {
        if can_be_named_later()
            && let Ok(fd) = open_unnamed(directory.as_fd(), flags, mode)
        {
            let metadata = Metadata::of(fd.as_fd())?;
            return Ok((Self::new(directory, &metadata, Place::Unnamed), fd, metadata));
        }
        // Its errors say more of the directory.
        Self::create_named(directory, target, flags, mode)
    }

    /// Creates a file for reading and writing, under a hidden name that is made of the target's.
    pub(super) fn create_named(
        directory: OwnedFd,
        target: &CStr,
        flags: c_int,
        mode: u32,
    ) -> io::Result<(Self, OwnedFd, Metadata)> {
        let flags = flags | libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW;
        let open = |name: &CStr| open_in(directory.as_fd(), name, flags, mode);
        let (name, fd) = first_free(temporary_names(target), open)?;
        let metadata = Metadata::of(fd.as_fd());
        let metadata = metadata.inspect_err(|_| _ = remove_in(directory.as_fd(), &name))?;
        Ok((Self::new(directory, &metadata, Place::Named(name)), fd, metadata))
    }

    fn new(directory: OwnedFd, metadata: &Metadata, place: Place) -> Self {
        let fork_mark = ForkMark::of_this_process();
        Self { directory, file: metadata.id(), place, fork_mark }
    }

    pub(super) fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Whether this is a forked child's copy.
    pub(super) fn is_forked(&self) -> bool {
        self.fork_mark.is_forked()
    }

    /// Gives the file a name that nothing has. Where links are refused, the process makes no more
    /// files without a name.
    fn link(&self, file: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
        name_in(self.directory(), file, name).inspect_err(|error| {
            if refuses_links(error) {
                LINKS_ARE_REFUSED.store(true, Ordering::Relaxed);
            }
        })
    }

    /// Gives the file, which has no name, its own for good, if nothing has that.
    pub(super) fn take_free_name(&mut self, file: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
        self.link(file, name)?;
        self.place = Place::Renamed;
        Ok(())
    }

    /// Gives the file a temporary name, if it has none: only what has a name can take the place of
    /// another.
    pub(super) fn take_temporary_name(
        &mut self,
        file: BorrowedFd<'_>,
        target: &CStr,
    ) -> io::Result<()> {
        if self.place == Place::Unnamed {
            let link = |own: &CStr| self.link(file, own);
            let (own, ()) = first_free(temporary_names(target), link)?;
            self.place = Place::Named(own);
        }
        Ok(())
    }

    /// Gives the file, which has a temporary name, its own for good, in the place of what had that,
    /// if it may be replaced.
    pub(super) fn rename_to(&mut self, name: &CStr, existing: Existing) -> io::Result<()> {
        let directory = self.directory.as_fd();
        if let Place::Named(own) = &self.place {
            match existing {
                Existing::Replace => rename_in(directory, own, name)?,
                Existing::Refuse => rename_to_free_name(directory, own, name)?,
            }
        }
        self.place = Place::Renamed;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let Place::Named(name) = &self.place else { return };
        if self.is_forked() {
            return;
        }
        let found = Metadata::of_name(self.directory.as_fd(), name);
        if found.is_ok_and(|found| found.id() == self.file) {
            // Whoever drops this can't be told.
            let _ = remove_in(self.directory.as_fd(), name);
        }
    }
}

/// Whether a file without a name can get one, as far as is known. Older kernels do that by a path
/// in /proc.
fn can_be_named_later() -> bool {
    static CAN: OnceLock<bool> = OnceLock::new();
    let can = CAN.get_or_init(|| fs::exists("/proc/self/fd").is_ok_and(|exists| exists));
    *can && !LINKS_ARE_REFUSED.load(Ordering::Relaxed)
}

/// Links were refused to this process once.
static LINKS_ARE_REFUSED: AtomicBool = AtomicBool::new(false);

/// Whether an error says that the file system has no links, or the process may not make any.
pub(super) fn refuses_links(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EPERM | libc::ENOSYS | libc::EOPNOTSUPP))
}

/// Makes something under the first name that nothing has.
fn first_free<T>(
    names: impl IntoIterator<Item = Vec<u8>>,
    make: impl Fn(&CStr) -> io::Result<T>,
) -> io::Result<(CString, T)> {
    let mut taken = io::Error::from_raw_os_error(libc::EEXIST);
    for name in names {
        let name = CString::new(name)?;
        match make(&name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => taken = error,
            other => return other.map(|made| (name, made)),
        }
    }
    Err(taken)
}

/// Names for a file beside its target. They are made as they are tried.
fn temporary_names(target: &CStr) -> impl Iterator<Item = Vec<u8>> {
    let random = || RandomState::new().hash_one(process::id());
    (0..ATTEMPTS).map(move |_| temporary_name(target.to_bytes(), random()))
}

/// `.NAME.RANDOM.tmp`. The random part has no capital letters, as some file systems take them for
/// small ones.
fn temporary_name(target: &[u8], random: u64) -> Vec<u8> {
    let random = format!(".{random:016x}.tmp");
    [b".", shortened(target), random.as_bytes()].concat()
}

/// So much of a name as there is room for. A character of UTF-8 is not cut, as some file systems
/// refuse other names.
fn shortened(name: &[u8]) -> &[u8] {
    if name.len() <= MOST_OF_NAME {
        return name;
    }
    let begins_character = |byte: u8| byte & 0b1100_0000 != 0b1000_0000;
    // A character has four bytes at most, so this is none if it finds nothing.
    let end = (MOST_OF_NAME - 3..=MOST_OF_NAME).rev().find(|&end| begins_character(name[end]));
    &name[..end.unwrap_or(MOST_OF_NAME)]
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;
    use std::fs;
    use std::os::fd::{AsFd, OwnedFd};

    use super::{ATTEMPTS, MOST_OF_NAME, Place, Temporary, first_free, shortened, temporary_name};
    use crate::sys::directory::{open_directory, open_in, remove_in};

    fn directory() -> (tempfile::TempDir, OwnedFd) {
        let directory = tempfile::tempdir().unwrap();
        let opened = open_directory(directory.path()).unwrap();
        (directory, opened)
    }

    #[test]
    fn a_temporary_name_is_hidden_short_and_says_whose_it_is() {
        assert_eq!(temporary_name(b"file", 0xab), *b".file.00000000000000ab.tmp");
        let longest = temporary_name(&[b'x'; 255], u64::MAX);
        assert!(longest.len() < 143 && longest.starts_with(b".xx"));
    }

    #[test]
    fn no_character_is_cut() {
        for before in 0..8 {
            for character in ["a", "ü", "日", "🦀"] {
                let name = "x".repeat(before) + &character.repeat(100);
                let short = std::str::from_utf8(shortened(name.as_bytes())).unwrap();
                assert!(name.starts_with(short) && short.len() <= MOST_OF_NAME);
                assert!(short.len() + character.len() > MOST_OF_NAME, "no shorter than need be");
            }
        }
        for len in [1, MOST_OF_NAME, MOST_OF_NAME + 1, 255] {
            for byte in [b'x', 0xff, 0x80] {
                let name = vec![byte; len];
                assert_eq!(shortened(&name), &name[..len.min(MOST_OF_NAME)]);
            }
        }
        let fits = "ü".repeat(MOST_OF_NAME / 2);
        assert_eq!(shortened(fits.as_bytes()), fits.as_bytes());
    }

    #[test]
    fn names_that_are_taken_are_passed_over() {
        let (directory, opened) = directory();
        fs::write(directory.path().join("a"), "another's").unwrap();
        std::os::unix::fs::symlink("elsewhere", directory.path().join("b")).unwrap();
        let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW;
        let open = |name: &CStr| open_in(opened.as_fd(), name, flags, 0o600);
        let (name, _file) = first_free(["a", "b", "c"].map(Vec::from), open).unwrap();
        assert_eq!(&*name, c"c");
        assert!(directory.path().join("c").exists());
        assert!(!directory.path().join("elsewhere").exists());
        assert_eq!(fs::read(directory.path().join("a")).unwrap(), b"another's");

        let error = first_free(vec![Vec::from("a"); ATTEMPTS], open).err().unwrap();
        assert_eq!(error.raw_os_error(), Some(libc::EEXIST));
    }

    #[test]
    fn a_name_that_is_anothers_by_now_is_not_removed() {
        let (directory, opened) = directory();
        let (temporary, file, _) = Temporary::create_named(opened, c"file", 0, 0o600).unwrap();
        let Place::Named(name) = temporary.place() else { panic!("it has a name") };
        remove_in(temporary.directory(), name).unwrap();
        let path = directory.path().join(name.to_str().unwrap());
        fs::write(&path, "another's").unwrap();
        drop((temporary, file));
        assert_eq!(fs::read(path).unwrap(), b"another's");
    }
}
