//! The example `copy_tree`, run as its users run it.

use std::ffi::OsStr;
use std::fs::{self, File, FileTimes};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, UNIX_EPOCH};

use crate::models::model;
use crate::program::{explains_itself, program, run, stderr, stdout, unprivileged};
use crate::support::device::{FileSystem, Loop, Mount};
use crate::support::{known_file, make_fifo, public, scratch, skipped};

/// A tree with everything that a copy may stumble over, and can copy.
fn make_tree(root: &Path) {
    fs::create_dir(root).unwrap();
    let sizes = [0, 1, 4095, 4096, 4097, 65_535, 65_536, 65_537, 1_048_575, 1_048_576, 1_048_577];
    for size in sizes.into_iter().chain([(9 << 20) + 12_345]) {
        known_file(root, &format!("{size} bytes"), size);
    }
    for directory in ["a", "a/b", "a/b/c", "empty", "closed"] {
        fs::create_dir(root.join(directory)).unwrap();
        if directory != "empty" {
            known_file(&root.join(directory), "file", directory.len() as u64);
        }
    }
    fs::write(root.join(OsStr::from_bytes(b"not UTF-8 \xff")), "x").unwrap();
    // The longest name there can be.
    known_file(root, &"n".repeat(255), 100);
    known_file(root, "new\nline", 10);
    symlink("1 bytes", root.join("link")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    symlink("..", root.join("a/up")).unwrap();
    let set_mode = |path: &str, mode| {
        fs::set_permissions(root.join(path), PermissionsExt::from_mode(mode)).unwrap();
    };
    set_mode("1 bytes", 0o600);
    set_mode("a/file", 0o4755);
    set_mode("empty", 0o1777);
    set_mode("closed", 0o555);
    for (path, seconds) in [("4096 bytes", 1_000_000_000), ("0 bytes", 5), ("a", 7), (".", 9)] {
        let time = UNIX_EPOCH + Duration::new(seconds, 123_456_789);
        let times = FileTimes::new().set_accessed(time - Duration::from_secs(1)).set_modified(time);
        File::open(root.join(path)).unwrap().set_times(times).unwrap();
    }
}

/// Everything below a directory, sorted.
pub(crate) fn walk(root: &Path) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(root).sort_by_file_name().into_iter();
    entries.map(|entry| entry.unwrap().path().strip_prefix(root).unwrap().to_owned()).collect()
}

pub(crate) fn assert_same(source: &Path, target: &Path) {
    assert_eq!(walk(source), walk(target));
    for path in walk(source) {
        let (source, target) = (source.join(&path), target.join(&path));
        let (old, new) = (source.symlink_metadata().unwrap(), target.symlink_metadata().unwrap());
        assert_eq!(old.mode(), new.mode(), "{path:?}");
        if old.is_symlink() {
            assert_eq!(fs::read_link(source).unwrap(), fs::read_link(target).unwrap(), "{path:?}");
            continue;
        }
        assert_eq!(old.modified().unwrap(), new.modified().unwrap(), "{path:?}");
        if old.is_file() {
            assert!(fs::read(source).unwrap() == fs::read(target).unwrap(), "{path:?}");
        }
    }
}

#[test]
fn a_copy_is_the_same_in_every_way_of_making_it() {
    let directory = scratch();
    let source = directory.path().join("source");
    make_tree(&source);
    let accessed = |root: &Path| fs::metadata(root.join("4096 bytes")).unwrap().accessed().unwrap();
    let before = accessed(&source);
    let settings: [&[&str]; 8] = [
        &[],
        &["--policy=buffered", "--fsync=file"],
        &["--policy=direct", "--fsync", "all"],
        &["--policy=direct", "--chunk=4K", "--memory=4M", "--workers=1", "--depth=1"],
        &["--chunk=12K", "--memory=4M", "--verify"],
        &["--policy=direct", "--verify", "--workers=4"],
        &["--policy=buffered", "--verify", "--workers=1"],
        &["--overwrite"],
    ];
    for options in settings {
        let output = run(
            "copy_tree",
            directory.path(),
            &[options, &["--reflink=never", "source", "target"]].concat(),
        );
        let said = (stdout(&output), stderr(&output));
        assert_eq!((said, output.status.code()), (("", ""), Some(0)), "{options:?}");
        if options.is_empty() {
            // Later the source has been read more recently.
            assert_eq!(accessed(&directory.path().join("target")), before);
        }
        assert_same(&source, &directory.path().join("target"));
        if let Some(mut diff) = model("diff") {
            diff.args(["-r", "--no-dereference", "source", "target"]);
            assert!(diff.current_dir(directory.path()).status().unwrap().success(), "{options:?}");
        }
        fs::remove_dir_all(directory.path().join("target")).unwrap();
    }
}

#[test]
fn what_is_there_is_kept_unless_it_is_to_be_replaced() {
    let directory = scratch();
    let path = |name: &str| directory.path().join(name);
    make_tree(&path("source"));
    fs::create_dir_all(path("target/a")).unwrap();
    fs::write(path("target/1 bytes"), "mine").unwrap();
    fs::write(path("target/a/other"), "mine too").unwrap();
    symlink("mine", path("target/link")).unwrap();
    // No way out of the target.
    symlink(path("outside"), path("target/empty")).unwrap();
    fs::create_dir(path("outside")).unwrap();

    let output = run("copy_tree", directory.path(), &["source", "target"]);
    let mut complaints: Vec<&str> = stderr(&output).lines().collect();
    complaints.sort_unstable();
    let complaint = |name: &str| format!("copy_tree: target/{name}: File exists (os error 17)");
    assert_eq!(complaints, ["1 bytes", "empty", "link"].map(complaint));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(fs::read(path("target/1 bytes")).unwrap(), b"mine");
    assert_eq!(fs::read_link(path("target/link")).unwrap(), Path::new("mine"));
    assert_eq!(
        fs::read(path("target/4097 bytes")).unwrap(),
        fs::read(path("source/4097 bytes")).unwrap()
    );

    fs::remove_file(path("target/empty")).unwrap();
    let output = run("copy_tree", directory.path(), &["--overwrite", "source", "target/"]);
    assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
    assert_eq!(fs::read(path("target/a/other")).unwrap(), b"mine too");
    fs::remove_file(path("target/a/other")).unwrap();
    // Its removal changed the directory's time.
    let modified = fs::metadata(path("source/a")).unwrap().modified().unwrap();
    File::open(path("target/a")).unwrap().set_modified(modified).unwrap();
    assert_same(&path("source"), &path("target"));
}

#[test]
fn what_cannot_be_copied_is_reported_and_the_rest_is_copied() {
    let directory = public();
    let path = |name: &str| directory.path().join(name);
    fs::create_dir_all(path("source/closed")).unwrap();
    make_fifo(&path("source/fifo"));
    for name in ["good", "secret", "closed/file"] {
        fs::write(path("source").join(name), name).unwrap();
    }
    for (name, mode) in [("source/closed", 0), ("source/secret", 0), ("", 0o777)] {
        fs::set_permissions(path(name), PermissionsExt::from_mode(mode)).unwrap();
    }
    let Some((mut command, _program)) = unprivileged("copy_tree", directory.path()) else {
        return;
    };
    let output = command.args(["source", "target"]).output().unwrap();
    let mut complaints: Vec<&str> = stderr(&output).lines().collect();
    complaints.sort_unstable();
    assert_eq!(
        complaints,
        [
            "copy_tree: source/closed: Permission denied (os error 13)",
            "copy_tree: source/fifo: left out: neither file, directory nor symbolic link",
            "copy_tree: source/secret: Permission denied (os error 13)",
        ]
    );
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(walk(&path("target")), ["", "closed", "good"].map(Path::new));
}

#[test]
fn copy_tree_explains_itself() {
    let directory = scratch();
    let path = |name: &str| directory.path().join(name);
    fs::create_dir_all(path("source/inside")).unwrap();
    fs::write(path("file"), "").unwrap();
    let mistakes: [(&[&str], i32); 11] = [
        (&[], 2),
        (&["source"], 2),
        (&["source", "a", "b"], 2),
        (&["--unknown", "source", "target"], 2),
        (&["--fsync=some", "source", "target"], 2),
        (&["file", "target"], 1),
        (&["vanished", "target"], 1),
        (&["source", "source"], 1),
        (&["source", "source/inside/target"], 1),
        (&["source/inside", "source"], 1),
        (&["source", "vanished/target"], 1),
    ];
    explains_itself("copy_tree", directory.path(), &mistakes);
    assert_eq!(walk(directory.path()), ["", "file", "source", "source/inside"].map(Path::new));
}

/// Runs it in a place of its own with a target that has room for `mib`.
fn copy_to_small_target(directory: &Path, mib: usize, options: &str) -> Option<Output> {
    let script = format!(
        "mount -t tmpfs -o size={mib}m none target || exit 99; '{}' {options} source target; \
         code=$?; ls -A target; exit $code",
        program("copy_tree").display()
    );
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script]).current_dir(directory);
    match command.output() {
        Ok(output)
            if output.status.code() != Some(99) && !stderr(&output).starts_with("unshare") =>
        {
            Some(output)
        }
        _ => {
            skipped("a target that fills up: mounting one isn't allowed");
            None
        }
    }
}

#[test]
fn no_part_of_a_file_is_left_when_the_target_is_full() {
    let directory = scratch();
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("source")).unwrap();
    fs::create_dir(path("target")).unwrap();
    let file = known_file(&path("source"), "too large", 9 << 20);
    let long = "--policy=buffered --chunk=64K";
    for (options, hole) in [("", 0), ("--policy=direct", 0), (long, 0), ("", 9 << 20)] {
        // Files with holes are made in another way.
        File::options().write(true).open(&file).unwrap().set_len((9 << 20) + hole).unwrap();
        let Some(output) = copy_to_small_target(directory.path(), 5, options) else { return };
        let complaint = "copy_tree: target/too large: No space left on device (os error 28)\n";
        assert_eq!((stdout(&output), stderr(&output)), ("", complaint), "{options}");
        assert_eq!(output.status.code(), Some(1));
    }
    // The rest goes on, as far as it needs no room.
    fs::write(path("source/empty"), "").unwrap();
    let Some(output) = copy_to_small_target(directory.path(), 5, "") else { return };
    assert_eq!((stdout(&output), output.status.code()), ("empty\n", Some(1)));
}

#[test]
fn a_target_that_turns_out_to_be_full_is_told_by_its_sync() {
    let directory = scratch();
    let source = directory.path().join("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("large"), vec![7; 20 << 20]).unwrap();
    let source = source.to_str().unwrap();
    for policy in ["--policy=buffered", "--policy=direct"] {
        // Room for 12 MiB on what says that it has 32, so that nothing of it is noticed before.
        let Some(room) = Mount::tmpfs(12 << 20) else { return };
        let Some(device) = Loop::promising(32 << 20, &room) else { return };
        let Some(mount) = Mount::on(&device, FileSystem::Ext4) else { return };
        let target = mount.path().join("target");
        let output = run(
            "copy_tree",
            directory.path(),
            &["--fsync=file", policy, source, target.to_str().unwrap()],
        );
        assert_eq!(output.status.code(), Some(1), "{policy}: {}", stderr(&output));
        let complaint = format!("copy_tree: {}/large: ", target.display());
        assert!(stderr(&output).starts_with(&complaint), "{policy}: {}", stderr(&output));
        assert_eq!(walk(&target), [Path::new("")], "{policy}: nothing under any name");
    }
}
