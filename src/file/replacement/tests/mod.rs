//! What a replacement does to the file, to its directory and to others.

#![expect(unsafe_code, reason = "a thread takes another user's rights")]

mod errors;
mod killed;
mod permissions;
mod processes;

use std::error::Error;
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::Replacement;
use crate::file::durability::Durability::{self, Cached, Synced};
use crate::file::existing::Existing;
use crate::file::handle::FileHandle;
use crate::file::io_way::IoWay;
use crate::file::open_error::OpenError;
use crate::file::options::OpenOptions;

/// A user that no machine has.
const STRANGER: u32 = 54_321;

/// A directory of the crate's file system, where there is direct I/O, and a path in it.
fn scratch() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
    let target = directory.path().join("file");
    (directory, target)
}

/// The same where any user may come.
fn public() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    set_mode(directory.path(), 0o755);
    let target = directory.path().join("file");
    (directory, target)
}

/// The names in a directory.
fn names(directory: impl AsRef<Path>) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<_> = entries.map(|it| name(it).to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Begins with a file that has a temporary name, if it is to be synced, or else has none.
fn begin(
    target: &Path,
    options: &OpenOptions,
    durability: Durability,
) -> Result<(Replacement, FileHandle), OpenError> {
    Replacement::begin(target, options, Existing::Replace, durability)
}

/// Begins, and fills the new file.
fn filled(target: &Path, contents: &str, durability: Durability) -> Replacement {
    let (replacement, file) = begin(target, &OpenOptions::new(), durability).unwrap();
    write(&file, contents);
    replacement
}

fn write(file: &FileHandle, contents: &str) {
    let file = File::from(file.as_fd().try_clone_to_owned().unwrap());
    file.write_all_at(contents.as_bytes(), 0).unwrap();
}

fn refusal(target: &Path) -> OpenError {
    let error = |durability| begin(target, &OpenOptions::new(), durability).err();
    let [cached, synced] = [Cached, Synced].map(|durability| error(durability).unwrap());
    assert_eq!(cached.to_string(), synced.to_string());
    cached
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// The system's error in that of a commit.
fn system_error(error: &io::Error) -> Option<i32> {
    let source = error.source()?.downcast_ref::<io::Error>()?;
    source.raw_os_error()
}

/// Runs something with the rights of a user that owns nothing, on this thread alone.
fn as_stranger<T>(action: impl FnOnce() -> T) -> T {
    // SAFETY: a system call without pointers, about this thread.
    let own = unsafe { libc::setfsuid(STRANGER) };
    let value = catch_unwind(AssertUnwindSafe(action));
    // SAFETY: as above.
    unsafe { libc::setfsuid(own.cast_unsigned()) };
    value.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn is_root() -> bool {
    // SAFETY: a system call without pointers.
    unsafe { libc::geteuid() == 0 }
}

#[test]
fn a_file_is_the_old_one_until_it_is_the_new_one() {
    for durability in [Cached, Synced] {
        let (directory, target) = scratch();
        fs::write(&target, "old").unwrap();
        let old = File::open(&target).unwrap();
        let replacement = filled(&target, "new", durability);
        assert_eq!(fs::read(&target).unwrap(), b"old");
        let names_now = names(&directory);
        let (file, temporary) = names_now.split_last().unwrap();
        assert_eq!(file, "file");
        assert_eq!(temporary.len(), usize::from(durability == Synced));
        let is_temporary = |name: &String| name.starts_with(".file.") && name.ends_with(".tmp");
        assert!(temporary.iter().all(is_temporary));
        replacement.commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(names(&directory), ["file"]);
        assert_eq!(old.metadata().unwrap().nlink(), 0, "the old one was not written over");
    }
}

#[test]
fn what_was_not_there_is_created() {
    for durability in [Cached, Synced] {
        let (directory, target) = scratch();
        let replacement = filled(&target, "new", durability);
        assert!(!target.exists());
        replacement.commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(names(&directory), ["file"]);
    }
}

#[test]
fn what_is_dropped_leaves_nothing() {
    let (directory, target) = scratch();
    fs::write(&target, "old").unwrap();
    for durability in [Cached, Synced] {
        let count = 1 + usize::from(durability == Synced);
        let replacement = filled(&target, "new", durability);
        assert_eq!(names(&directory).len(), count);
        drop(replacement);
        assert_eq!(names(&directory), ["file"]);
        let panicked = catch_unwind(|| {
            let _replacement = filled(&target, "new", durability);
            assert_eq!(names(&directory).len(), count);
            std::panic::resume_unwind(Box::new(1));
        });
        assert!(panicked.is_err());
        assert_eq!(names(&directory), ["file"]);
        assert_eq!(fs::read(&target).unwrap(), b"old");
    }
}

#[test]
fn the_way_of_io_is_the_options() {
    let (_directory, target) = scratch();
    for way in [IoWay::Buffered, IoWay::Direct, IoWay::DirectOrBuffered, IoWay::Automatic] {
        let mut options = OpenOptions::new();
        options.way(way);
        let opened =
            FileHandle::options().read(true).write(true).create(true).way(way).open(&target);
        let opened = opened.unwrap();
        for durability in [Cached, Synced] {
            let (_replacement, file) = begin(&target, &options, durability).unwrap();
            assert_eq!(file.is_direct(), opened.is_direct());
            assert_eq!(file.is_automatic(), opened.is_automatic());
            assert_eq!(file.is_buffered(), opened.is_buffered());
            assert_eq!(file.is_direct(), matches!(way, IoWay::Direct | IoWay::DirectOrBuffered));
        }
    }
}

#[test]
fn what_the_options_say_of_opening_has_no_meaning() {
    let (_directory, target) = scratch();
    fs::write(&target, "old").unwrap();
    let mut options = OpenOptions::new();
    options.append(true).truncate(true).create(true);
    for durability in [Cached, Synced] {
        let (replacement, file) = begin(&target, &options, durability).unwrap();
        write(&file, "new");
        assert!(!file.appends());
        let mut bytes = [0; 3];
        let readable = File::from(file.as_fd().try_clone_to_owned().unwrap());
        readable.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(&bytes, b"new");
        replacement.commit().unwrap();
    }
    options.custom_flags(libc::O_PATH);
    let error = begin(&target, &options, Cached).err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn names_of_any_bytes_and_lengths_are_replaced() {
    let (directory, _) = scratch();
    let long = "日".repeat(85);
    let all: [&[u8]; 6] = [b"\xff\x80\n", &[0x80; 255], long.as_bytes(), b".a", b"...", b" "];
    for name in all {
        let target = directory.path().join(OsStr::from_bytes(name));
        for contents in ["old", "new"] {
            for durability in [Cached, Synced] {
                filled(&target, contents, durability).commit().unwrap();
                assert_eq!(fs::read(&target).unwrap(), contents.as_bytes());
            }
        }
        fs::remove_file(target).unwrap();
    }
    assert_eq!(names(&directory), [""; 0]);
}

#[test]
fn a_directory_that_is_renamed_meanwhile_is_still_the_files() {
    for durability in [Cached, Synced] {
        let (directory, _) = scratch();
        let [old, new] = ["old", "new"].map(|name| directory.path().join(name));
        fs::create_dir(&old).unwrap();
        let replacement = filled(&old.join("file"), "new", durability);
        let dropped = filled(&old.join("dropped"), "new", durability);
        fs::rename(&old, &new).unwrap();
        fs::create_dir(&old).unwrap();
        replacement.commit().unwrap();
        drop(dropped);
        assert_eq!((names(&old), names(&new)), (vec![], vec!["file".to_owned()]));
    }
}

#[test]
fn of_two_at_once_the_last_one_stays() {
    for durability in [Cached, Synced] {
        let (directory, target) = scratch();
        let [first, second] =
            ["first", "second"].map(|contents| filled(&target, contents, durability));
        assert_eq!(names(&directory).len(), if durability == Synced { 2 } else { 0 });
        second.commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"second");
        first.commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"first");
        assert_eq!(names(&directory), ["file"]);
    }
}

#[test]
fn many_at_once_leave_one_whole_file() {
    let (directory, target) = scratch();
    std::thread::scope(|scope| {
        for number in 0..4 {
            let target = &target;
            scope.spawn(move || {
                for _ in 0..50 {
                    let contents = format!("{number}").repeat(100);
                    filled(target, &contents, Cached).commit().unwrap();
                }
            });
        }
        let is_whole = |contents: &[u8]| {
            contents.len() == 100 && contents.iter().all(|&byte| byte == contents[0])
        };
        for _ in 0..200 {
            assert!(fs::read(&target).map_or(true, |contents| is_whole(&contents)));
        }
    });
    assert_eq!(names(&directory), ["file"]);
}
