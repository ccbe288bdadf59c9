//! Where the rest of a job begins: in the middle of a buffer, at an aligned place, or behind the
//! part that was done beforehand.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};

use super::exact::{EIO, ENOSPC, LENGTH, OFFSET, answer, joined, kind, read, write};
use super::{HANG, Rig};
use crate::engine::fake::Fake;
use crate::engine::lent::FILL;
use crate::file::FileHandle;
use crate::file::alignment::Alignment;
use crate::file::metadata::{DirectIo, Metadata};
use crate::job::Job;

/// A file that is direct for all that a dispatcher can tell, aligned to 512.
pub(super) fn direct(append: bool) -> FileHandle {
    let file = tempfile::NamedTempFile::new().unwrap();
    let file = OpenOptions::new().append(append).write(!append).open(file.path()).unwrap();
    let mut metadata = Metadata::of(file.as_fd()).unwrap();
    metadata.direct_io = DirectIo::Aligned(Alignment { memory: 512, offset: 512 });
    FileHandle::opened(OwnedFd::from(file), true, &metadata)
}

#[test]
fn a_direct_read_goes_on_at_the_last_aligned_place() {
    let rig = Rig::new(Fake::default(), 4, 4, 1);
    let file = direct(false);
    let rest = 4096 - 512;
    // The answer to the second request, how many bytes are there then, and why the job ended.
    for (res, transferred, why) in [
        (rest, LENGTH, None),
        (700 - 512, 700, Some(ErrorKind::UnexpectedEof)),
        (100, 612, Some(ErrorKind::UnexpectedEof)),
        (0, 512, Some(ErrorKind::UnexpectedEof)),
        (EIO, 512, io::Error::from_raw_os_error(libc::EIO).kind().into()),
    ] {
        let handle = read(&rig, &file);
        assert_eq!(answer(&rig, 700), (0, 4096));
        assert_eq!(answer(&rig, res), (512, rest as u64));
        let (count, result, buffer) = joined(handle);
        assert_eq!((count, result.err().map(|error| error.kind())), (transferred, why));
        assert!(buffer == vec![FILL; transferred]);
    }
    // The first parts end before the next aligned place, so the job begins anew, as long as each
    // part is longer than the one before.
    let handle = read(&rig, &file);
    assert_eq!(answer(&rig, 100), (0, 4096));
    assert_eq!(answer(&rig, 101), (0, 4096));
    assert_eq!(answer(&rig, 1024), (0, 4096));
    assert_eq!(answer(&rig, 3072), (1024, 3072));
    assert_eq!(joined(handle).0, LENGTH);
    rig.end(6);
}

#[test]
fn a_direct_write_is_repeated_from_the_last_aligned_place_unless_it_appends() {
    let rig = Rig::new(Fake::default(), 4, 4, 1);
    let file = direct(false);
    for (res, transferred, why) in [
        (3584, LENGTH, None),
        (188, 700, Some(ErrorKind::WriteZero)),
        (ENOSPC, 700, Some(ErrorKind::StorageFull)),
    ] {
        let handle = write(&rig, &file);
        assert_eq!(answer(&rig, 700), (0, 4096));
        assert_eq!(answer(&rig, res), (512, 3584));
        let (count, result, _) = joined(handle);
        assert_eq!((count, result.err().map(|error| error.kind())), (transferred, why));
    }
    let appended = direct(true);
    let handle = write(&rig, &appended);
    answer(&rig, 700);
    let (count, result, _) = joined(handle);
    assert_eq!((count, kind(&result)), (700, ErrorKind::Other));
    assert!(result.unwrap_err().to_string().starts_with("700 of 4096 bytes were appended"));
    // If the first part ends at an aligned place, nothing has to be written again.
    let handle = write(&rig, &appended);
    answer(&rig, 1024);
    assert_eq!(answer(&rig, 3072), (1024, 3072));
    assert_eq!(joined(handle).0, LENGTH);
    rig.end(5);
}

#[test]
fn a_vectored_transfer_goes_on_in_the_middle_of_a_buffer() {
    let rig = Rig::new(Fake::default(), 4, 4, 1);
    let vectors = || vec![vec![0; 10], Vec::new(), vec![0; 20], vec![0; 30]];
    for parts in [&[60][..], &[10, 50], &[9, 1, 1, 49], &[15, 15, 29, 1]] {
        let job = Job::read_vectored(&rig.file, vectors(), OFFSET, |done| done).exact();
        let handle = rig.dispatcher.spawn(job).unwrap();
        for &part in parts {
            answer(&rig, part);
        }
        let done = handle.join_timeout(HANG).unwrap();
        assert_eq!((done.transferred, done.result.unwrap()), (60, 60));
        assert_eq!(done.buffer, [10, 0, 20, 30].map(|len| vec![FILL; len]));
    }
    let job = Job::read_vectored(&rig.file, vectors(), OFFSET, |done| done).exact();
    let handle = rig.dispatcher.spawn(job).unwrap();
    answer(&rig, 12);
    answer(&rig, EIO);
    let done = handle.join_timeout(HANG).unwrap();
    assert_eq!((done.transferred, done.result.unwrap_err().raw_os_error()), (12, Some(libc::EIO)));
    assert_eq!(done.buffer, [10, 0, 2, 0].map(|len| vec![FILL; len]));
    // A vectored request's length is its number of elements: first four, then those that are left.
    let job = Job::write_vectored(&rig.file, vectors(), OFFSET, |done| done).exact();
    let handle = rig.dispatcher.spawn(job).unwrap();
    let elements = [9, 1, 20, 29, 1].map(|part| answer(&rig, part));
    assert_eq!(elements, [(0, 4), (9, 4), (10, 2), (30, 1), (59, 1)]);
    assert_eq!(handle.join_timeout(HANG).unwrap().result.unwrap(), 60);
    rig.end(6);
}

#[test]
fn a_range_is_read_on_from_aligned_places() {
    let rig = Rig::new(Fake::default(), 4, 4, 1);
    let file = direct(false);
    // 1000 bytes at 8500, in the blocks from 8192 to 9728. Nobody wants the bytes behind 9500.
    let (offset, len) = (OFFSET + 308, 1000);
    for (answers, places, transferred, whole) in [
        (&[1536][..], &[(0, 1536)][..], 1000, true),
        (&[1308], &[(0, 1536)], 1000, true),
        (&[1307, 284], &[(0, 1536), (1024, 512)], 1000, true),
        (&[700, 188], &[(0, 1536), (512, 1024)], 392, false),
        (&[300, 300], &[(0, 1536), (0, 1536)], 0, false),
        (&[0], &[(0, 1536)], 0, false),
    ] {
        let job = Job::read_range(&file, vec![0; 2000], offset, len, |done| done).exact();
        assert_eq!((job.offset(), job.requested()), (offset, len));
        let handle = rig.dispatcher.spawn(job.limit(7)).unwrap();
        let asked: Vec<_> = answers.iter().map(|&res| answer(&rig, res)).collect();
        assert_eq!(asked, places);
        let done = handle.join_timeout(HANG).unwrap();
        assert_eq!((done.offset, done.requested, done.transferred), (offset, len, transferred));
        assert_eq!((done.is_eof(), done.data()), (transferred == 0, &vec![FILL; transferred][..]));
        match done.result {
            Ok(count) => assert!(whole && count == len),
            Err(error) => {
                let text = format!("end of file after {transferred} of {len} bytes");
                assert!(!whole && error.to_string() == text, "{error}");
            }
        }
    }
    rig.end(6);
}

#[test]
fn an_exact_job_may_be_limited() {
    let rig = Rig::new(Fake::default(), 4, 4, 1);
    let read = || Job::read(&rig.file, vec![0; LENGTH], OFFSET, |done| done);
    for job in [read().exact().limit(100), read().limit(100).exact()] {
        let handle = rig.dispatcher.spawn(job).unwrap();
        assert_eq!((answer(&rig, 40), answer(&rig, 60)), ((0, 100), (40, 60)));
        assert_eq!(handle.join_timeout(HANG).unwrap().data(), [FILL; 100]);
    }
    rig.end(2);
}
