//! The example `copy_tree`, and what happens while it copies.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Stdio};

use nix::fcntl::posix_fallocate;

use crate::copy_tree::walk;
use crate::program::{example, interrupt, is_writing_in, stderr};
use crate::support::{eventually, known_file, scratch};

/// How large the files are whose copying is to be interfered with. They have room and nothing was
/// written there, so that reading them is quick, and they are no holes, so that writing them takes
/// long enough.
const LONG: u64 = 1 << 29;

/// A tree with a small file, and large ones.
fn make_long(root: &Path) {
    fs::create_dir(root).unwrap();
    known_file(root, "first", 10_000);
    for name in ["long 1", "long 2", "long 3"] {
        let file = File::create(root.join(name)).unwrap();
        posix_fallocate(file, 0, LONG.cast_signed()).unwrap();
    }
}

/// Starts copying such a tree, and waits until the small file is there, and another is being
/// written.
fn begin_long(directory: &Path, options: &[&str]) -> Child {
    let mut command = example("copy_tree", directory);
    // A clone is made before anything can happen.
    command.args(["--reflink=never", "source", "target"]).args(options).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let target = directory.join("target");
    eventually("a file, and a part of one", || {
        target.join("first").exists() && is_writing_in(&child, &target)
    });
    child
}

#[test]
fn ctrl_c_leaves_whole_files_only() {
    let directory = scratch();
    make_long(&directory.path().join("source"));
    for options in [&[][..], &["--policy=buffered"], &["--policy=direct", "--verify"]] {
        let child = begin_long(directory.path(), options);
        interrupt(&child);
        let output = child.wait_with_output().unwrap();
        let said = stderr(&output);
        assert!(said.starts_with("copy_tree: interrupted: "), "{options:?}: {said:?}");
        assert_eq!(output.status.code(), Some(130), "{options:?}");
        let target = directory.path().join("target");
        let left = walk(&target);
        assert!(left.len() < 5, "it was done before the signal came: {left:?}");
        for path in left.iter().skip(1) {
            let [copy, original] = [&target, &directory.path().join("source")]
                .map(|root| fs::metadata(root.join(path)).unwrap_or_else(|_| panic!("{path:?}")));
            assert_eq!(copy.len(), original.len(), "{path:?}");
        }
        fs::remove_dir_all(target).unwrap();
    }
}

#[test]
fn verification_finds_and_removes_what_differs() {
    let directory = scratch();
    let target = directory.path().join("target");
    make_long(&directory.path().join("source"));
    let child = begin_long(directory.path(), &["--verify"]);
    // While the others are being copied.
    fs::write(target.join("first"), "something else").unwrap();
    let output = child.wait_with_output().unwrap();
    let complaint = "copy_tree: target/first: differs from what was read: removed\n";
    assert_eq!((stderr(&output), output.status.code()), (complaint, Some(1)));
    assert_eq!(walk(&target), ["", "long 1", "long 2", "long 3"].map(Path::new));
}

#[test]
fn a_source_that_changes_is_reported() {
    let directory = scratch();
    let source = directory.path().join("source");
    make_long(&source);
    let changes: [fn(&File) -> io::Result<()>; 2] =
        [|file| file.set_len(LONG + 1), |file| file.write_all_at(b"x", LONG / 2)];
    for change in changes {
        let child = begin_long(directory.path(), &[]);
        for name in ["long 1", "long 2", "long 3"] {
            change(&File::options().write(true).open(source.join(name)).unwrap()).unwrap();
        }
        let output = child.wait_with_output().unwrap();
        let said = stderr(&output);
        let is_it = |line: &str| line.ends_with(": changed while it was being copied");
        assert!(said.lines().all(is_it) && (1..=3).contains(&said.lines().count()), "{said}");
        assert_eq!(output.status.code(), Some(1));
        fs::remove_dir_all(directory.path().join("target")).unwrap();
    }
}
