//! Any range of any file: what alignment makes necessary is read, and what was asked for is given.
//! Ranges of devices are in `real`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use reapool::{AlignedBuf, BufferPool, FileHandle, Job, Ranged};

use crate::support::ranges::{check, dispatcher, read};
use crate::support::{
    bad_file, completion_of, contents, known_file, open_buffered, open_direct, scratch,
};

/// Not a multiple of any block size, and more than two blocks.
const LENGTH: u64 = 10_000;

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
fn buffers_come_back_and_are_as_large_as_the_span() {
    let (directory, dispatcher) = (scratch(), dispatcher());
    let path = known_file(directory.path(), "known", LENGTH);
    let file = FileHandle::open_direct_or_buffered(&path).unwrap();
    // Larger than need be, from a pool, of a type that keeps its length.
    let pool = BufferPool::builder().build().unwrap();
    let buffer = pool.acquire(64 << 10).unwrap();
    let job = |callback| Job::read_range(&file, buffer, 100, 5000, callback);
    let done = completion_of(&dispatcher.submitter(), job);
    assert!(done.data() == contents(100..5100));
    let span = file.span(100, 5000);
    assert_eq!(done.buffer.into_inner().len() as u64, span.end - span.start);

    let cached = open_buffered(&path);
    assert_eq!(cached.span(9_990, 10), 9_990..10_000, "no more than was asked for");
    let boxed = vec![0xaa; 100].into_boxed_slice();
    let job = |callback| Job::read_range(&cached, boxed, 9_990, 20, callback);
    let done = completion_of(&dispatcher.submitter(), job);
    assert!(done.data() == contents(9_990..10_000) && done.is_short());
    assert_eq!(done.buffer.into_inner()[10..], [0xaa; 90]);
}

#[test]
fn a_job_that_is_not_submitted_gives_its_buffer_back_with_or_without_the_range() {
    let (directory, dispatcher) = (scratch(), dispatcher());
    let file = open_buffered(&known_file(directory.path(), "known", LENGTH));
    let submitter = dispatcher.submitter();
    drop(dispatcher);
    let refused = || {
        let job = Job::read_range(&file, AlignedBuf::zeroed(4096), 5, 10, |_| ()).exact();
        submitter.submit(job).unwrap_err().into_inner()
    };
    let job = refused().into_buffer::<Vec<u8>>().unwrap_err();
    let job = job.into_buffer::<Ranged<Vec<u8>>>().unwrap_err();
    assert_eq!((job.offset(), job.requested()), (5, 10), "it is as it was");
    assert_eq!(job.into_buffer::<AlignedBuf>().unwrap().capacity(), 4096);
    let ranged = refused().into_buffer::<Ranged<AlignedBuf>>().unwrap();
    assert_eq!((ranged.len(), ranged.into_inner().capacity()), (0, 4096));
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
