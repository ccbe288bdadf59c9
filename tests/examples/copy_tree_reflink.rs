//! The example `copy_tree`: copies that share the blocks of their sources.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::models::model;
use crate::program::{example, interrupt, run, stderr, stdout};
use crate::support::confined::refuse;
use crate::support::device::{FileSystem, Mount};
use crate::support::{contents, eventually, known_file, scratch};
use crate::trees::assert_alike;

const MIB: u64 = 1 << 20;

/// How many files it has, of so many bytes together.
const FILES: usize = 5;
const BYTES: u64 = 9 * MIB + 101;

fn make_tree(root: &Path) {
    fs::create_dir_all(root.join("a")).unwrap();
    known_file(root, "large", 8 * MIB);
    known_file(root, "small", 100);
    known_file(root, "empty", 0);
    known_file(&root.join("a"), "inside", 1);
    known_file(root, "sparse", MIB);
    File::options().write(true).open(root.join("sparse")).unwrap().set_len(30 * MIB).unwrap();
    fs::hard_link(root.join("a/inside"), root.join("other name")).unwrap();
    symlink("small", root.join("link")).unwrap();
    // Where there are attributes.
    let _ = xattr::set(root.join("small"), "user.note", b"of a user");
    // Blocks are shared when the device has them.
    for entry in walkdir::WalkDir::new(root) {
        let entry = entry.unwrap();
        if entry.file_type().is_file() {
            File::open(entry.path()).unwrap().sync_all().unwrap();
        }
    }
}

/// File systems that can clone, as far as this machine has them. Others are skipped by name.
fn file_systems() -> impl Iterator<Item = (FileSystem, Mount)> {
    [FileSystem::Xfs, FileSystem::Btrfs].into_iter().filter_map(|it| Some((it, Mount::of(it)?)))
}

/// How many bytes can be written there.
fn room(directory: &Path) -> u64 {
    let directory = File::open(directory).unwrap();
    nix::unistd::syncfs(&directory).unwrap();
    let found = nix::sys::statvfs::fstatvfs(&directory).unwrap();
    found.blocks_free() * found.fragment_size()
}

#[test]
fn clones_take_no_room_and_are_not_read() {
    for (kind, mount) in file_systems() {
        let path = |name: &str| mount.path().join(name);
        make_tree(&path("source"));
        for options in [&[][..], &["--reflink=auto", "--fsync=all"], &["--reflink", "--verify"]] {
            let before = room(mount.path());
            let arguments = [options, &["--verbose", "source", "target"]].concat();
            let output = run("copy_tree", mount.path(), &arguments);
            let case = format!("{kind:?} {options:?}");
            assert_eq!(output.status.code(), Some(0), "{case}: {}", stderr(&output));
            let count =
                format!("copy_tree: {FILES} files were copied, {FILES} of them cloned, 0 B");
            assert!(stderr(&output).starts_with(&count), "{case}: {}", stderr(&output));
            assert_alike(&path("source"), &path("target"), &case);
            let taken = before.saturating_sub(room(mount.path()));
            assert!(taken < 2 * MIB, "{taken} bytes: {case}");
            fs::remove_dir_all(path("target")).unwrap();
        }
        let before = room(mount.path());
        let output = run("copy_tree", mount.path(), &["--reflink=never", "source", "target"]);
        assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
        assert_alike(&path("source"), &path("target"), "never");
        let taken = before.saturating_sub(room(mount.path()));
        assert!(taken >= BYTES, "{taken} bytes: {kind:?}");
    }
}

#[test]
fn a_clone_that_is_written_to_leaves_its_source_as_it_is() {
    for (kind, mount) in file_systems() {
        let path = |name: &str| mount.path().join(name);
        make_tree(&path("source"));
        let output = run("copy_tree", mount.path(), &["--reflink=always", "source", "target"]);
        assert_eq!((stderr(&output), output.status.code()), ("", Some(0)), "{kind:?}");
        let copy = File::options().write(true).open(path("target/large")).unwrap();
        copy.write_all_at(b"changed", MIB).unwrap();
        assert!(fs::read(path("source/large")).unwrap() == contents(0..8 * MIB), "{kind:?}");
        assert!(fs::read(path("target/large")).unwrap()[MIB as usize..].starts_with(b"changed"));
    }
}

/// What is there is replaced or kept, as where data is copied.
#[test]
fn clones_replace_what_is_there_only_if_told_to() {
    for (kind, mount) in file_systems() {
        let path = |name: &str| mount.path().join(name);
        make_tree(&path("source"));
        fs::create_dir(path("target")).unwrap();
        fs::write(path("target/large"), "mine").unwrap();
        let output = run("copy_tree", mount.path(), &["source", "target"]);
        let complaint = "copy_tree: target/large: File exists (os error 17)\n";
        assert_eq!((stderr(&output), output.status.code()), (complaint, Some(1)), "{kind:?}");
        assert_eq!(fs::read(path("target/large")).unwrap(), b"mine");
        let output = run("copy_tree", mount.path(), &["--overwrite", "source", "target"]);
        assert_eq!((stderr(&output), output.status.code()), ("", Some(0)), "{kind:?}");
        assert_alike(&path("source"), &path("target"), &format!("{kind:?}"));
    }
}

/// As on file systems that can't.
fn without_clones(directory: &Path, options: &[&str], errno: i32) -> Command {
    let mut command = example("copy_tree", directory);
    refuse(&mut command, &[libc::SYS_ioctl], errno);
    command.args(options).args(["source", "target"]);
    command
}

#[test]
fn data_is_copied_where_files_can_not_be_cloned_unless_that_is_asked_for() {
    let directory = scratch();
    let path = |name: &str| directory.path().join(name);
    make_tree(&path("source"));
    // The last one is about a single file.
    for errno in [libc::EOPNOTSUPP, libc::EXDEV, libc::ENOTTY, libc::EINVAL] {
        for options in [&[][..], &["--reflink=auto"], &["--reflink=never"]] {
            let output = without_clones(directory.path(), options, errno).output().unwrap();
            let said = (stdout(&output), stderr(&output), output.status.code());
            assert_eq!(said, ("", "", Some(0)), "{errno} {options:?}");
            assert_alike(&path("source"), &path("target"), &format!("{errno} {options:?}"));
            fs::remove_dir_all(path("target")).unwrap();
        }
    }
    let always =
        without_clones(directory.path(), &["--reflink"], libc::EOPNOTSUPP).output().unwrap();
    let reason = ": can't be cloned: Operation not supported (os error 95)";
    let (cloned, other): (Vec<&str>, Vec<&str>) =
        stderr(&always).lines().partition(|line| line.ends_with(reason));
    // One of the files has two names.
    assert_eq!((cloned.len(), other.len()), (FILES, 1), "{}", stderr(&always));
    assert_eq!(always.status.code(), Some(1));
    let left: Vec<OsString> =
        fs::read_dir(path("target")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "a directory and a link: {left:?}");
}

#[test]
fn ctrl_c_ends_a_walk_of_clones() {
    const MANY: usize = 4000;
    for (kind, mount) in file_systems() {
        let path = |name: &str| mount.path().join(name);
        fs::create_dir(path("source")).unwrap();
        (0..MANY).for_each(|number| drop(known_file(&path("source"), &number.to_string(), 10)));
        let mut command = example("copy_tree", mount.path());
        let child = command.args(["source", "target"]).stderr(Stdio::piped()).spawn().unwrap();
        let begun = || fs::read_dir(path("target")).is_ok_and(|mut found| found.next().is_some());
        eventually("a file is cloned", begun);
        interrupt(&child);
        let output = child.wait_with_output().unwrap();
        let said = stderr(&output);
        assert!(said.starts_with("copy_tree: interrupted: "), "{kind:?}: {said}");
        assert_eq!(output.status.code(), Some(130), "{kind:?}");
        let names = fs::read_dir(path("target")).unwrap().map(|entry| entry.unwrap().file_name());
        let names: Vec<OsString> = names.collect();
        assert!(names.len() < MANY, "{kind:?}: it was done before the signal came");
        assert!(!names.iter().any(|name| name.as_encoded_bytes()[0] == b'.'), "{kind:?}");
    }
}

#[test]
fn cp_clones_and_fails_in_the_same_cases() {
    let compare = |directory: &Path, kind: &str| -> Option<()> {
        for option in ["--reflink=auto", "--reflink=never", "--reflink=always", "--reflink"] {
            let ours = run("copy_tree", directory, &[option, "source", "target"]);
            let mut cp = model("cp")?;
            let theirs = cp.args(["-a", option, "source", "cp"]).current_dir(directory).output();
            let case = format!("{kind} {option}");
            assert_eq!(ours.status.code(), theirs.unwrap().status.code(), "{case}");
            if ours.status.success() {
                assert_alike(&directory.join("cp"), &directory.join("target"), &case);
                let blocks = |root: &str| {
                    fs::metadata(directory.join(root).join("sparse")).unwrap().blocks()
                };
                assert_eq!(blocks("cp"), blocks("target"), "{case}");
            }
            for made in ["cp", "target"] {
                fs::remove_dir_all(directory.join(made)).unwrap();
            }
        }
        Some(())
    };
    for (kind, mount) in file_systems() {
        make_tree(&mount.path().join("source"));
        compare(mount.path(), &format!("{kind:?}"));
    }
    // It can't be done there.
    if let Some(mount) = Mount::tmpfs(200 << 20) {
        make_tree(&mount.path().join("source"));
        compare(mount.path(), "tmpfs");
    }
}
