//! Buffers and ranges become values that are shared and sliced, or the buffers of other jobs, and
//! none of their bytes is copied.

use bytes::Bytes;
use reapool::{
    AlignedBuf, BufferPool, Dispatcher, FileHandle, Files, IoBuf, Job, Ranged, ReadRanges,
};

use crate::support::ranges::dispatcher;
use crate::support::{contents, known_file, open_buffered, scratch};

/// The owner's bytes, shared. They stay where they were.
fn share<B: AsRef<[u8]> + Send + 'static>(owner: B) -> Bytes {
    let (address, len) = (owner.as_ref().as_ptr(), owner.as_ref().len());
    let bytes = Bytes::from_owner(owner);
    // The bytes of a pool's buffer and of an aligned one don't move with their owner.
    assert_eq!((bytes.as_ptr(), bytes.len()), (address, len));
    bytes
}

#[test]
fn a_buffer_is_returned_to_its_pool_with_the_last_slice() {
    let pool = BufferPool::builder().build().unwrap();
    let mut buffer = pool.acquire(5).unwrap();
    buffer.resize(5);
    buffer.as_mut().copy_from_slice(b"bytes");
    let slice = share(buffer).slice(1..3);
    assert_eq!((&*slice, pool.stats().buffers_out), (&b"yt"[..], 1));
    drop(slice);
    assert_eq!(pool.stats().buffers_out, 0);

    let mut aligned = AlignedBuf::zeroed(3);
    aligned.as_mut()[1] = 1;
    assert_eq!(&*share(aligned), [0, 1, 0]);
}

#[test]
fn a_range_is_shared_as_it_was_read() {
    let (directory, dispatcher) = (scratch(), dispatcher());
    let path = known_file(directory.path(), "known", 10_000);
    let file = FileHandle::open_direct_or_buffered(&path).unwrap();
    let pool = BufferPool::builder().build().unwrap();
    let read = |buffer, offset, len| -> Ranged<_> {
        let job = Job::read_range(&file, buffer, offset, len, |done| done.buffer);
        dispatcher.spawn(job).unwrap().join().unwrap()
    };
    let bytes = share(read(pool.acquire(8192).unwrap(), 4000, 200));
    assert!(bytes == contents(4000..4200));
    assert!(share(read(pool.acquire(8192).unwrap(), 9_990, 200)) == contents(9_990..10_000));
    assert_eq!(pool.stats().buffers_out, 1);

    let range = read(pool.acquire(8192).unwrap(), 5000, 10);
    let start = (5000 - file.span(5000, 10).start) as usize;
    assert_eq!(range.range(), start..start + 10);
    let (buffer, range) = range.into_parts();
    assert!(buffer[range] == contents(5000..5010));
    // Of a buffered file nothing is read before the range.
    let file = open_buffered(&path);
    let job = Job::read_range(&file, Vec::with_capacity(10), 5000, 10, |done| done.buffer);
    let (vector, range) = dispatcher.spawn(job).unwrap().join().unwrap().into_parts();
    assert!(range == (0..10) && vector == contents(5000..5010));
}

/// A job writes these bytes and nothing else, from where they are.
fn is_written<B: IoBuf + 'static>(dispatcher: &Dispatcher, buffer: B, expected: &[u8]) {
    let file = FileHandle::from(tempfile::tempfile().unwrap());
    let address = buffer.stable_ptr().addr();
    assert!(buffer.as_bytes() == expected);
    let written = Job::write(&file, buffer, 0, move |done| {
        assert!(done.buffer.stable_ptr().addr() == address && done.requested == done.data().len());
        done.result
    });
    assert_eq!(dispatcher.spawn(written.exact()).unwrap().join().unwrap().unwrap(), expected.len());
    let read = Job::read(&file, vec![0; expected.len() + 1], 0, |done| done.buffer);
    assert!(dispatcher.spawn(read).unwrap().join().unwrap() == expected);
}

#[test]
fn what_one_job_read_another_writes() {
    let (directory, dispatcher) = (scratch(), dispatcher());
    let path = known_file(directory.path(), "known", 10_000);
    let file = FileHandle::open_direct_or_buffered(&path).unwrap();
    let pool = BufferPool::builder().build().unwrap();
    let job = Job::read_range(&file, pool.acquire(8192).unwrap(), 4000, 200, |done| done.buffer);
    let range = dispatcher.spawn(job).unwrap().join().unwrap();
    is_written(&dispatcher, range, &contents(4000..4200));

    let reads = ReadRanges::new(&file, [10..20, 15..400, 7..7]);
    let mut ranges = reads.spawn(&dispatcher.submitter(), &pool).unwrap().join().unwrap().unwrap();
    // The last has no bytes. The others share a buffer, and are written each for itself.
    is_written(&dispatcher, ranges.pop().unwrap(), &[]);
    is_written(&dispatcher, ranges.pop().unwrap(), &contents(15..400));
    is_written(&dispatcher, ranges[0].clone(), &contents(10..20));
    is_written(&dispatcher, ranges.pop().unwrap(), &contents(10..20));
    let mut buffer = pool.acquire(5).unwrap();
    buffer.resize(5);
    is_written(&dispatcher, buffer, &[0; 5]);
    assert_eq!(pool.stats().buffers_out, 0);

    let empty = known_file(directory.path(), "empty", 0);
    let run = Files::new(&dispatcher).unwrap().read([path, empty], |file| file);
    for done in run.map(Result::unwrap) {
        is_written(&dispatcher, done.value, &contents(0..done.size));
    }
}
