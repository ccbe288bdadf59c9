//! The example `convert` with `--remove`: a source goes when its target has all of it, and only
//! then.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::convert::{fails, gzip, zstd};
use crate::copy_tree::walk;
use crate::program::{example, run, stderr, unprivileged};
use crate::support::confined::refuse;
use crate::support::device::{FileSystem, Loop, Mount};
use crate::support::{known_file, public, scratch};

#[test]
fn sources_go_when_their_targets_are_there() {
    let directory = scratch();
    let tree = directory.path().join("tree");
    for options in [&[][..], &["--verify"], &["--fsync"], &["--fsync", "--verify"]] {
        fs::create_dir_all(tree.join("a")).unwrap();
        known_file(&tree, "one", 100_000);
        known_file(&tree.join("a"), "other", 0);
        let output =
            run("convert", directory.path(), &[options, &["--keep", "--remove", "tree"]].concat());
        assert_eq!((stderr(&output), output.status.code()), ("", Some(0)), "{options:?}");
        assert_eq!(walk(&tree), ["", "a", "a/other.gz", "one.gz"].map(Path::new), "{options:?}");
        let back = [options, &["--remove", "--decompress", "--to=back", "tree"]].concat();
        let output = run("convert", directory.path(), &back);
        assert_eq!((stderr(&output), output.status.code()), ("", Some(0)), "{options:?}");
        assert_eq!(walk(&tree), ["", "a"].map(Path::new), "{options:?}");
        let back = directory.path().join("back");
        assert_eq!(walk(&back), ["", "a", "a/other", "one"].map(Path::new), "{options:?}");
        fs::remove_dir_all(back).unwrap();
    }
    known_file(&tree, "one", 10);
    let output = run("convert", directory.path(), &["--remove", "--keep", "tree"]);
    assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
    assert_eq!(walk(&tree), ["", "a", "one", "one.gz"].map(Path::new));
}

#[test]
fn sources_stay_where_nothing_can_be_read_or_made() {
    let directory = public();
    let path = |name: &str| directory.path().join(name);
    let modes = [("open", 0o777), ("closed", 0), ("read-only", 0o555)];
    for (name, mode) in modes {
        fs::create_dir_all(path("tree").join(name)).unwrap();
        fs::write(path("tree").join(name).join("file"), name).unwrap();
        fs::set_permissions(path("tree").join(name), Permissions::from_mode(mode)).unwrap();
    }
    fs::write(path("tree/open/secret"), "secret").unwrap();
    fs::set_permissions(path("tree/open/secret"), Permissions::from_mode(0o0)).unwrap();
    let Some((mut command, _program)) = unprivileged("convert", directory.path()) else { return };
    let output = command.args(["--remove", "tree"]).output().unwrap();
    let mut said: Vec<&str> = stderr(&output).lines().collect();
    said.sort_unstable();
    let denied = "Permission denied (os error 13)";
    let [closed, secret, read_only] = said[..] else { panic!("{said:?}") };
    assert_eq!(closed, format!("convert: tree/closed: {denied}"));
    let is_said = read_only.starts_with("convert: tree/read-only/file: ");
    assert!(is_said && read_only.contains(denied), "{read_only}");
    assert_eq!(secret, format!("convert: tree/open/secret: {denied}"));
    assert_eq!(output.status.code(), Some(1));
    let left = walk(&path("tree"));
    let expected = [
        "",
        "closed",
        "closed/file",
        "open",
        "open/file.gz",
        "open/secret",
        "read-only",
        "read-only/file",
    ];
    assert_eq!(left, expected.map(Path::new));
}

/// A file that can be replaced and not be removed.
#[test]
fn a_source_that_can_not_be_removed_is_said() {
    let directory = scratch();
    known_file(directory.path(), "file", 10);
    let mut command = example("convert", directory.path());
    // The library's temporary file has its name by then.
    let unlink = [
        libc::SYS_unlinkat,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_unlink,
    ];
    refuse(&mut command, &unlink, libc::EACCES);
    let output = command.args(["--remove", "file"]).output().unwrap();
    let complaint = "convert: file: could not be removed: Permission denied (os error 13)\n";
    assert_eq!((stderr(&output), output.status.code()), (complaint, Some(1)));
    assert_eq!(walk(directory.path()), ["", "file", "file.gz"].map(Path::new));
}

#[test]
fn sources_stay_where_permissions_or_times_are_refused() {
    let directory = scratch();
    let source = known_file(directory.path(), "file", 100_000);
    fs::set_permissions(&source, Permissions::from_mode(0o640)).unwrap();
    for (call, what) in [(libc::SYS_utimensat, "times"), (libc::SYS_fchmod, "permissions")] {
        let mut command = example("convert", directory.path());
        refuse(&mut command, &[call], libc::EPERM);
        let output = command.args(["--remove", "file"]).output().unwrap();
        let reason = "Operation not permitted (os error 1)";
        let complaint = format!("convert: file.gz: {what} are not kept: {reason}\n");
        assert_eq!((stderr(&output), output.status.code()), (&*complaint, Some(1)));
        assert_eq!(walk(directory.path()), ["", "file", "file.gz"].map(Path::new));
        let target = directory.path().join("file.gz");
        // Without the source's permissions it is its owner's alone.
        let mode = if what == "permissions" { 0o600 } else { 0o640 };
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, mode);
        fs::remove_file(target).unwrap();
    }
}

#[test]
fn sources_stay_when_the_target_is_full() {
    let directory = scratch();
    // It takes so much room when it is decompressed.
    fs::write(directory.path().join("large.gz"), gzip(&vec![0; 5 << 20])).unwrap();
    fs::write(directory.path().join("small.gz"), gzip(b"small")).unwrap();
    let Some(mount) = Mount::tmpfs(2 << 20) else { return };
    let to = format!("--to={}", mount.path().display());
    for policy in ["--policy=buffered", "--policy=direct"] {
        let full = format!(
            "large.gz: {}/large: No space left on device (os error 28)",
            mount.path().display()
        );
        let arguments = [policy, "--decompress", "--remove", &to, "large.gz"];
        fails(directory.path(), &arguments, &[&full]);
        assert_eq!(walk(mount.path()), [Path::new("")], "{policy}: nothing under any name");
    }
    let output = run("convert", directory.path(), &["-d", "--remove", &to, "small.gz"]);
    assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
    assert_eq!(walk(directory.path()), ["", "large.gz"].map(Path::new));
}

#[test]
fn sources_stay_when_a_sync_tells_that_the_target_is_full() {
    let directory = scratch();
    // Decompressed quickly: when the system writes its journal by itself, it finds the device full,
    // and nothing can be removed any more.
    fs::write(directory.path().join("large.zst"), zstd(&vec![7; 20 << 20])).unwrap();
    for policy in ["--policy=buffered", "--policy=direct"] {
        // Room for 12 MiB on what says that it has 32, so that nothing of it is noticed before.
        let Some(room) = Mount::tmpfs(12 << 20) else { return };
        let Some(device) = Loop::promising(32 << 20, &room) else { return };
        let Some(mount) = Mount::on(&device, FileSystem::Ext4) else { return };
        let target = mount.path().join("target");
        let to = format!("--to={}", target.display());
        let arguments = [policy, "-d", "--fsync", "--remove", &to, "large.zst"];
        let output = run("convert", directory.path(), &arguments);
        let said = stderr(&output);
        assert!(said.starts_with("convert: large.zst: ") && said.contains("/large"), "{said}");
        assert_eq!(output.status.code(), Some(1), "{policy}: {said}");
        assert_eq!(walk(&target), [Path::new("")], "{policy}: nothing under any name: {said}");
        assert!(File::open(directory.path().join("large.zst")).is_ok());
    }
}
