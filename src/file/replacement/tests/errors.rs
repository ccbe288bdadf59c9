//! What is refused, and what a replacement that fails leaves.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use super::{
    as_stranger, begin, filled, is_root, names, public, refusal, scratch, set_mode, system_error,
};
use crate::file::durability::Durability::{Cached, Synced};
use crate::file::links::Links;
use crate::file::options::OpenOptions;

#[test]
fn links_are_replaced_themselves_or_refused() {
    let (directory, target) = scratch();
    let other = directory.path().join("other");
    fs::write(&other, "other").unwrap();
    set_mode(&other, 0o600);
    for destination in [&*other, Path::new("nowhere")] {
        symlink(destination, &target).unwrap();
        let mut options = OpenOptions::new();
        options.links(Links::Refuse);
        let error = begin(&target, &options, Cached).err().unwrap();
        assert_eq!(error.raw_os_error(), Some(libc::ELOOP));
        assert!(error.to_string().contains("symbolic link"), "{error}");
        assert_eq!(names(&directory), ["file", "other"]);

        filled(&target, "new", Cached).commit().unwrap();
        assert!(fs::symlink_metadata(&target).unwrap().is_file());
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(fs::read(&other).unwrap(), b"other");
        assert_eq!(names(&directory), ["file", "other"]);

        // A link that is made meanwhile.
        fs::remove_file(&target).unwrap();
        for durability in [Cached, Synced] {
            let (replacement, _file) = begin(&target, &options, durability).unwrap();
            symlink(destination, &target).unwrap();
            let error = replacement.commit().unwrap_err();
            assert_eq!(system_error(&error), Some(libc::ELOOP));
            fs::remove_file(&target).unwrap();
        }
    }
}

#[test]
fn what_is_no_regular_file_is_refused() {
    let (directory, target) = scratch();
    let _listener = UnixListener::bind(&target).unwrap();
    let error = refusal(&target);
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert!(
        error.to_string().ends_with("/file failed: only regular files are replaced"),
        "{error}"
    );
    assert_eq!(refusal(Path::new("/dev/null")).kind(), io::ErrorKind::InvalidInput);
    assert_eq!(refusal(directory.path()).raw_os_error(), Some(libc::EISDIR));
    assert_eq!(names(&directory), ["file"]);
}

#[test]
fn paths_without_a_name_are_refused() {
    let (directory, target) = scratch();
    let file = target.to_str().unwrap();
    fs::write(file, "old").unwrap();
    let inside = |name: &str| format!("{}/{name}", directory.path().display());
    let paths = ["", "/", "//", ".", "..", "a/..", &inside(""), &inside("."), &format!("{file}/")];
    for path in paths {
        let error = refusal(Path::new(path));
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{path}");
        assert!(
            error.to_string().starts_with(&format!("open of {path} failed: the path does not"))
        );
    }
    let zero = Path::new(OsStr::from_bytes(b"a\0b"));
    assert_eq!(refusal(zero).kind(), io::ErrorKind::InvalidInput);
    assert_eq!(names(&directory), ["file"]);
}

/// The error of a beginning has the system's number, names the target, and says what it is about.
pub(super) fn assert_refused(target: &Path, errno: i32, about: &str) {
    let error = refusal(target);
    assert_eq!(error.raw_os_error(), Some(errno), "{error}");
    let message = error.to_string();
    assert!(message.starts_with(&format!("open of {} failed: ", target.display())), "{message}");
    assert!(message.contains(about), "{message}");
}

#[test]
fn errors_of_beginning_name_the_target() {
    let (directory, target) = public();
    assert_refused(&directory.path().join("no/file"), libc::ENOENT, "about its directory");
    fs::write(&target, "old").unwrap();
    assert_refused(&target.join("file"), libc::ENOTDIR, "about its directory");
    assert_refused(&directory.path().join("x".repeat(256)), libc::ENAMETOOLONG, "");
    set_mode(directory.path(), 0o555);
    as_stranger(|| assert_refused(&target, libc::EACCES, "about a temporary file"));
    set_mode(directory.path(), 0o666);
    as_stranger(|| assert_refused(&target, libc::EACCES, ""));
    set_mode(directory.path(), 0o755);
    assert_eq!(names(&directory), ["file"]);
}

#[test]
fn a_directory_need_not_be_readable_unless_it_is_synced() {
    let (directory, target) = public();
    // To write and to search it is enough.
    set_mode(directory.path(), 0o333);
    let error = as_stranger(|| {
        filled(&target, "new", Cached).commit().unwrap();
        filled(&target, "newer", Synced).commit().unwrap_err()
    });
    set_mode(directory.path(), 0o755);
    assert_eq!(system_error(&error), Some(libc::EACCES));
    assert!(error.to_string().contains("opening its directory, to sync that"), "{error}");
    assert_eq!(fs::read(&target).unwrap(), b"new", "it is found before the rename");
    assert_eq!(names(&directory), ["file"]);
}

#[test]
fn a_directory_in_the_way_is_an_error_of_the_commit() {
    let (directory, target) = scratch();
    for durability in [Cached, Synced] {
        let replacement = filled(&target, "new", durability);
        fs::create_dir(&target).unwrap();
        let error = replacement.commit().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
        assert_eq!(system_error(&error), Some(libc::EISDIR));
        let begins = format!("{} was not replaced: what has the name now", target.display());
        assert!(error.to_string().starts_with(&begins), "{error}");
        assert_eq!(names(&directory), ["file"]);
        fs::remove_dir(&target).unwrap();
    }
}

#[test]
fn a_rename_that_fails_changes_nothing() {
    if !is_root() {
        return; // It takes two users.
    }
    let (directory, target) = public();
    fs::write(&target, "old").unwrap();
    // As in /tmp, a stranger may create files, but not take the place of another's.
    set_mode(directory.path(), 0o1777);
    for durability in [Cached, Synced] {
        let commit = || filled(&target, "new", durability).commit().unwrap_err();
        let error = as_stranger(commit);
        assert_eq!(system_error(&error), Some(libc::EPERM));
        assert!(error.to_string().contains("giving the new file its name failed"), "{error}");
        assert_eq!(fs::read(&target).unwrap(), b"old");
        assert_eq!(names(&directory), ["file"]);
    }
}

#[test]
fn a_temporary_file_that_was_taken_away_is_an_error() {
    let (directory, target) = scratch();
    fs::write(&target, "old").unwrap();
    let replacement = filled(&target, "new", Synced);
    fs::remove_file(directory.path().join(&names(&directory)[0])).unwrap();
    let error = replacement.commit().unwrap_err();
    assert_eq!(system_error(&error), Some(libc::ENOENT));
    assert!(error.to_string().contains("file was not replaced: giving the new file its name"));
    assert_eq!(fs::read(&target).unwrap(), b"old");
    assert_eq!(names(&directory), ["file"]);
}

#[test]
fn a_directory_that_is_removed_meanwhile_is_an_error() {
    let (directory, _) = scratch();
    let inner = directory.path().join("inner");
    for durability in [Cached, Synced] {
        fs::create_dir(&inner).unwrap();
        let replacement = filled(&inner.join("file"), "new", durability);
        fs::remove_dir_all(&inner).unwrap();
        let error = replacement.commit().unwrap_err();
        assert_eq!(system_error(&error), Some(libc::ENOENT));
        assert_eq!(names(&directory), [""; 0]);
    }
}
