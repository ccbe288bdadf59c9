//! The example `copy_tree`: owners, access control lists and extended attributes.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use crate::program::{example, run, stderr, unprivileged};
use crate::support::confined::refuse;
use crate::support::{known_file, public, scratch, skipped};
use crate::trees::{assert_alike, assert_copied_alike, assert_copied_as_by_models, set_times};

const ACCESS_LIST: &str = "system.posix_acl_access";
const DEFAULT_LIST: &str = "system.posix_acl_default";

/// An access control list, as acl(5) has it: what the owner may, a user and the group, the mask of
/// these two, and what others may.
fn list(owner: u16, user: u16, group: u16, mask: u16, others: u16) -> Vec<u8> {
    const VERSION: u32 = 2;
    const NOBODY: u32 = u32::MAX;
    let entries = [
        (1, owner, NOBODY),
        (2, user, 4321),
        (4, group, NOBODY),
        (16, mask, NOBODY),
        (32, others, NOBODY),
    ];
    let mut bytes = VERSION.to_le_bytes().to_vec();
    for (tag, may, id) in entries {
        bytes.extend(u16::to_le_bytes(tag));
        bytes.extend(may.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

/// As capabilities(7) has it: version 2, effective, and nothing but to change the system's time.
fn capability() -> Vec<u8> {
    const VERSION_AND_EFFECTIVE: u32 = 0x0200_0001;
    const SYS_TIME: u32 = 1 << 25;
    [VERSION_AND_EFFECTIVE, SYS_TIME, 0, 0, 0].into_iter().flat_map(u32::to_le_bytes).collect()
}

/// A tree with lists and attributes, and with owners where this process may give files away.
fn make_tree(root: &Path) {
    fs::create_dir_all(root.join("shared/plain")).unwrap();
    for name in ["both", "listed", "large", "capable", "shared/unlisted"] {
        known_file(root, name, if name == "large" { (9 << 20) + 5 } else { 100 });
    }
    symlink("both", root.join("link")).unwrap();
    let set = |path: &str, name: &str, value: &[u8]| {
        xattr::set(root.join(path), name, value).unwrap_or_else(|error| panic!("{name}: {error}"));
    };
    set("both", "user.empty", b"");
    set("both", "user.note", b"of a user");
    set("large", "user.long", &[b'x'; 2000]);
    set("shared", "user.note", b"of a directory");
    set("listed", ACCESS_LIST, &list(6, 5, 0, 4, 0));
    set("both", ACCESS_LIST, &list(7, 7, 7, 7, 0));
    set("shared", ACCESS_LIST, &list(5, 7, 5, 5, 5));
    // Since the file in it was made before, that has none.
    set("shared", DEFAULT_LIST, &list(7, 7, 0, 7, 0));
    let mut owned = vec![("both", 1, 2), ("large", 3, 0), ("shared", 0, 4), ("link", 5, 6)];
    owned.retain(|(name, user, group)| lchown(root.join(name), Some(*user), Some(*group)).is_ok());
    if owned.is_empty() {
        skipped("owners and trusted attributes of copies: only root gives files to others");
    } else {
        set("both", "trusted.note", b"of root");
        set("both", "security.note", b"of the system");
        set("shared", "trusted.note", b"of root");
        set("capable", "security.capability", &capability());
        xattr::set(root.join("link"), "trusted.note", b"of a link").unwrap();
    }
    fs::set_permissions(root.join("large"), Permissions::from_mode(0o6711)).unwrap();
    let time = UNIX_EPOCH + Duration::new(1_000_000_000, 987_654_321);
    set_times(root, time);
}

/// `false`, said loudly, where files have no attributes.
fn takes_attributes(directory: &Path) -> bool {
    let set =
        xattr::set(directory, "user.try", b"").and_then(|()| xattr::remove(directory, "user.try"));
    set.inspect_err(|error| skipped(&format!("attributes of copies: {error}"))).is_ok()
}

#[test]
fn copies_have_owners_lists_and_attributes_of_their_sources() {
    let directory = scratch();
    if !takes_attributes(directory.path()) {
        return;
    }
    let path = |name: &str| directory.path().join(name);
    make_tree(&path("source"));
    assert_copied_alike(directory.path(), |_| ());
}

#[test]
fn copies_are_those_of_cp_and_rsync() {
    let directory = scratch();
    if !takes_attributes(directory.path()) {
        return;
    }
    let path = |name: &str| directory.path().join(name);
    make_tree(&path("source"));
    assert_copied_as_by_models(directory.path());
}

#[test]
fn a_list_of_the_directory_is_not_for_what_is_copied_into_it() {
    let directory = scratch();
    if !takes_attributes(directory.path()) {
        return;
    }
    let path = |name: &str| directory.path().join(name);
    fs::create_dir_all(path("source/inside")).unwrap();
    known_file(&path("source/inside"), "file", 100);
    symlink("inside", path("source/link")).unwrap();
    for options in [&[][..], &["--policy=direct"], &["--fsync=file"]] {
        fs::create_dir(path("target")).unwrap();
        xattr::set(path("target"), DEFAULT_LIST, &list(7, 7, 7, 7, 7)).unwrap();
        let output = run("copy_tree", directory.path(), &[options, &["source", "target"]].concat());
        assert_eq!((stderr(&output), output.status.code()), ("", Some(0)), "{options:?}");
        assert_alike(&path("source"), &path("target"), &format!("{options:?}"));
        fs::remove_dir_all(path("target")).unwrap();
    }
}

#[test]
fn users_copies_are_their_own_and_that_is_no_error() {
    let directory = public();
    if !takes_attributes(directory.path()) {
        return;
    }
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("source")).unwrap();
    known_file(&path("source"), "file", 100);
    symlink("file", path("source/link")).unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o777)).unwrap();
    let Some((mut command, _program)) = unprivileged("copy_tree", directory.path()) else { return };
    xattr::set(path("source/file"), "user.note", b"of a user").unwrap();
    xattr::set(path("source/file"), "security.note", b"of the system").unwrap();
    let output = command.args(["source", "target"]).output().unwrap();
    assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
    let found = |name| xattr::get(path("target/file"), name).unwrap();
    assert_eq!(found("user.note").as_deref(), Some(&b"of a user"[..]));
    assert_eq!(found("security.note"), None);
}

#[test]
fn what_users_have_set_and_a_target_refuses_is_said() {
    let directory = scratch();
    if !takes_attributes(directory.path()) {
        return;
    }
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("source")).unwrap();
    known_file(&path("source"), "file", 100);
    xattr::set(path("source/file"), "user.note", b"").unwrap();
    xattr::set(path("source/file"), ACCESS_LIST, &list(6, 6, 6, 6, 6)).unwrap();
    let refused = |reason: &str| {
        format!(
            "copy_tree: target/file: access control lists are not kept: {reason}\n\
             copy_tree: target/file: the extended attribute user.note is not kept: {reason}\n"
        )
    };
    let cases = [
        (libc::EOPNOTSUPP, refused("Operation not supported (os error 95)")),
        (libc::ENOSPC, refused("No space left on device (os error 28)")),
    ];
    for (errno, complaints) in cases {
        let mut command = example("copy_tree", directory.path());
        refuse(&mut command, &[libc::SYS_fsetxattr], errno);
        let output = command.args(["source", "target"]).output().unwrap();
        assert_eq!((sorted(&output), output.status.code()), (complaints, Some(1)));
        assert_eq!(fs::read(path("target/file")).unwrap().len(), 100);
        // Of what the list allowed to some, nothing is allowed to the group.
        let mode = fs::metadata(path("target/file")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o606, "{mode:o}");
        fs::remove_dir_all(path("target")).unwrap();
    }
}

fn sorted(output: &std::process::Output) -> String {
    let mut lines: Vec<&str> = stderr(output).split_inclusive('\n').collect();
    lines.sort_unstable();
    lines.concat()
}
