//! The example `copy_tree`: files that have several names.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use crate::program::{run, stderr, unprivileged};
use crate::support::{known_file, public, scratch};
use crate::trees::{assert_copied_alike, assert_copied_as_by_models, set_times};

/// Files and a link with names in several directories, and one with a name outside.
fn make_tree(directory: &Path) {
    let source = directory.join("source");
    fs::create_dir_all(source.join("a/b")).unwrap();
    known_file(&source, "z", 100_000);
    known_file(&source, "large", (9 << 20) + 5);
    known_file(directory, "outside", 10);
    symlink("nowhere", source.join("link")).unwrap();
    let links = [
        ("source/z", "source/a/first"),
        ("source/z", "source/a/b/again"),
        ("source/large", "source/a/large"),
        ("source/link", "source/a/link"),
        ("outside", "source/a/inside"),
    ];
    for (file, name) in links {
        fs::hard_link(directory.join(file), directory.join(name)).unwrap();
    }
    set_times(&source, UNIX_EPOCH + Duration::new(1_000_000_000, 987_654_321));
}

#[test]
fn names_of_one_file_are_names_of_one_copy() {
    let directory = scratch();
    let path = |name: &str| directory.path().join(name);
    make_tree(directory.path());
    assert_copied_alike(directory.path(), |options| {
        let links = |name: &str| fs::symlink_metadata(path(name)).unwrap().nlink();
        let names = ["target/z", "target/large", "target/link", "target/a/inside"];
        assert_eq!(names.map(links), [3, 2, 2, 1], "{options:?}");
    });
}

#[test]
fn links_are_those_of_cp_and_rsync() {
    let directory = scratch();
    make_tree(directory.path());
    assert_copied_as_by_models(directory.path());
}

/// A file of somebody else that has the first name is not linked to.
#[test]
fn what_was_not_copied_gets_no_other_name() {
    let directory = scratch();
    let path = |name: &str| directory.path().join(name);
    fs::create_dir_all(path("source/a")).unwrap();
    fs::create_dir(path("target")).unwrap();
    known_file(&path("source"), "name", 100);
    fs::hard_link(path("source/name"), path("source/a/name")).unwrap();
    let other = "the same file as";
    // It is walked in the order of the directory: either may be the first.
    for [taken, free] in [["name", "a/name"], ["a/name", "name"]] {
        fs::create_dir_all(path("target/a")).unwrap();
        fs::write(path("target").join(taken), "mine").unwrap();
        let output = run("copy_tree", directory.path(), &["source", "target"]);
        let refused = "File exists (os error 17)";
        let both = format!(
            "copy_tree: target/{taken}: {refused}\n\
             copy_tree: target/{free}: left out: it is {other} target/{taken}, which was not copied\n"
        );
        let second =
            format!("copy_tree: target/{taken}: can't be linked to target/{free}: {refused}\n");
        let said = stderr(&output);
        assert!(said == both || said == second, "{said}");
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(path("target").join(free).exists(), said == second);
        assert_eq!(fs::read(path("target").join(taken)).unwrap(), b"mine");
        fs::remove_dir_all(path("target")).unwrap();
        fs::create_dir(path("target")).unwrap();
    }
}

#[test]
fn a_file_that_cannot_be_read_is_missing_under_all_names() {
    let directory = public();
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("source")).unwrap();
    known_file(&path("source"), "one", 10);
    fs::hard_link(path("source/one"), path("source/two")).unwrap();
    fs::set_permissions(path("source/one"), Permissions::from_mode(0o000)).unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o777)).unwrap();
    let Some((mut command, _program)) = unprivileged("copy_tree", directory.path()) else { return };
    let output = command.args(["source", "target"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output).lines().count(), 2, "{}", stderr(&output));
    assert_eq!(fs::read_dir(path("target")).unwrap().count(), 0);
}
