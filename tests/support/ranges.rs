//! Ranges of files, held against pread(2).

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::Path;

use reapool::{AlignedBuf, Completion, FileHandle, Job, Ranged};

use super::{Tended, builder, completion_of, scale};

pub(crate) fn dispatcher() -> Tended {
    Tended::new(builder().depth(4).workers(1))
}

pub(crate) fn read(
    on: &Tended,
    file: &FileHandle,
    at: u64,
    len: usize,
) -> Completion<Ranged<AlignedBuf>> {
    let span = file.span(at, len);
    let mut buffer = AlignedBuf::zeroed((span.end - span.start) as usize);
    buffer.fill(0xaa);
    completion_of(&on.submitter(), |callback| Job::read_range(file, buffer, at, len, callback))
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
pub(crate) fn check(path: &Path, file: &FileHandle, end: u64) {
    let dispatcher = dispatcher();
    let block = file.alignment().offset.max(512);
    for (at, len) in ranges(block, end).step_by(scale()) {
        let (done, expected) = (read(&dispatcher, file, at, len), expected(path, at, len));
        let count = expected.len();
        assert_eq!(*done.result.as_ref().unwrap(), count, "{len} bytes at {at}");
        assert_eq!((done.offset, done.requested, done.transferred), (at, len, count));
        assert_eq!((done.is_short(), done.is_eof()), (count < len, count == 0 && len > 0));
        assert!(*done.buffer == expected && done.data() == expected, "{len} bytes at {at}");

        let buffer = done.buffer.into_inner();
        let job = |callback| Job::read_range(file, buffer, at, len, callback).exact();
        let done = completion_of(&dispatcher.submitter(), job);
        assert!(*done.buffer == expected && done.transferred == count, "{len} bytes at {at}");
        match done.result {
            Ok(all) => assert!(all == len && count == len),
            Err(error) => assert!(error.kind() == ErrorKind::UnexpectedEof && count < len),
        }
    }
    dispatcher.quiesce();
}
