//! The example `convert`: targets have owners, permissions and times of their sources.

use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::time::{Duration, UNIX_EPOCH};

use crate::convert::succeeds;
use crate::program::{stderr, unprivileged};
use crate::support::{known_file, public, scratch, skipped};

#[test]
fn owners_are_kept() {
    let directory = scratch();
    let source = known_file(directory.path(), "file", 10);
    if chown(&source, Some(1234), Some(5678)).is_err() {
        return skipped("owners of converted files: only root gives files to others");
    }
    fs::set_permissions(&source, Permissions::from_mode(0o6750)).unwrap();
    succeeds(directory.path(), &["file"]);
    let found = fs::metadata(directory.path().join("file.gz")).unwrap();
    assert_eq!((found.uid(), found.gid(), found.mode() & 0o7777), (1234, 5678, 0o6750));
}

#[test]
fn what_a_group_may_another_group_may_not() {
    let directory = public();
    let path = |name: &str| directory.path().join(name);
    for (name, mode) in [("a", 0o6754), ("b", 0o646), ("c", 0o604)] {
        fs::write(path(name), name).unwrap();
        fs::set_permissions(path(name), Permissions::from_mode(mode)).unwrap();
    }
    fs::set_permissions(directory.path(), Permissions::from_mode(0o777)).unwrap();
    let Some((mut command, _program)) = unprivileged("convert", directory.path()) else { return };
    let output = command.args(["a", "b", "c"]).output().unwrap();
    assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
    for (name, mode) in [("a.gz", 0o744), ("b.gz", 0o646), ("c.gz", 0o604)] {
        let found = fs::metadata(path(name)).unwrap();
        assert_ne!(found.uid(), 0);
        assert_eq!(found.mode() & 0o7777, mode, "{name}: {:o}", found.mode());
    }
}

#[test]
fn directories_are_made_like_those_of_the_sources() {
    let directory = scratch();
    let path = |name: &str| directory.path().join(name);
    let time = UNIX_EPOCH + Duration::new(1_000_000_000, 5);
    fs::create_dir_all(path("source/a/b")).unwrap();
    known_file(&path("source/a/b"), "file", 10);
    for (name, mode) in [("a/b", 0o555), ("a", 0o710)] {
        let source = path("source").join(name);
        fs::set_permissions(&source, Permissions::from_mode(mode)).unwrap();
        File::open(source).unwrap().set_times(FileTimes::new().set_modified(time)).unwrap();
    }
    // Also in a directory that is there, and with a name that ends in a slash.
    for (to, source, options) in
        [("--to=target", "source", &["--fsync"][..]), ("--to=target/", "./source/", &["--force"])]
    {
        succeeds(directory.path(), &[options, &[to, source]].concat());
        assert!(path("target/a/b/file.gz").exists());
        for name in ["a", "a/b"] {
            let [source, target] = ["source", "target"]
                .map(|root| fs::metadata(directory.path().join(root).join(name)).unwrap());
            assert_eq!(target.mode(), source.mode(), "{name}");
            assert_eq!(target.modified().unwrap(), time, "{name}");
        }
    }
    // Named files have no directories.
    succeeds(directory.path(), &["--to=flat", "source/a/b/file"]);
    assert!(path("flat/file.gz").exists());
}
