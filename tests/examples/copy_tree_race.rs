//! The example `copy_tree`, while its source is changed by somebody who wants other files copied.

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::exchange::exchange;
use crate::program::{run, stderr};
use crate::support::{scratch, skipped};

/// How often it is copied. Without protection, every second copy or so has the secret.
const COPIES: usize = 30;

const FILES: usize = 8;

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

#[test]
fn what_a_link_leads_to_is_not_copied_in_the_place_of_a_file() {
    let directory = scratch();
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("source")).unwrap();
    fs::write(path("secret"), "secret").unwrap();
    for file in 0..FILES {
        fs::write(path(&format!("source/file {file}")), "contents").unwrap();
        symlink("../secret", path(&format!("source/link {file}"))).unwrap();
    }
    let pairs: Vec<[CString; 2]> = (0..FILES)
        .map(|file| {
            ["file", "link"].map(|kind| {
                let path = path(&format!("source/{kind} {file}"));
                CString::new(path.as_os_str().as_bytes()).unwrap()
            })
        })
        .collect();
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
                let output = run("copy_tree", directory.path(), &arguments);
                assert_innocent(&path("target"), stderr(&output));
                fs::remove_dir_all(path("target")).unwrap();
            }
        }
    });
}
