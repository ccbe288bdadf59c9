//! The example `copy_tree`, while its source is changed by somebody who wants other files copied.

use std::ffi::CString;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::exchange::exchange;
use crate::program::{example, run, stderr};
use crate::support::confined::refuse;
use crate::support::{scratch, skipped};

/// How often it is copied. Without protection, every second copy or so has the secret.
const COPIES: usize = 30;

/// Stops the exchanging thread also when the test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// No file of the copy has the secret in it.
fn assert_innocent(copy: &Path, said: &str) {
    for entry in walkdir::WalkDir::new(copy) {
        let entry = entry.unwrap();
        if entry.file_type().is_file() {
            assert_ne!(fs::read(entry.path()).unwrap(), b"secret", "{:?}: {said}", entry.path());
        }
    }
}

/// Copies the source again and again while pairs of names in it are exchanged, and checks each copy
/// and what was said.
fn race(directory: &Path, pairs: &[[&str; 2]], check: impl Fn(&Path, &str)) {
    let name = |name: &str| {
        let path = directory.join("source").join(name);
        CString::new(path.as_os_str().as_bytes()).unwrap()
    };
    let pairs: Vec<[CString; 2]> = pairs.iter().map(|pair| pair.map(name)).collect();
    if let Err(error) = exchange(&pairs[0]) {
        return skipped(&format!("names that are exchanged: {error}"));
    }
    let stopped = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stop = Stop(&stopped);
        scope.spawn(|| {
            while !stopped.load(Ordering::Relaxed) {
                pairs.iter().for_each(|pair| exchange(pair).unwrap());
            }
        });
        for options in [&[][..], &["--policy=direct"], &["--policy=buffered", "--verify"]] {
            for _ in 0..COPIES / 3 {
                let arguments = [options, &["source", "target"]].concat();
                let output = run("copy_tree", directory, &arguments);
                check(&directory.join("target"), stderr(&output));
                fs::remove_dir_all(directory.join("target")).unwrap();
            }
        }
    });
}

const PAIRS: [[&str; 2]; 4] = [["a", "b"], ["c", "d"], ["e", "f"], ["g", "h"]];

#[test]
fn what_a_link_leads_to_is_not_copied_in_the_place_of_a_file() {
    let directory = scratch();
    let path = |name: &str| directory.path().join("source").join(name);
    fs::create_dir(directory.path().join("source")).unwrap();
    fs::write(directory.path().join("secret"), "secret").unwrap();
    for [file, link] in PAIRS {
        fs::write(path(file), "contents").unwrap();
        symlink("../secret", path(link)).unwrap();
    }
    race(directory.path(), &PAIRS, assert_innocent);
}

#[test]
fn what_is_behind_a_link_is_not_copied_in_the_place_of_a_directory() {
    let directory = scratch();
    let path = |name: &str| directory.path().join("source").join(name);
    fs::create_dir_all(directory.path().join("outside")).unwrap();
    fs::write(directory.path().join("outside/file"), "secret").unwrap();
    for [inside, link] in PAIRS {
        fs::create_dir_all(path(inside)).unwrap();
        fs::write(path(inside).join("file"), "contents").unwrap();
        symlink("../outside", path(link)).unwrap();
    }
    race(directory.path(), &PAIRS, assert_innocent);
}

/// Or somebody could have the capabilities of another file given to one of theirs.
#[test]
fn what_a_copy_has_is_of_one_file() {
    let directory = scratch();
    let path = |name: &str| directory.path().join("source").join(name);
    fs::create_dir(directory.path().join("source")).unwrap();
    for name in PAIRS.as_flattened() {
        fs::write(path(name), name).unwrap();
        if let Err(error) = xattr::set(path(name), "user.note", name.as_bytes()) {
            return skipped(&format!("attributes of files that are exchanged: {error}"));
        }
    }
    race(directory.path(), &PAIRS, |copy, said| {
        for name in PAIRS.as_flattened() {
            let contents = match fs::read(copy.join(name)) {
                // Some file systems miss names that are exchanged while they are listed.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                contents => contents.unwrap(),
            };
            // It may have none, if that was said.
            if let Some(note) = xattr::get(copy.join(name), "user.note").unwrap() {
                assert_eq!(note, contents, "{name}: {said}");
            } else {
                let reason = "extended attributes are not kept: another file has taken its place";
                let lost = format!("target/{name}: access control lists and {reason}");
                assert!(said.contains(&lost), "{name}: {said}");
            }
        }
    });
}

/// As where a policy forbids openat2: links are refused in the place of files all the same.
#[test]
fn a_tree_is_copied_where_the_kernel_can_not_keep_to_it() {
    let directory = scratch();
    fs::create_dir_all(directory.path().join("source/a/b")).unwrap();
    fs::write(directory.path().join("source/a/b/file"), "contents").unwrap();
    for errno in [libc::ENOSYS, libc::EPERM] {
        let mut command = example("copy_tree", directory.path());
        refuse(&mut command, &[libc::SYS_openat2], errno);
        let output = command.args(["source", "target"]).output().unwrap();
        assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
        let copy = fs::read(directory.path().join("target/a/b/file")).unwrap();
        assert_eq!(copy, b"contents");
        fs::remove_dir_all(directory.path().join("target")).unwrap();
    }
}
