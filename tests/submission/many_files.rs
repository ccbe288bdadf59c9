//! Ten thousand files go through 64 slots, each opened, read by one job, verified and counted.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reapool::{AlignedBuf, Completion, FileHandle, Job};

use crate::support::{self, Drops, Tended, known_file, scratch, skipped, watched};

fn files() -> usize {
    10_000 / support::scale()
}

const DEPTH: usize = 64;
/// More than any of the files has, and what direct I/O takes.
const BUFFER: usize = 12 << 10;

/// Spread over 0 to 9000, with multiples of the page size among them.
fn size(index: usize) -> usize {
    if index.is_multiple_of(50) { index / 50 % 3 * 4096 } else { index * 7919 % 9001 }
}

/// Files differ in their first bytes too, so that one can't be taken for another.
fn write_file(directory: &Path, index: usize) -> PathBuf {
    let path = directory.join(index.to_string());
    let bytes: Vec<u8> = (0..size(index)).map(|at| byte(index, at)).collect();
    std::fs::write(&path, bytes).unwrap();
    path
}

fn byte(index: usize, at: usize) -> u8 {
    let label = index.to_le_bytes();
    if at < 4 { label[at] } else { ((index + at) % 251) as u8 }
}

fn verify(index: usize, done: &Completion<AlignedBuf>) {
    assert_eq!(*done.result.as_ref().unwrap(), size(index), "file {index}");
    assert_eq!(done.buffer.len(), size(index), "file {index}");
    let right = done.buffer.iter().enumerate().all(|(at, &is)| is == byte(index, at));
    assert!(right, "contents of file {index}");
}

/// Reads all files, opened by `open`, and returns how many of them were right.
fn read_all(
    paths: Vec<PathBuf>,
    closed: &Drops,
    open: impl Fn(&Path) -> File + Send + 'static,
) -> usize {
    let dispatcher = Tended::new(support::builder().depth(DEPTH).workers(2));
    let verified = Arc::new(AtomicUsize::new(0));
    let (submitter, counter, drops) =
        (dispatcher.submitter(), Arc::clone(&verified), closed.clone());
    watched(move || {
        for (index, path) in paths.iter().enumerate() {
            let file: FileHandle = drops.file(open(path));
            let counter = Arc::clone(&counter);
            let job = Job::read(file, AlignedBuf::zeroed(BUFFER), 0, move |done| {
                verify(index, &done);
                counter.fetch_add(1, Ordering::Relaxed);
            });
            submitter.submit(job).unwrap();
        }
    });
    dispatcher.quiesce();
    let stats = dispatcher.stats();
    assert_eq!((stats.finished, stats.failed, stats.panics), (files() as u64, 0, 0), "{stats:?}");
    assert_eq!(stats.short, files() as u64, "each file is shorter than its buffer: {stats:?}");
    verified.load(Ordering::Relaxed)
}

#[test]
fn each_of_many_files_is_read_once() {
    let directory = scratch();
    let paths: Vec<_> = (0..files()).map(|index| write_file(directory.path(), index)).collect();
    let closed = Drops::default();

    let buffered = |path: &Path| File::open(path).unwrap();
    assert_eq!(read_all(paths.clone(), &closed, buffered), files());
    assert_eq!(closed.count(), files(), "files closed");

    let probe = known_file(directory.path(), "probe", 1);
    if let Err(error) = FileHandle::open_direct(&probe) {
        skipped(&format!("direct I/O in the target directory: {error}"));
        return;
    }
    let direct = |path: &Path| {
        use std::os::unix::fs::OpenOptionsExt;
        File::options().read(true).custom_flags(libc::O_DIRECT).open(path).unwrap()
    };
    assert_eq!(read_all(paths, &closed, direct), files());
    assert_eq!(closed.count(), 2 * files(), "files closed");
}
