//! A file with a temporary name, which it loses when it gets another, or when it is dropped.

use std::ffi::{CStr, CString, c_int};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process;

use crate::file::existing::Existing;
use crate::file::metadata::{FileId, Metadata};
use crate::sys::directory::{open_in, remove_in, rename_in, rename_to_free_name};
use crate::sys::fork::ForkMark;

/// How many bytes of the target's name a temporary name has at most, so that it is shorter than any
/// file system's limit: that is mostly 255, and 143 for eCryptfs.
const MOST_OF_NAME: usize = 80;

/// How many names are tried. Two of them are only the same by intent.
const ATTEMPTS: usize = 16;

/// The name of a file that was created under it. Dropping removes the name, if it is still that
/// file's.
pub(super) struct Temporary {
    directory: OwnedFd,
    name: CString,
    /// No other file has this while the file is open.
    file: FileId,
    presence: Presence,
    /// The file is the parent's, also while a child has a copy of this.
    fork_mark: ForkMark,
}

/// Whether the file still has its temporary name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Named,
    Renamed,
}

impl Temporary {
    /// Creates a file for reading and writing, under a hidden name that is made of the target's.
    pub(super) fn create(
        directory: OwnedFd,
        target: &CStr,
        flags: c_int,
        mode: u32,
    ) -> io::Result<(Self, OwnedFd, Metadata)> {
        let random = || RandomState::new().hash_one(process::id());
        let names = (0..ATTEMPTS).map(|_| temporary_name(target.to_bytes(), random()));
        Self::create_as_one_of(directory, names, flags, mode)
    }

    /// Takes the first name that nothing has.
    fn create_as_one_of(
        directory: OwnedFd,
        names: impl IntoIterator<Item = Vec<u8>>,
        flags: c_int,
        mode: u32,
    ) -> io::Result<(Self, OwnedFd, Metadata)> {
        let flags = flags | libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW;
        let mut taken = io::Error::from_raw_os_error(libc::EEXIST);
        for name in names {
            let name = CString::new(name)?;
            let fd = match open_in(directory.as_fd(), &name, flags, mode) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    taken = error;
                    continue;
                }
                other => other?,
            };
            let metadata = Metadata::of(fd.as_fd());
            let metadata = metadata.inspect_err(|_| _ = remove_in(directory.as_fd(), &name))?;
            let file = metadata.id();
            let fork_mark = ForkMark::of_this_process();
            let presence = Presence::Named;
            let created = Self { directory, name, file, presence, fork_mark };
            return Ok((created, fd, metadata));
        }
        Err(taken)
    }

    pub(super) fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// Whether this is a forked child's copy.
    pub(super) fn is_forked(&self) -> bool {
        self.fork_mark.is_forked()
    }

    /// Gives the file its name for good, in the place of what had that, if it may be replaced.
    pub(super) fn rename_to(&mut self, name: &CStr, existing: Existing) -> io::Result<()> {
        let (directory, own) = (self.directory.as_fd(), &self.name);
        match existing {
            Existing::Replace => rename_in(directory, own, name)?,
            Existing::Refuse => rename_to_free_name(directory, own, name)?,
        }
        self.presence = Presence::Renamed;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if self.presence == Presence::Renamed || self.is_forked() {
            return;
        }
        let found = Metadata::of_name(self.directory.as_fd(), &self.name);
        if found.is_ok_and(|found| found.id() == self.file) {
            // Whoever drops this can't be told.
            let _ = remove_in(self.directory.as_fd(), &self.name);
        }
    }
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
    use std::fs;
    use std::os::fd::OwnedFd;

    use super::{ATTEMPTS, MOST_OF_NAME, Temporary, shortened, temporary_name};
    use crate::sys::directory::{open_directory, remove_in};

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
    fn names_that_are_taken_are_left_alone() {
        let (directory, opened) = directory();
        fs::write(directory.path().join("a"), "another's").unwrap();
        std::os::unix::fs::symlink("elsewhere", directory.path().join("b")).unwrap();
        let names = ["a", "b", "c"].map(Vec::from);
        let again = opened.try_clone().unwrap();
        let (temporary, _file, _) = Temporary::create_as_one_of(opened, names, 0, 0o600).unwrap();
        assert!(directory.path().join("c").exists());
        assert!(!directory.path().join("elsewhere").exists());
        drop(temporary);
        assert!(!directory.path().join("c").exists());
        assert_eq!(fs::read(directory.path().join("a")).unwrap(), b"another's");

        let names = vec![Vec::from("a"); ATTEMPTS];
        let error = Temporary::create_as_one_of(again, names, 0, 0o600).err().unwrap();
        assert_eq!(error.raw_os_error(), Some(libc::EEXIST));
    }

    #[test]
    fn a_name_that_is_anothers_by_now_is_not_removed() {
        let (directory, opened) = directory();
        let (temporary, file, _) = Temporary::create(opened, c"file", 0, 0o600).unwrap();
        remove_in(temporary.directory(), &temporary.name).unwrap();
        let path = directory.path().join(temporary.name.to_str().unwrap());
        fs::write(&path, "another's").unwrap();
        drop((temporary, file));
        assert_eq!(fs::read(path).unwrap(), b"another's");
    }
}
