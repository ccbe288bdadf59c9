//! Any range of any file: what alignment makes necessary is read, and what was asked for is given.

mod util;

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use reapool::{AlignedBuf, BufferPool, Completion, FileHandle, Job, Ranged};
use util::device::Loop;
use util::{
    SCALE, Tended, bad_file, completion_of, contents, known_file, open_buffered, open_direct,
    scratch,
};

/// Not a multiple of any block size, and more than two blocks.
const LENGTH: u64 = 10_000;

fn dispatcher() -> Tended {
    Tended::new(util::builder().depth(4).workers(1))
}

fn read(on: &Tended, file: &FileHandle, at: u64, len: usize) -> Completion<Ranged<AlignedBuf>> {
    let span = file.span(at, len);
    let mut buffer = AlignedBuf::zeroed((span.end - span.start) as usize);
    buffer.fill(0xaa);
    completion_of(on, |callback| Job::read_range(file, buffer, at, len, callback))
}

/// What pread(2) says of the same range, through the page cache.
fn expected(path: &Path, at: u64, len: usize) -> Vec<u8> {
    let file = File::open(path).unwrap();
    let mut buffer = vec![0; len];
    let mut count = 0;
    while count < len {
        match file.read_at(&mut buffer[count..], at + count as u64).unwrap() {
            0 => break,
            more => count += more,
        }
    }
    buffer.truncate(count);
    buffer
}

/// Offsets and lengths next to the borders of blocks of this size, and to the end of the file.
fn ranges(block: u64, end: u64) -> impl Iterator<Item = (u64, usize)> {
    let borders = [0, block, 2 * block, end, end.next_multiple_of(block), end + 2 * block];
    let near = move |border: u64| [border.saturating_sub(1), border, border + 1];
    let offsets = borders.into_iter().flat_map(near);
    let lengths: Vec<u64> =
        [0, 1, 2, block - 1, block, block + 1, 2 * block, end].into_iter().collect();
    offsets.flat_map(move |at| lengths.clone().into_iter().map(move |len| (at, len as usize)))
}

/// Every range comes as pread has it, and exact or not makes no difference but for the end.
fn check(path: &Path, file: &FileHandle, end: u64) {
    let dispatcher = dispatcher();
    let block = file.alignment().offset.max(512);
    for (at, len) in ranges(block, end).step_by(SCALE) {
        let (done, expected) = (read(&dispatcher, file, at, len), expected(path, at, len));
        let count = expected.len();
        assert_eq!(*done.result.as_ref().unwrap(), count, "{len} bytes at {at}");
        assert_eq!((done.offset, done.requested, done.transferred), (at, len, count));
        assert_eq!((done.is_short(), done.is_eof()), (count < len, count == 0 && len > 0));
        assert!(*done.buffer == expected && done.data() == expected, "{len} bytes at {at}");

        let buffer = done.buffer.into_inner();
        let job = |callback| Job::read_range(file, buffer, at, len, callback).exact();
        let done = completion_of(&dispatcher, job);
        assert!(*done.buffer == expected && done.transferred == count, "{len} bytes at {at}");
        match done.result {
            Ok(all) => assert!(all == len && count == len),
            Err(error) => assert!(error.kind() == ErrorKind::UnexpectedEof && count < len),
        }
    }
    dispatcher.quiesce();
}

#[test]
fn ranges_around_the_borders_of_blocks() {
    let directory = scratch();
    for length in [LENGTH, 8192, 1, 0] {
        let path = known_file(directory.path(), "known", length);
        for file in [Some(open_buffered(&path)), open_direct(&path)].into_iter().flatten() {
            check(&path, &file, length);
        }
    }
}

#[test]
fn ranges_of_devices() {
    for sector in [512, 4096] {
        let Some(device) = Loop::new(1 << 16, sector) else { return };
        let path = device.path();
        let writable = File::options().write(true).open(path).unwrap();
        writable.write_all_at(&contents(0..1 << 16), 0).unwrap();
        check(path, &FileHandle::open_direct(path).unwrap(), 1 << 16);
    }
}

#[test]
fn buffers_come_back_and_are_as_large_as_the_span() {
    let (directory, dispatcher) = (scratch(), dispatcher());
    let path = known_file(directory.path(), "known", LENGTH);
    let file = FileHandle::open_direct_or_buffered(&path).unwrap();
    // Larger than need be, from a pool, of a type that keeps its length.
    let pool = BufferPool::builder().build().unwrap();
    let buffer = pool.acquire(64 << 10).unwrap();
    let job = |callback| Job::read_range(&file, buffer, 100, 5000, callback);
    let done = completion_of(&dispatcher, job);
    assert!(done.data() == contents(100..5100));
    let span = file.span(100, 5000);
    assert_eq!(done.buffer.into_inner().len() as u64, span.end - span.start);

    let cached = open_buffered(&path);
    assert_eq!(cached.span(9_990, 10), 9_990..10_000, "no more than was asked for");
    let boxed = vec![0xaa; 100].into_boxed_slice();
    let job = |callback| Job::read_range(&cached, boxed, 9_990, 20, callback);
    let done = completion_of(&dispatcher, job);
    assert!(done.data() == contents(9_990..10_000) && done.is_short());
    assert_eq!(done.buffer.into_inner()[10..], [0xaa; 90]);
}

#[test]
fn a_buffer_too_small_is_a_mistake_that_is_told_at_once() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", LENGTH);
    for file in [Some(open_buffered(&path)), open_direct(&path)].into_iter().flatten() {
        let span = file.span(1, 1000);
        let length = (span.end - span.start) as usize;
        let make = |len: usize| {
            let buffer = AlignedBuf::zeroed(len);
            let make = || Job::<()>::read_range(&file, buffer, 1, 1000, drop);
            catch_unwind(AssertUnwindSafe(make)).map(|job| job.requested())
        };
        assert_eq!(make(length).unwrap(), 1000);
        let panic = make(length - 1).unwrap_err();
        let message = panic.downcast_ref::<String>().unwrap();
        let start = format!("the buffer has {} bytes, and {length} have to be read", length - 1);
        assert!(message.starts_with(&start), "{message}");
    }
}

#[test]
fn a_range_that_fails_has_no_bytes() {
    let dispatcher = dispatcher();
    let done = read(&dispatcher, &bad_file(), 10, 100);
    assert_eq!(done.result.as_ref().unwrap_err().raw_os_error(), Some(libc::EBADF));
    assert!(done.data().is_empty() && done.buffer.is_empty() && done.transferred == 0);
    assert_eq!(done.buffer.into_inner().len(), 100, "as it was");
    // Beyond what any file can have.
    let directory = scratch();
    let path = known_file(directory.path(), "known", LENGTH);
    for file in [Some(open_buffered(&path)), open_direct(&path)].into_iter().flatten() {
        let done = read(&dispatcher, &file, u64::MAX - 5000, 100);
        assert_eq!(done.result.unwrap_err().raw_os_error(), Some(libc::EINVAL));
        assert_eq!(done.offset, u64::MAX - 5000);
    }
}
