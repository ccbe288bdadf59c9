//! Every operation does what its name says, and its completion brings back everything that went in.

use std::fmt::Debug;
use std::fs;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;

use reapool::{AlignedBuf, Completion, FileHandle, IoBuf, IoBufMut, Job, Operation, PollEvents};

use crate::support::{
    self, HANG, Tended, aligned, completion_of, contents, eventfd, known_file, make_readable, null,
    open_buffered, open_direct, scratch,
};

const BLOCK: usize = 4096;

fn dispatcher() -> Tended {
    Tended::new(support::builder().depth(8).workers(2))
}

/// Bytes that no other seed has in the same place.
fn pattern(len: usize, seed: u8) -> Vec<u8> {
    (0..len).map(|at| (at % 241) as u8 ^ seed).collect()
}

/// Checks all fields but the buffer, which is returned.
fn check<B: Debug>(
    done: Completion<B>,
    operation: Operation,
    file: &FileHandle,
    offset: usize,
    expected: usize,
) -> B {
    assert_eq!((done.operation, done.offset), (operation, offset as u64));
    assert_eq!(done.file.as_fd().as_raw_fd(), file.as_fd().as_raw_fd());
    assert_eq!(
        (done.file.is_direct(), done.file.is_buffered()),
        (file.is_direct(), file.is_buffered())
    );
    assert_eq!((done.requested, done.is_short(), done.is_eof()), (expected, false, false));
    let (count, buffer) = done.into_success().unwrap();
    assert_eq!(count, expected);
    buffer
}

/// A file, open in one of the two ways.
struct Subject {
    dispatcher: Tended,
    file: FileHandle,
    path: PathBuf,
}

impl Subject {
    fn write<B: IoBuf + Debug + 'static>(&self, buffer: B, offset: usize) {
        let (expected, address) = (buffer.as_bytes().to_vec(), buffer.stable_ptr().addr());
        let done = completion_of(&self.dispatcher.submitter(), |callback| {
            Job::write(&self.file, buffer, offset as u64, callback)
        });
        assert_eq!(done.data(), expected);
        let buffer = check(done, Operation::Write, &self.file, offset, expected.len());
        assert_eq!((buffer.as_bytes(), buffer.stable_ptr().addr()), (&expected[..], address));
        self.check_contents(offset, &expected);
    }

    fn read<B: IoBufMut + Debug + 'static>(&self, buffer: B, offset: usize) {
        let (capacity, address) = (buffer.capacity(), buffer.stable_ptr().addr());
        let before = fs::read(&self.path).unwrap();
        let done = completion_of(&self.dispatcher.submitter(), |callback| {
            Job::read(&self.file, buffer, offset as u64, callback)
        });
        assert!(done.data() == &before[offset..offset + capacity]);
        let buffer = check(done, Operation::Read, &self.file, offset, capacity);
        assert_eq!((buffer.initialised(), buffer.stable_ptr().addr()), (capacity, address));
        assert!(buffer.as_bytes() == &before[offset..offset + capacity]);
        self.check_contents(0, &before);
    }

    fn write_vectored<B: IoBuf + Debug + 'static>(&self, buffers: Vec<B>, offset: usize) {
        let each: Vec<_> = buffers.iter().map(|buffer| buffer.as_bytes().to_vec()).collect();
        let done = completion_of(&self.dispatcher.submitter(), |callback| {
            Job::write_vectored(&self.file, buffers, offset as u64, callback)
        });
        let expected = each.concat();
        let back = check(done, Operation::WriteVectored, &self.file, offset, expected.len());
        assert!(back.iter().map(IoBuf::as_bytes).eq(&each), "the buffers, in order");
        self.check_contents(offset, &expected);
    }

    fn read_vectored<B: IoBufMut + Debug + 'static>(&self, buffers: Vec<B>, offset: usize) {
        let capacities: Vec<_> = buffers.iter().map(IoBufMut::capacity).collect();
        let before = fs::read(&self.path).unwrap();
        let done = completion_of(&self.dispatcher.submitter(), |callback| {
            Job::read_vectored(&self.file, buffers, offset as u64, callback)
        });
        let total = capacities.iter().sum();
        let back = check(done, Operation::ReadVectored, &self.file, offset, total);
        assert!(back.iter().map(IoBuf::initialised).eq(capacities), "each is full");
        let bytes: Vec<_> = back.iter().flat_map(|buffer| buffer.as_bytes().to_vec()).collect();
        assert!(bytes == before[offset..offset + total]);
        self.check_contents(0, &before);
    }

    fn sync(&self) {
        let done = completion_of(&self.dispatcher.submitter(), |callback| {
            Job::sync_all(&self.file, callback)
        });
        check(done, Operation::SyncAll, &self.file, 0, 0);
        let done = completion_of(&self.dispatcher.submitter(), |callback| {
            Job::sync_data(&self.file, callback)
        });
        check(done, Operation::SyncData, &self.file, 0, 0);
    }

    /// What the standard library reads is this.
    fn check_contents(&self, offset: usize, expected: &[u8]) {
        assert!(!expected.is_empty());
        let bytes = fs::read(&self.path).unwrap();
        assert!(bytes[offset..offset + expected.len()] == *expected, "contents at {offset}");
    }
}

/// What works on both kinds of files.
fn round_trips(open: impl Fn(&Path) -> Option<FileHandle>) {
    let directory = scratch();
    let path = known_file(directory.path(), "known", 16 * BLOCK as u64);
    let Some(file) = open(&path) else { return };
    let subject = Subject { dispatcher: dispatcher(), file, path };

    subject.read(AlignedBuf::zeroed(2 * BLOCK), 3 * BLOCK);
    let buffers = vec![AlignedBuf::zeroed(BLOCK), AlignedBuf::zeroed(3 * BLOCK)];
    subject.read_vectored(buffers, 5 * BLOCK);

    subject.write(aligned(&pattern(2 * BLOCK, 0x55)), BLOCK);
    let buffers = [1, 2, 3].map(|blocks| aligned(&pattern(blocks * BLOCK, 0x66 + blocks as u8)));
    subject.write_vectored(buffers.into(), 4 * BLOCK);
    // Beyond the end of the file: it grows.
    subject.write(aligned(&pattern(BLOCK, 0x33)), 20 * BLOCK);
    subject.sync();
    subject.read(AlignedBuf::zeroed(21 * BLOCK), 0);
    let bytes = fs::read(&subject.path).unwrap();
    assert!(bytes[..BLOCK] == contents(0..BLOCK as u64), "the first block is as it was");
    let stats = subject.dispatcher.stats();
    assert_eq!((stats.failed, stats.panics), (0, 0));
}

#[test]
fn all_operations_on_a_direct_file() {
    round_trips(open_direct);
}

#[test]
fn all_operations_on_a_buffered_file() {
    round_trips(|path| Some(open_buffered(path)));
}

#[test]
fn all_kinds_of_buffers() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", 1000);
    let subject = Subject { dispatcher: dispatcher(), file: open_buffered(&path), path };

    subject.read(vec![0xaa_u8; 100], 10);
    subject.read(Vec::<u8>::with_capacity(100), 20);
    subject.read(vec![0xaa_u8; 100].into_boxed_slice(), 30);
    subject.read(AlignedBuf::with_alignment(100, 16), 40);
    subject.read(Box::new([0xaa_u8; 100]), 45);
    subject.read_vectored(vec![vec![0xaa_u8; 10], Vec::with_capacity(20)], 50);
    subject.read_vectored((1..9).map(|len| vec![0; len].into_boxed_slice()).collect(), 60);

    let mut vector = Vec::with_capacity(500);
    vector.extend(pattern(100, 1));
    subject.write(vector, 10);
    subject.write(pattern(100, 2).into_boxed_slice(), 20);
    subject.write(&b"static bytes"[..], 300);
    let shared: Arc<[u8]> = pattern(100, 3).into();
    subject.write(Arc::clone(&shared), 400);
    subject.write_vectored(vec![Arc::clone(&shared), shared], 500);
    subject.write_vectored(vec![&b"static "[..], b"", b"bytes"], 700);
    subject.write(b"a static array", 750);
    subject.write("static text", 770);
    subject.write(String::from("text"), 780);
    subject.write(Box::new([7; 9]), 790);
    subject.write(AlignedBuf::from_slice(b"aligned"), 795);
    subject.write_vectored(vec![pattern(10, 4), pattern(20, 5)], 800);
    assert_eq!(fs::read(&subject.path).unwrap().len(), 1000);
}

/// A part of a block that other handles have the rest of.
#[cfg(feature = "bytes")]
#[test]
fn buffers_of_the_crate_bytes() {
    use bytes::{BufMut, Bytes, BytesMut};

    let directory = scratch();
    let path = known_file(directory.path(), "known", 1000);
    let subject = Subject { dispatcher: dispatcher(), file: open_buffered(&path), path };
    subject.read(BytesMut::with_capacity(100), 10);
    subject.read(BytesMut::zeroed(100), 20);
    let mut front = BytesMut::zeroed(300);
    let back = front.split_off(200);
    let middle = front.split_off(100);
    subject.read(middle, 30);
    assert!(front.iter().chain(&back).all(|&byte| byte == 0), "the neighbours are as they were");

    front.clear();
    front.put_slice(b"some bytes");
    subject.write(front, 400);
    let shared = Bytes::from(pattern(100, 1));
    subject.write(shared.slice(10..20), 500);
    subject.write_vectored(vec![shared.slice(20..30), Bytes::from_static(b"bytes")], 600);
}

#[test]
fn a_sync_asks_the_file_to_sync() {
    // The null device would take a read or a write of nothing, but has nothing to sync.
    let (dispatcher, file) = (dispatcher(), null());
    let all = completion_of(&dispatcher.submitter(), |callback| Job::sync_all(&file, callback));
    let data = completion_of(&dispatcher.submitter(), |callback| Job::sync_data(&file, callback));
    for done in [all, data] {
        assert_eq!(done.result.unwrap_err().raw_os_error(), Some(libc::EINVAL));
    }
}

#[test]
fn a_poll_waits_for_its_event() {
    let (dispatcher, eventfd) = (dispatcher(), eventfd());
    let (sender, receiver) = mpsc::channel();
    let job = Job::poll(&eventfd, PollEvents::READABLE, move |done| sender.send(done).unwrap());
    assert_eq!((job.operation(), job.offset(), job.requested()), (Operation::Poll, 0, 0));
    dispatcher.submit_timeout(job, HANG).unwrap();

    // What comes later passes it, among it a poll for something that is there already.
    let events = PollEvents::READABLE | PollEvents::WRITABLE;
    let done =
        completion_of(&dispatcher.submitter(), |callback| Job::poll(&eventfd, events, callback));
    let ready = PollEvents::from_result(done.result.unwrap());
    assert!(ready.contains(PollEvents::WRITABLE) && !ready.contains(PollEvents::READABLE));
    completion_of(&dispatcher.submitter(), |callback| Job::read(null(), vec![0; 8], 0, callback));
    assert!(receiver.try_recv().is_err(), "nothing has been written");
    assert_eq!(dispatcher.stats().in_flight, 1);

    make_readable(&eventfd);
    let done = receiver.recv_timeout(HANG).unwrap();
    assert_eq!((done.operation, done.offset, done.requested), (Operation::Poll, 0, 0));
    assert!(
        !done.is_short() && !done.is_eof() && done.file.as_fd().as_raw_fd() == eventfd.as_raw_fd()
    );
    assert_eq!(PollEvents::from_result(done.result.unwrap()), PollEvents::READABLE);
}

#[test]
fn a_poll_reports_a_hang_up_that_nobody_asked_for() {
    let (reader, writer) = std::io::pipe().unwrap();
    let dispatcher = dispatcher();
    drop(writer);
    let done = completion_of(&dispatcher.submitter(), |callback| {
        Job::poll(Arc::new(reader), PollEvents::READABLE, callback)
    });
    assert!(PollEvents::from_result(done.result.unwrap()).contains(PollEvents::HANG_UP));
}
