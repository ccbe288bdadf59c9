//! The store, seen from outside. The tests run side by side, in one process.

mod agreement;
mod changing;
mod conformance;
mod limits;
mod reads;

use std::fs::File;
use std::path::Path;

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use tempfile::TempDir;

/// A directory on the disk that the build is on: the system's for temporary files may have no
/// direct reads.
fn scratch() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Takes a file out of the page cache, if the kernel does so.
fn evict(path: &Path) {
    let file = File::open(path).unwrap();
    file.sync_all().unwrap();
    posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED).unwrap();
}

/// So many bytes, which differ from place to place and from seed to seed.
fn contents(seed: u64, len: usize) -> Vec<u8> {
    let byte = |place: u64| (place.wrapping_mul(2_654_435_761) >> 13 ^ seed) as u8;
    (0..len as u64).map(byte).collect()
}

/// Says that a test is not done here, and why.
fn skipped(why: &str) {
    eprintln!("SKIPPED: {why}");
    assert!(std::env::var_os("REAPOOL_NO_SKIP").is_none(), "may not be skipped here: {why}");
}
