//! Files that take the place of others: the old one is there until the new one is complete.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use reapool::{Durability, Existing, FileWriter, IoWay, Links};

use crate::support::{self, Tended, contents, known_file, scratch, watched};

/// The names in a directory.
fn names(directory: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|it| name(it).into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_old_file_is_there_until_the_new_one_is_complete() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder()));
        for way in [IoWay::Buffered, IoWay::DirectOrBuffered, IoWay::Automatic] {
            for durability in [Durability::Cached, Durability::Synced] {
                for new in [0, 1, 4096, 1_000_001] {
                    let path = known_file(directory.path(), "file", 100);
                    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
                    let builder = FileWriter::builder(&*jobs).way(way).durability(durability);
                    let mut writer = builder.replace(&path).unwrap();
                    writer.write_all(&contents(0..new)).unwrap();
                    assert!(fs::read(&path).unwrap() == contents(0..100));
                    // What is not to be synced has no name as yet.
                    let count = if durability == Durability::Synced { 2 } else { 1 };
                    assert_eq!(names(directory.path()).len(), count);
                    assert_eq!(writer.finish().unwrap(), new);
                    assert!(fs::read(&path).unwrap() == contents(0..new), "{way:?}");
                    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
                    assert_eq!(names(directory.path()), ["file"]);
                }
            }
        }
        let path = directory.path().join("new");
        let mut writer = FileWriter::builder(&*jobs).mode(0o604).replace(&path).unwrap();
        writer.write_all(b"new").unwrap();
        assert!(!path.exists());
        writer.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o604);
    });
}

#[test]
fn what_is_not_finished_leaves_nothing() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder()));
        let path = known_file(directory.path(), "file", 100);
        for given in [0, 10, 1_000_000] {
            for panics in [false, true] {
                let give_up = || {
                    let mut writer = FileWriter::builder(&*jobs).replace(&path).unwrap();
                    writer.write_all(&contents(0..given)).unwrap();
                    assert!(!panics, "while it is written");
                };
                assert_eq!(catch_unwind(AssertUnwindSafe(give_up)).is_err(), panics);
                assert_eq!(names(directory.path()), ["file"]);
            }
        }
        // Its writes were under way then.
        jobs.quiesce();
        assert_eq!(names(directory.path()), ["file"]);
        assert!(fs::read(&path).unwrap() == contents(0..100));
    });
}

#[test]
fn after_a_shutdown_the_old_file_is_there_and_nothing_else() {
    watched(|| {
        let directory = scratch();
        let path = known_file(directory.path(), "file", 100);
        let jobs = Tended::new(support::builder());
        let mut writer = FileWriter::builder(&*jobs).replace(&path).unwrap();
        writer.write_all(b"new").unwrap();
        drop(jobs);
        assert!(writer.finish().is_err() && writer.finish().is_err());
        drop(writer);
        assert_eq!(names(directory.path()), ["file"]);
        assert!(fs::read(&path).unwrap() == contents(0..100));
    });
}

#[test]
fn links_are_replaced_or_refused_and_directories_refused() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder()));
        let path = known_file(directory.path(), "file", 100);
        let link = directory.path().join("link");
        symlink(&path, &link).unwrap();
        let error = FileWriter::builder(&*jobs).links(Links::Refuse).replace(&link).unwrap_err();
        assert!(error.to_string().contains("symbolic link"), "{error}");
        let error = FileWriter::builder(&*jobs).replace(directory.path()).unwrap_err();
        assert!(error.to_string().contains("directory"), "{error}");
        assert_eq!(names(directory.path()), ["file", "link"]);

        let mut writer = FileWriter::builder(&*jobs).replace(&link).unwrap();
        writer.write_all(b"new").unwrap();
        writer.finish().unwrap();
        assert!(fs::read(&path).unwrap() == contents(0..100));
        assert!(!link.is_symlink() && fs::read(&link).unwrap() == b"new");
    });
}

#[test]
fn a_file_that_is_there_is_refused_at_the_beginning_or_at_the_end() {
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder()));
        let path = directory.path().join("file");
        let begin = || FileWriter::builder(&*jobs).existing(Existing::Refuse).replace(&path);
        let mut first = begin().unwrap();
        let mut second = begin().unwrap();
        first.write_all(b"first").unwrap();
        second.write_all(b"second").unwrap();
        first.finish().unwrap();
        for _ in 0..2 {
            let error = second.finish().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
        }
        drop(second);
        let error = begin().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert!(error.to_string().contains("file"), "{error}");
        assert_eq!(names(directory.path()), ["file"]);
        assert_eq!(fs::read(&path).unwrap(), b"first");
    });
}
