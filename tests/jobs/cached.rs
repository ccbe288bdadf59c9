//! Reads on the calling thread: only what is in the page cache, and nothing that might wait.

use std::path::Path;

use reapool::{AlignedBuf, FileHandle, Job};

use crate::support::cache::{bring, evict, reads_without_waiting};
use crate::support::{
    self, contents, known_file, null, null_read, open_buffered, open_direct, scratch, skipped,
};

const LENGTH: u64 = 20_000;

#[test]
fn what_is_cached_is_read_up_to_the_end_of_the_file() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", LENGTH);
    if !reads_without_waiting(&path) {
        return;
    }
    let file = open_buffered(&path);
    for (offset, len) in [(0, 10), (4090, 10_000), (19_990, 100), (LENGTH, 5), (1 << 50, 5), (7, 0)]
    {
        let mut buffer = vec![0xaa; 3];
        buffer.reserve(10_000);
        let expected = contents(offset.min(LENGTH)..(offset + len as u64).min(LENGTH));
        assert_eq!(file.read_cached(&mut buffer, len, offset), Some(expected.len()));
        assert!(buffer == expected, "{len} bytes at {offset}");
    }
    let mut small = AlignedBuf::zeroed(16);
    assert_eq!(file.read_cached(&mut small, 100, 5), Some(16), "no more than it has room for");
    assert!(*small == contents(5..21));
}

/// Whether a read of the first 8192 bytes is left to a job when only so many of them are cached. If
/// not, all of them are there: Linux begins to read what a try misses, and may have it at once.
fn is_left_to_a_job(file: &FileHandle, cached: usize, path: &Path) -> bool {
    if !evict(path) || !bring(path, cached) {
        return false;
    }
    let mut buffer = Vec::with_capacity(8192);
    let read = file.read_cached(&mut buffer, 8192, 0);
    match read {
        None => assert!(buffer.is_empty()),
        Some(_) => assert!(buffer == contents(0..8192), "{cached} bytes were cached"),
    }
    read.is_none()
}

#[test]
fn what_is_not_cached_is_left_to_a_job() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", LENGTH);
    let file = open_buffered(&path);
    if !evict(&path) {
        return skipped("eviction: the file's pages stay in the page cache");
    }
    // Valgrind reads the beginning of what is mapped, which is how the pages are looked for.
    if !support::is_memcheck() {
        for cached in [0, 4096] {
            let left = (0..50).any(|_| is_left_to_a_job(&file, cached, &path));
            assert!(left, "{cached} bytes of 8192 are not enough");
        }
    }
    let dispatcher = support::builder().build().unwrap();
    let job = Job::read(&file, vec![0; 8192], 0, |done| done.into_success());
    let (count, mut buffer) = dispatcher.spawn(job).unwrap().join().unwrap().unwrap();
    assert!(count == 8192 && buffer == contents(0..8192));
    assert_eq!(file.read_cached(&mut buffer, 8192, 0), Some(8192), "the job has brought it");
}

#[test]
fn what_is_not_read_through_the_page_cache_is_left_to_a_job() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", LENGTH);
    let (reader, _writer) = std::io::pipe().unwrap();
    let write_only = FileHandle::options().write(true).open(&path).unwrap();
    let others = [
        open_direct(&path),
        Some(FileHandle::from(std::os::fd::OwnedFd::from(reader))),
        Some(write_only),
        Some(null()),
        // Its file system can't tell whether a read would wait.
        Some(open_buffered("/proc/self/status".as_ref())),
    ];
    for file in others.into_iter().flatten() {
        let mut buffer = AlignedBuf::zeroed(4096);
        for _ in 0..2 {
            assert_eq!(file.read_cached(&mut buffer, 4096, 0), None, "{file:?}");
        }
        assert_eq!(buffer.len(), 4096);
    }
}

#[test]
fn callbacks_may_read_so() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", LENGTH);
    if !reads_without_waiting(&path) {
        return;
    }
    let file = open_buffered(&path);
    let dispatcher = support::builder().build().unwrap();
    let callback = move || file.read_cached(&mut vec![0; 100], 100, 0);
    assert_eq!(dispatcher.spawn(null_read(&null(), callback)).unwrap().join().unwrap(), Some(100));
}
