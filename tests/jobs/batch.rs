//! In a batch each job hears what the kernel says of it, and none of them bears another's error.

#![expect(unsafe_code, reason = "a buffer at an odd address")]

use std::path::Path;
use std::sync::mpsc;

use reapool::{AlignedBuf, FileHandle, IoBuf, IoBufMut, Job, OperationError};

use crate::support::{
    self, Tended, bad_file, completion_of, contents, known_file, null, open_buffered, open_direct,
    scratch, watched,
};

const BATCH: usize = 64;
const BLOCK: usize = 4096;

fn dispatcher(depth: usize, backlog: usize) -> Tended {
    Tended::new(support::builder().depth(depth).backlog(backlog).workers(2))
}

/// Submits a batch of writes of one byte, two bytes, and so on, on bad files at these indices, and
/// checks what each callback got.
fn with_bad(dispatcher: &Tended, bad: &[usize]) {
    let before = dispatcher.stats();
    let (sender, receiver) = mpsc::channel();
    let (good, broken) = (null(), bad_file());
    let jobs = (0..BATCH).map(|index| {
        let file = if bad.contains(&index) { &broken } else { &good };
        let sender = sender.clone();
        Job::write(file, vec![0; index + 1], index as u64, move |done| {
            assert_eq!((done.offset, done.buffer.len()), (index as u64, index + 1));
            sender.send((index, done.result.map_err(|error| error.raw_os_error()))).unwrap();
        })
    });
    dispatcher.try_submit_batch(jobs).unwrap();
    dispatcher.quiesce();
    let mut results: Vec<_> = receiver.try_iter().collect();
    results.sort_unstable_by_key(|&(index, _)| index);
    let expected =
        |index| (index, if bad.contains(&index) { Err(Some(libc::EBADF)) } else { Ok(index + 1) });
    assert!(results.iter().copied().eq((0..BATCH).map(expected)), "bad: {bad:?}: {results:?}");

    let stats = dispatcher.stats();
    assert_eq!(stats.finished - before.finished, BATCH as u64);
    assert_eq!(stats.failed - before.failed, bad.len() as u64);
    // AIO refuses them at submission, threads find out.
    let refused = if support::on_threads() { 0 } else { bad.len() };
    assert_eq!(stats.submitted - before.submitted, (BATCH - refused) as u64, "bad: {bad:?}");
    assert_eq!((stats.submitted, stats.in_flight, stats.panics), (stats.completed, 0, 0));
}

#[test]
fn a_bad_neighbour_costs_nobody_anything() {
    let dispatcher = dispatcher(BATCH, 0);
    let all: Vec<_> = (0..BATCH).collect();
    let every_other: Vec<_> = (0..BATCH).step_by(2).collect();
    let some: [&[usize]; 7] =
        [&[], &[0], &[31], &[63], &[10, 11, 12, 13], &[0, 1, 2, 62, 63], &[20, 21, 40]];
    for bad in some.into_iter().chain([&all[..], &every_other[..]]) {
        with_bad(&dispatcher, bad);
    }
    // With fewer slots than jobs the batch is cut in many places.
    let narrow = self::dispatcher(5, BATCH);
    for bad in some.into_iter().chain([&all[..], &every_other[..]]) {
        with_bad(&narrow, bad);
    }
}

#[test]
fn a_batch_that_fits_goes_in_with_one_call() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", (BATCH * BLOCK) as u64);
    for file in [Some(null()), open_direct(&path)].into_iter().flatten() {
        let dispatcher = dispatcher(BATCH, 0);
        let job = |block| {
            Job::read(&file, AlignedBuf::zeroed(BLOCK), (block * BLOCK) as u64, |done| {
                assert!(done.result.is_ok());
            })
        };
        dispatcher.try_submit_batch((0..BATCH).map(job)).unwrap();
        dispatcher.quiesce();
        let stats = dispatcher.stats();
        assert_eq!((stats.submit_calls, stats.submitted, stats.panics), (1, BATCH as u64, 0));
        dispatcher.try_submit_batch(Vec::new()).unwrap();
        dispatcher.submit_batch(Vec::new()).unwrap();
        let same = dispatcher.stats();
        assert_eq!(
            (same.accepted, same.submit_calls),
            (BATCH as u64, 1),
            "nothing of an empty one"
        );
    }
}

#[test]
fn a_batch_may_be_larger_than_everything() {
    const LARGE: u64 = 1000;
    for (depth, backlog) in [(4, 3), (1, 0), (2, 1)] {
        let dispatcher = dispatcher(depth, backlog);
        let (sender, receiver) = mpsc::channel();
        let submitter = dispatcher.submitter();
        watched(move || {
            let jobs = (0..LARGE).map(|offset| {
                let sender = sender.clone();
                Job::read(null(), Vec::new(), offset, move |done| sender.send(done.offset).unwrap())
            });
            submitter.submit_batch(jobs).unwrap();
        });
        dispatcher.quiesce();
        let mut ran: Vec<_> = receiver.try_iter().collect();
        ran.sort_unstable();
        assert!(ran.into_iter().eq(0..LARGE));
    }
}

#[test]
fn the_iterator_may_itself_submit_and_wait() {
    for (depth, backlog) in [(1, 0), (1, 1), (4, 4)] {
        let dispatcher = dispatcher(depth, backlog);
        let submitter = dispatcher.submitter();
        watched(move || {
            let jobs = (0..20).map(|offset| {
                let inner = (0..3).map(|_| Job::read(null(), Vec::new(), 0, |_| ()));
                submitter.submit_batch(inner).unwrap();
                completion_of(&submitter, |callback| {
                    Job::read(null(), Vec::new(), offset, callback)
                });
                Job::read(null(), Vec::new(), offset, |_| ())
            });
            submitter.submit_batch(jobs).unwrap();
        });
        dispatcher.quiesce();
        assert_eq!(dispatcher.stats().finished, 20 * 5);
    }
}

/// A buffer that begins one byte after an aligned address.
struct Odd(AlignedBuf);

// SAFETY: one byte into the inner buffer's memory, which keeps the contract, and one byte less of
// it; the wrapped buffer is made with at least one byte and never shortened below.
unsafe impl IoBuf for Odd {
    fn stable_ptr(&self) -> *const u8 {
        self.0.stable_ptr().wrapping_add(1)
    }

    fn initialised(&self) -> usize {
        self.0.initialised() - 1
    }
}

// SAFETY: as above.
unsafe impl IoBufMut for Odd {
    fn stable_mut_ptr(&mut self) -> *mut u8 {
        self.0.stable_mut_ptr().wrapping_add(1)
    }

    fn capacity(&self) -> usize {
        self.0.capacity() - 1
    }

    unsafe fn set_filled(&mut self, count: usize) {
        // SAFETY: the caller's bytes are one less than the capacity; the byte before is
        // initialised.
        unsafe { self.0.set_filled(count + 1) };
    }
}

/// A message names the operation, the length, the offset and the file, and if that helps, a remedy.
fn check_error(error: &OperationError, asked: &str, path: &Path, errno: i32) {
    let expected = format!("{asked} of {} failed: ", path.display());
    let text = error.to_string();
    assert!(text.starts_with(&expected), "{text}");
    assert_eq!((error.source.raw_os_error(), error.path.as_deref()), (Some(errno), Some(path)));
    assert_eq!(text.contains("O_DIRECT"), error.direct && errno == libc::EINVAL, "{text}");
    if error.direct {
        let file = FileHandle::open_direct(path).unwrap();
        let number = format!("multiples of {}", file.alignment().offset);
        assert_eq!(text.contains(&number), errno == libc::EINVAL, "{text} {number}");
    }
}

#[test]
fn what_is_misaligned_fails_alone() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", 4 * BLOCK as u64);
    let Some(file) = open_direct(&path) else { return };
    let dispatcher = dispatcher(BATCH, 0);
    let (sender, receiver) = mpsc::channel();
    let report = sender.clone();
    let odd = Job::read(&file, Odd(AlignedBuf::zeroed(2 * BLOCK + 1)), 0, move |done| {
        report.send((done.offset, done.into_success().map(|(_, odd)| odd.0))).unwrap();
    });
    let read = |len, offset| {
        let report = sender.clone();
        Job::read(&file, AlignedBuf::zeroed(len), offset, move |done| {
            report.send((done.offset, done.into_success().map(|(_, buffer)| buffer))).unwrap();
        })
    };
    let [first, second, third] = [0, BLOCK, 2 * BLOCK].map(|offset| read(BLOCK, offset as u64));
    let batch = vec![first, read(BLOCK, 1), second, read(100, 0), odd, third];
    dispatcher.try_submit_batch(batch).unwrap();
    dispatcher.quiesce();
    assert_eq!((dispatcher.stats().failed, dispatcher.stats().panics), (3, 0));
    let mut errors = Vec::new();
    for (offset, result) in receiver.try_iter() {
        match result {
            Ok(buffer) => assert!(*buffer == contents(offset..offset + BLOCK as u64), "{offset}"),
            Err(error) => errors.push(error),
        }
    }
    errors.sort_by_key(|error| error.requested);
    let asked = [(100, 0), (BLOCK, 1), (2 * BLOCK, 0)];
    assert_eq!((errors.len(), dispatcher.stats().finished), (asked.len(), 6));
    for (error, (len, offset)) in errors.iter().zip(asked) {
        check_error(error, &format!("read of {len} bytes at offset {offset}"), &path, libc::EINVAL);
    }
}

#[test]
fn each_refusal_of_the_kernel_has_its_own_error() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", BLOCK as u64);
    let dispatcher = dispatcher(4, 4);
    let read = |file: &FileHandle, offset| {
        let make = |callback| Job::read(file, AlignedBuf::zeroed(BLOCK), offset, callback);
        completion_of(&dispatcher.submitter(), make).into_success().map(drop).unwrap_err()
    };
    let write = |file: &FileHandle, offset| {
        let make = |callback| Job::write(file, AlignedBuf::zeroed(BLOCK), offset, callback);
        completion_of(&dispatcher.submitter(), make).into_success().map(drop).unwrap_err()
    };
    let read_only = FileHandle::open_buffered(&path).unwrap();
    check_error(&write(&read_only, 0), "write of 4096 bytes at offset 0", &path, libc::EBADF);
    let write_only = FileHandle::options().write(true).open(&path).unwrap();
    check_error(&read(&write_only, 5), "read of 4096 bytes at offset 5", &path, libc::EBADF);

    let folder = FileHandle::open_buffered(directory.path()).unwrap();
    // AIO has one answer to what a kind of file has no operation for.
    let errno = if support::on_threads() { libc::EISDIR } else { libc::EINVAL };
    let error = read(&folder, 0);
    check_error(&error, "read of 4096 bytes at offset 0", directory.path(), errno);
    let error = write(&folder, 0);
    check_error(&error, "write of 4096 bytes at offset 0", directory.path(), libc::EBADF);

    for file in [Some(open_buffered(&path)), open_direct(&path)].into_iter().flatten() {
        for offset in [1 << 63, u64::MAX - 4095, u64::MAX] {
            let asked = format!("of 4096 bytes at offset {offset}");
            check_error(&read(&file, offset), &format!("read {asked}"), &path, libc::EINVAL);
            check_error(&write(&file, offset), &format!("write {asked}"), &path, libc::EINVAL);
        }
    }
    assert_eq!(std::fs::read(&path).unwrap(), contents(0..BLOCK as u64), "the file is as it was");
}
