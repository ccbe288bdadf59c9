//! Symbolic links in the place of files, and paths that are to stay below a directory.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use reapool::{FileErrorKind, FileOperation, Files, FilesError, Links};

use crate::support::cache::forget;
use crate::support::files::{
    Outcome, POLICIES, all, copied, dispatcher, in_memory, modest, only, pattern, patterned,
};
use crate::support::scratch;

/// Why a file was refused; the message names the path as it was given, and the setting.
fn assert_refused(outcome: Outcome<Vec<u8>>, path: &str, setting: &str) {
    let error = outcome.map(|done| done.path).unwrap_err();
    assert_eq!((error.kind(), error.operation), (FileErrorKind::Refused, FileOperation::Open));
    assert_eq!(error.path, Path::new(path));
    let text = error.to_string();
    assert!(text.starts_with(&format!("{path}: open: ")), "{text}");
    assert!(text.contains(&format!("`{setting}`")), "{text}");
}

/// A directory `in` with files and links, and a file beside it:
///
/// ```text
/// secret
/// in/file
/// in/deep/file
/// in/near   -> file
/// in/way    -> deep
/// in/far    -> ../secret
/// in/root   -> (the absolute path of `secret`)
/// in/out    -> ..
/// in/loose  -> nothing
/// ```
fn tree(root: &Path) -> PathBuf {
    let inside = root.join("in");
    fs::create_dir_all(inside.join("deep")).unwrap();
    let secret = patterned(root, "secret", 1, 5000);
    patterned(&inside, "file", 2, 5000);
    patterned(&inside.join("deep"), "file", 3, 5000);
    let links = [("near", "file"), ("way", "deep"), ("far", "../secret"), ("out", "..")];
    for (link, target) in links.into_iter().chain([("loose", "nothing")]) {
        symlink(target, inside.join(link)).unwrap();
    }
    symlink(secret, inside.join("root")).unwrap();
    inside
}

/// Reads one file, by a worker and by a blocking thread: these open files in their own ways.
fn assert_outcome(files: &Files, path: &str, at: &Path, check: impl Fn(Outcome<Vec<u8>>)) {
    for cached in [true, false] {
        if let (false, Ok(file)) = (cached, at.canonicalize()) {
            forget(&file);
        }
        check(only(copied(files, [path.to_owned()])));
    }
}

fn assert_read(outcome: Outcome<Vec<u8>>, seed: usize) {
    let done = outcome.unwrap();
    assert!(done.value == pattern(seed, 5000), "{}", done.path.display());
}

#[test]
fn a_link_is_refused_in_the_place_of_a_file() {
    // On the file system of the build, and on another mount, where finding a file takes more steps.
    for directory in [Some(scratch()), in_memory()].into_iter().flatten() {
        assert_links_refused(directory.path());
    }
}

fn assert_links_refused(directory: &Path) {
    let (inside, dispatcher) = (tree(directory), dispatcher(2));
    for policy in POLICIES {
        let files = modest(&dispatcher).policy(policy).links(Links::Refuse).build().unwrap();
        for name in ["near", "far", "root", "way", "loose"] {
            let path = inside.join(name);
            assert_outcome(&files, path.to_str().unwrap(), &path, |outcome| {
                assert_refused(outcome, path.to_str().unwrap(), "links");
            });
        }
        for (name, seed) in [("file", 2), ("way/file", 3), ("out/secret", 1)] {
            let path = inside.join(name);
            let path = path.to_str().unwrap();
            assert_outcome(&files, path, path.as_ref(), |outcome| assert_read(outcome, seed));
        }
        let gone = only(copied(&files, [inside.join("gone")])).unwrap_err();
        assert_eq!(gone.source.kind(), io::ErrorKind::NotFound);
    }
}

#[test]
fn no_path_leads_out_of_a_directory() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let inside = tree(directory.path());
    let secret = directory.path().join("secret");
    let absolute = inside.join("file");
    for policy in POLICIES {
        for links in [Links::Follow, Links::Refuse] {
            let builder = modest(&dispatcher).policy(policy).links(links);
            let files = builder.beneath(&inside).build().unwrap();
            let out = ["../secret", "out/secret", "deep/../../secret", absolute.to_str().unwrap()];
            for path in out {
                assert_outcome(&files, path, &secret, |it| assert_refused(it, path, "beneath"));
            }
            for (path, seed) in [("file", 2), ("deep/file", 3), ("way/file", 3), ("way/../file", 2)]
            {
                let at = inside.join(path);
                assert_outcome(&files, path, &at, |outcome| assert_read(outcome, seed));
            }
            for path in ["far", "root"] {
                let setting = if links == Links::Follow { "beneath" } else { "links" };
                assert_outcome(&files, path, &secret, |it| assert_refused(it, path, setting));
            }
            assert_outcome(&files, "near", &inside.join("file"), |outcome| match links {
                Links::Refuse => assert_refused(outcome, "near", "links"),
                _ => assert_read(outcome, 2),
            });
        }
    }
}

#[test]
fn the_directory_is_the_one_that_it_was_when_it_was_opened() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let inside = tree(directory.path());
    let files = modest(&dispatcher).beneath(&inside).build().unwrap();
    fs::rename(&inside, directory.path().join("moved")).unwrap();
    fs::create_dir(&inside).unwrap();
    patterned(&inside, "file", 4, 5000);
    assert_read(only(copied(&files, ["file"])), 2);
}

#[test]
fn many_files_below_a_directory_are_read_once_each() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let name = |number: usize| format!("{}/{number}", number % 7);
    (0..7).for_each(|number| fs::create_dir(directory.path().join(number.to_string())).unwrap());
    for number in 0..500 {
        patterned(directory.path(), &name(number), number, 100 + number);
    }
    for policy in POLICIES {
        let builder = modest(&dispatcher).policy(policy).links(Links::Refuse);
        let files = builder.beneath(directory.path()).build().unwrap();
        let outcomes = all(copied(&files, (0..500).map(name)));
        assert_eq!(outcomes.len(), 500);
        for done in outcomes.into_iter().map(Result::unwrap) {
            assert!(done.value == pattern(done.index as usize, 100 + done.index as usize));
        }
    }
}

#[test]
fn a_directory_that_can_not_be_opened_is_named() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let file = patterned(directory.path(), "file", 1, 100);
    for (path, kind) in [
        (directory.path().join("gone"), io::ErrorKind::NotFound),
        (file, io::ErrorKind::NotADirectory),
    ] {
        let error = modest(&dispatcher).beneath(&path).build().unwrap_err();
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        let FilesError::Beneath { path: named, source } = error else { panic!("{error}") };
        assert_eq!((named, source.kind()), (path, kind));
    }
}
