//! Who may do what with the new file.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use super::{
    STRANGER, as_stranger, begin, filled, is_root, mode, names, public, scratch, set_mode, write,
};
use crate::file::durability::Durability::{Cached, Synced};
use crate::file::options::OpenOptions;

#[test]
fn permissions_are_those_of_the_file_that_is_replaced() {
    let (_directory, target) = scratch();
    fs::write(&target, "old").unwrap();
    for durability in [Cached, Synced] {
        for permissions in [0o644, 0o640, 0o600, 0o444, 0o4755, 0o2711, 0o000] {
            set_mode(&target, permissions);
            let (replacement, file) = begin(&target, &OpenOptions::new(), durability).unwrap();
            assert_eq!(file.metadata().unwrap().mode & 0o7077, 0, "its owner's alone");
            write(&file, "new");
            replacement.commit().unwrap();
            assert_eq!(mode(&target), permissions);
        }
        // They are those that it has in the end.
        set_mode(&target, 0o644);
        let replacement = filled(&target, "new", durability);
        set_mode(&target, 0o604);
        replacement.commit().unwrap();
        assert_eq!(mode(&target), 0o604);
        // Or had at the beginning, if it is gone.
        let replacement = filled(&target, "new", durability);
        fs::remove_file(&target).unwrap();
        replacement.commit().unwrap();
        assert_eq!(mode(&target), 0o604);
    }
}

#[test]
fn permissions_are_those_of_a_file_that_has_come_meanwhile() {
    let (directory, target) = scratch();
    for durability in [Cached, Synced] {
        let replacement = filled(&target, "new", durability);
        fs::write(&target, "old").unwrap();
        set_mode(&target, 0o604);
        replacement.commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!((mode(&target), &*names(&directory)), (0o604, &["file".to_owned()][..]));
        fs::remove_file(&target).unwrap();
    }
}

#[test]
fn a_file_that_was_not_there_has_the_mode_of_the_options() {
    let (directory, target) = scratch();
    let other = directory.path().join("other");
    for bits in [0o666, 0o640, 0o777] {
        let mut options = OpenOptions::new();
        options.mode(bits);
        // The umask is taken from it, whatever that is.
        options.write(true).create_new(true).open(&other).unwrap();
        for durability in [Cached, Synced] {
            let (replacement, _file) = begin(&target, &options, durability).unwrap();
            replacement.commit().unwrap();
            assert_eq!(mode(&target), mode(&other));
            fs::remove_file(&target).unwrap();
        }
        fs::remove_file(&other).unwrap();
    }
}

#[test]
fn owner_and_group_are_kept_where_that_is_allowed() {
    if !is_root() {
        return; // It takes two users.
    }
    let (directory, target) = public();
    fs::write(&target, "old").unwrap();
    chown(&target, Some(STRANGER), Some(STRANGER + 1)).unwrap();
    set_mode(&target, 0o6754);
    filled(&target, "new", Cached).commit().unwrap();
    let owners = |path: &Path| fs::metadata(path).map(|it| (it.uid(), it.gid())).unwrap();
    assert_eq!(owners(&target), (STRANGER, STRANGER + 1));
    assert_eq!(mode(&target), 0o6754);

    // Set-id bits that both have are lost with the first owner, and given again.
    fs::remove_file(&target).unwrap();
    let (replacement, _file) = begin(&target, OpenOptions::new().mode(0o4755), Cached).unwrap();
    fs::write(&target, "old").unwrap();
    chown(&target, Some(STRANGER), Some(0)).unwrap();
    let bits = replacement.file.metadata().unwrap().mode;
    set_mode(&target, bits);
    replacement.commit().unwrap();
    assert_eq!((owners(&target), mode(&target)), ((STRANGER, 0), bits));
    assert_ne!(bits & 0o4000, 0);

    // To a stranger, in a directory for everybody, the root's file is another's.
    chown(&target, Some(0), Some(0)).unwrap();
    for (bits, expected) in [(0o6754, 0o754), (0o640, 0o640)] {
        chown(&target, Some(0), None).unwrap();
        set_mode(&target, bits);
        set_mode(directory.path(), 0o777);
        as_stranger(|| filled(&target, "strange", Cached).commit()).unwrap();
        assert_eq!(owners(&target), (STRANGER, 0));
        assert_eq!(mode(&target), expected);
    }
}
