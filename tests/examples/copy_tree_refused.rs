//! The example `copy_tree` where the target can't keep all: the contents arrive, and the rest is
//! said.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Output;

use crate::program::{example, stderr, stdout};
use crate::support::confined::refuse;
use crate::support::{known_file, scratch};

/// Files below and above the size from which on their length is set ahead.
const FILES: [(&str, u64); 4] =
    [("empty", 0), ("small", 100), ("aligned", 8 << 20), ("directory/large", (9 << 20) + 12_345)];

fn make_tree(root: &Path) {
    fs::create_dir_all(root.join("directory")).unwrap();
    for (name, size) in FILES {
        known_file(root, name, size);
        fs::set_permissions(root.join(name), Permissions::from_mode(0o640)).unwrap();
    }
    symlink("small", root.join("link")).unwrap();
}

fn copy(directory: &Path, options: &[&str], refused: &[libc::c_long], errno: i32) -> Output {
    let mut command = example("copy_tree", directory);
    refuse(&mut command, refused, errno);
    command.args(options).args(["source", "target"]).output().unwrap()
}

/// The contents have arrived, under their names alone.
fn assert_arrived(directory: &Path, case: &str) {
    for (name, _) in FILES {
        let [source, target] =
            ["source", "target"].map(|root| fs::read(directory.join(root).join(name)));
        assert!(target.is_ok_and(|target| target == source.unwrap()), "{name}: {case}");
    }
    let link = fs::read_link(directory.join("target/link")).unwrap();
    assert_eq!(link, Path::new("small"), "{case}");
    let entries = walkdir::WalkDir::new(directory.join("target")).into_iter().count();
    assert_eq!(entries, FILES.len() + 3, "{case}");
}

fn sorted(said: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = said.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn contents_arrive_where_times_and_permissions_are_refused() {
    let directory = scratch();
    make_tree(&directory.path().join("source"));
    let cases: [(&[libc::c_long], &[&str]); 3] = [
        (&[libc::SYS_utimensat], &["times"]),
        (&[libc::SYS_fchmod], &["permissions"]),
        (&[libc::SYS_utimensat, libc::SYS_fchmod, libc::SYS_ftruncate], &["permissions", "times"]),
    ];
    let names = ["", "/aligned", "/directory", "/directory/large", "/empty", "/small"];
    for (refused, lost) in cases {
        for options in [&[][..], &["--policy=direct"], &["--policy=buffered", "--verify"]] {
            let output = copy(directory.path(), options, refused, libc::EPERM);
            let case = format!("{lost:?} {options:?}: {}", stderr(&output));
            assert_arrived(directory.path(), &case);
            let complaint = |name: &&str, lost: &&str| {
                let reason = "Operation not permitted (os error 1)";
                format!("copy_tree: target{name}: {lost} are not kept: {reason}")
            };
            let mut complaints: Vec<String> = names
                .iter()
                .flat_map(|name| lost.iter().map(move |lost| complaint(name, lost)))
                // A link has no permissions.
                .chain(lost.contains(&"times").then(|| complaint(&"/link", &"times")))
                .collect();
            complaints.sort_unstable();
            assert_eq!(sorted(stderr(&output)), complaints, "{case}");
            assert_eq!((stdout(&output), output.status.code()), ("", Some(1)), "{case}");
            fs::remove_dir_all(directory.path().join("target")).unwrap();
        }
    }
}

#[test]
fn nothing_is_lost_where_a_length_can_not_be_set_ahead() {
    let directory = scratch();
    make_tree(&directory.path().join("source"));
    for options in [&[][..], &["--policy=direct", "--verify"], &["--fsync=all"]] {
        let output = copy(directory.path(), options, &[libc::SYS_ftruncate], libc::EPERM);
        let said = (stdout(&output), stderr(&output), output.status.code());
        assert_eq!(said, ("", "", Some(0)), "{options:?}");
        assert_arrived(directory.path(), &format!("{options:?}"));
        fs::remove_dir_all(directory.path().join("target")).unwrap();
    }
}

/// As on many file systems of FUSE.
#[test]
fn names_are_given_where_renaming_replaces_and_there_are_no_links() {
    let directory = scratch();
    make_tree(&directory.path().join("source"));
    let refused = [
        libc::SYS_renameat2,
        libc::SYS_linkat,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_link,
    ];
    for errno in [libc::EPERM, libc::ENOSYS, libc::EOPNOTSUPP] {
        // The library tries to link only after these errors of renameat2.
        let mut command = example("copy_tree", directory.path());
        refuse(&mut command, &refused[1..], errno);
        refuse(&mut command, &refused[..1], libc::EINVAL);
        let output = command.args(["source", "target"]).output().unwrap();
        assert_eq!((stderr(&output), output.status.code()), ("", Some(0)), "{errno}");
        assert_arrived(directory.path(), &format!("{errno}"));
        fs::remove_dir_all(directory.path().join("target")).unwrap();
    }
    // Names that somebody has are left alone.
    fs::create_dir(directory.path().join("target")).unwrap();
    fs::write(directory.path().join("target/small"), "mine").unwrap();
    let output = copy(directory.path(), &[], &refused, libc::ENOSYS);
    let complaint = "copy_tree: target/small: File exists (os error 17)\n";
    assert_eq!((stderr(&output), output.status.code()), (complaint, Some(1)));
    assert_eq!(fs::read(directory.path().join("target/small")).unwrap(), b"mine");
}
