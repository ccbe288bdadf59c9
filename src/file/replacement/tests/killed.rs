//! A process that is killed while it replaces a file: the file is whole, the old one or the new
//! one.
//!
//! The process is this test program, started for one of its tests. It replaces the file by
//! contents that say how they go on, and tells of each step by a byte.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::file::durability::Durability;
use crate::file::existing::Existing;
use crate::file::options::OpenOptions;
use crate::file::replacement::Replacement;

/// Where the child replaces a file, the version with which it begins, and after how many bytes of
/// progress it waits to be killed.
const DIRECTORY: &str = "REAPOOL_REPLACEMENT_DIRECTORY";
const VERSION: &str = "REAPOOL_REPLACEMENT_VERSION";
const PAUSE: &str = "REAPOOL_REPLACEMENT_PAUSE";

const BLOCK: usize = 4096;
const BLOCKS: usize = 8;

/// What the child tells after each step.
const BEGUN: u8 = b'b';
const WRITTEN: u8 = b'w';
const COMMITTED: u8 = b'c';

/// Bytes of progress for one replacement.
const STEPS: usize = BLOCKS + 2;

/// A number that has nothing to see of the one that it is made from.
fn mixed(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

/// Words of which the first is the version, the second the length, and each other follows from
/// where it is and from the version. Versions differ in length.
fn contents(version: u64) -> Vec<u8> {
    let words = (BLOCKS * BLOCK / 8) as u64 - version % 7;
    let word = |index| match index {
        0 => version,
        1 => words * 8,
        _ => mixed(version << 32 | index),
    };
    (0..words).flat_map(|index| word(index).to_le_bytes()).collect()
}

/// Half of the versions have a temporary name while they are written.
fn durability(version: u64) -> Durability {
    if version.is_multiple_of(2) { Durability::Synced } else { Durability::Cached }
}

/// The version of a whole file.
fn version_of(contents_found: &[u8]) -> u64 {
    let version = u64::from_le_bytes(contents_found[..8].try_into().unwrap());
    assert!(contents_found == contents(version), "version {version} is not whole");
    version
}

struct Progress {
    told: usize,
    pause: Option<usize>,
}

impl Progress {
    /// The harness writes nothing to this.
    fn tell(&mut self, step: u8) {
        io::stderr().write_all(&[step]).unwrap();
        self.told += 1;
        if Some(self.told) == self.pause {
            // The parent keeps the other end open until this is killed.
            let _ = io::stdin().read(&mut [0]);
        }
    }
}

fn replace(target: &Path, version: u64, progress: &mut Progress) {
    let durability = durability(version);
    let (replacement, file) =
        Replacement::begin(target, &OpenOptions::new(), Existing::Replace, durability).unwrap();
    progress.tell(BEGUN);
    let file = File::from(file.as_fd().try_clone_to_owned().unwrap());
    for (number, block) in contents(version).chunks(BLOCK).enumerate() {
        file.write_all_at(block, (number * BLOCK) as u64).unwrap();
        progress.tell(WRITTEN);
    }
    replacement.commit().unwrap();
    progress.tell(COMMITTED);
}

#[test]
#[ignore = "the process that the other tests kill"]
fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
    let pause = number(PAUSE).map(|pause| pause as usize);
    let mut progress = Progress { told: 0, pause };
    for version in number(VERSION).unwrap().. {
        replace(&PathBuf::from(&directory).join("file"), version, &mut progress);
    }
}

fn start(directory: &Path, version: u64, pause: Option<usize>) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "file::replacement::tests::killed::child", "--ignored"]);
    command.env(DIRECTORY, directory).env(VERSION, version.to_string());
    if let Some(pause) = pause {
        command.env(PAUSE, pause.to_string());
    }
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Kills a child after so many bytes of progress, and returns all that it told.
fn kill_after(child: &mut Child, steps: usize) -> Vec<u8> {
    let mut stderr = child.stderr.take().unwrap();
    let mut told = vec![0; steps];
    stderr.read_exact(&mut told).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    stderr.read_to_end(&mut told).unwrap();
    told
}

/// The version that the file has, if it is there, and how many other files. These are removed.
fn look_and_clean_up(directory: &Path) -> (Option<u64>, usize) {
    let mut leftovers = 0;
    for entry in fs::read_dir(directory).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name != "file" {
            assert!(name.starts_with(".file.") && name.ends_with(".tmp"), "{name}");
            fs::remove_file(directory.join(name)).unwrap();
            leftovers += 1;
        }
    }
    let found = fs::read(directory.join("file")).ok();
    (found.map(|found| version_of(&found)), leftovers)
}

fn rounds() -> u64 {
    match (std::env::var_os("REAPOOL_MEMCHECK"), std::env::var_os("REAPOOL_EFFORT")) {
        (Some(_), _) => 10,
        (None, Some(_)) => 500,
        (None, None) => 100,
    }
}

/// Wherever it is by then, in its own code or in the kernel.
#[test]
fn a_killed_process_leaves_the_old_file_or_the_new_one() {
    let directory = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
    let mut last = 0;
    for round in 0..rounds() {
        let steps = 1 + mixed(round + 1) as usize % (4 * STEPS);
        let mut child = start(directory.path(), last + 1, None);
        let told = kill_after(&mut child, steps);
        assert!(told.len() >= steps);
        let committed = last + told.iter().filter(|&&step| step == COMMITTED).count() as u64;
        let (version, leftovers) = look_and_clean_up(directory.path());
        let version = version.unwrap_or(0);
        // It may not have come to tell of the last one.
        assert!(version == committed || version == committed + 1, "{version}, {committed} told");
        assert!(leftovers <= 1);
        last = version;
    }
    assert!(last > 0, "none was replaced");
}

#[test]
fn a_process_that_is_killed_before_the_commit_leaves_the_old_file() {
    let directory = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
    for first in [1, 2] {
        for pause in 1..=STEPS {
            // The first one is committed.
            let steps = STEPS + pause;
            let mut child = start(directory.path(), first, Some(steps));
            assert_eq!(kill_after(&mut child, steps).len(), steps);
            let leftovers = usize::from(durability(first + 1) == Durability::Synced);
            let begun = (Some(first), leftovers);
            let expected = if pause < STEPS { begun } else { (Some(first + 1), 0) };
            assert_eq!(look_and_clean_up(directory.path()), expected, "after {pause} steps");
        }
    }
}
