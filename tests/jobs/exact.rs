//! Exact transfers: all of what was asked for, or the reason why not and how far it came. Those to
//! full devices are in `real`, those to a file that may not grow in `limits`.

#![expect(unsafe_code, reason = "changes a flag")]

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};

use reapool::{AlignedBuf, Completion, Dispatcher, FileHandle, IoBuf, IoBufMut, Job, PollEvents};

use crate::support::{
    self, TRANSFER_MAX, Tended, completion_of, contents, errno, known_file, null, open_buffered,
    open_direct, scale, scratch,
};

const BLOCK: u64 = 4096;
const MIB: usize = 1 << 20;

fn dispatcher() -> Tended {
    Tended::new(support::builder().depth(4).workers(1))
}

fn read<B: IoBufMut + 'static>(
    on: &Dispatcher,
    file: &FileHandle,
    buffer: B,
    at: u64,
) -> Completion<B> {
    completion_of(&on.submitter(), |callback| Job::read(file, buffer, at, callback).exact())
}

fn write<B: IoBuf + 'static>(
    on: &Dispatcher,
    file: &FileHandle,
    buffer: B,
    at: u64,
) -> Completion<B> {
    completion_of(&on.submitter(), |callback| Job::write(file, buffer, at, callback).exact())
}

#[test]
fn a_read_gets_all_or_tells_where_the_file_ends() {
    let (directory, dispatcher) = (scratch(), dispatcher());
    // An end in the middle of a block, at its border, and in the middle of a sector.
    for length in [10_000, 2 * BLOCK, 8192 + 512, 1] {
        let path = known_file(directory.path(), "known", length);
        for file in [Some(open_buffered(&path)), open_direct(&path)].into_iter().flatten() {
            for (offset, asked) in [(0, 4 * BLOCK), (BLOCK, 4 * BLOCK), (4 * BLOCK, BLOCK)] {
                let mut buffer = AlignedBuf::zeroed(asked as usize);
                buffer.fill(0xaa);
                let done = read(&dispatcher, &file, buffer, offset);
                let there = length.saturating_sub(offset);
                assert_eq!(done.result.as_ref().unwrap_err().kind(), ErrorKind::UnexpectedEof);
                assert_eq!((done.transferred as u64, done.is_short()), (there, false));
                assert_eq!(done.is_eof(), there == 0);
                let expected = contents(offset..offset + there);
                assert!(*done.buffer == expected && done.data() == expected);
                let text = done.into_success().unwrap_err().to_string();
                assert!(text.ends_with(&format!("after {there} of {asked} bytes")), "{text}");
            }
        }
        let file = open_buffered(&path);
        let done = read(&dispatcher, &file, Vec::with_capacity(length as usize), 0);
        assert_eq!((done.transferred, done.result.unwrap()), (length as usize, length as usize));
    }
}

#[test]
fn a_vectored_read_fills_what_there_is() {
    let (directory, dispatcher) = (scratch(), dispatcher());
    let path = known_file(directory.path(), "known", 10_000);
    for file in [Some(open_buffered(&path)), open_direct(&path)].into_iter().flatten() {
        let buffers = (0..4).map(|_| AlignedBuf::zeroed(4096)).collect();
        let job = |callback| Job::read_vectored(&file, buffers, 0, callback).exact();
        let done = completion_of(&dispatcher.submitter(), job);
        assert_eq!(done.result.unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert!(done.buffer.iter().map(|buffer| buffer.len()).eq([4096, 4096, 10_000 - 8192, 0]));
        assert!(done.buffer.iter().flat_map(|buffer| buffer.iter()).eq(&contents(0..10_000)));
    }
}

#[test]
fn more_than_the_kernel_transfers_at_once_takes_it_several_times() {
    let dispatcher = dispatcher();
    // The null device doesn't look at the bytes, so that no page of these is ever allocated. But
    // memcheck does.
    let lengths = [(TRANSFER_MAX, 1), (TRANSFER_MAX + 1, 2), ((4 << 30) + 5, 3)];
    for (len, rounds) in lengths.into_iter().take(if scale() > 1 { 2 } else { 3 }) {
        let before = dispatcher.stats().submitted;
        let done = write(&dispatcher, &null(), vec![0; len], 0);
        assert_eq!((done.transferred, done.result.unwrap()), (len, len));
        assert_eq!(dispatcher.stats().submitted - before, rounds);
    }
    let before = dispatcher.stats().submitted;
    let parts = vec![vec![0; 1 << 30], vec![0; 1 << 30], vec![0; 1]];
    let job = |callback| Job::write_vectored(null(), parts, 0, callback).exact();
    assert_eq!(completion_of(&dispatcher.submitter(), job).result.unwrap(), (2 << 30) + 1);
    assert_eq!(dispatcher.stats().submitted - before, 2);
    dispatcher.quiesce();
    let stats = dispatcher.stats();
    assert_eq!((stats.short, stats.resumed), (0, stats.submitted - stats.finished));
}

#[test]
fn a_pipe_is_not_waited_for() {
    let dispatcher = dispatcher();
    let (reader, mut writer) = io::pipe().unwrap();
    let reader = FileHandle::from(OwnedFd::from(reader));
    writer.write_all(b"news").unwrap();
    let done = read(&dispatcher, &reader, vec![0; 10], 0);
    assert_eq!((errno(&done), done.transferred), (Some(libc::EAGAIN), 4));
    assert_eq!((done.data(), &done.buffer[..]), (&b"news"[..], &b"news"[..]));
    // What was missing can be had when it is there, in a buffer of its own.
    let poll = completion_of(&dispatcher.submitter(), |callback| {
        writer.write_all(b"papers").unwrap();
        Job::poll(&reader, PollEvents::READABLE, callback)
    });
    assert!(poll.result.is_ok());
    assert_eq!(read(&dispatcher, &reader, vec![0; 6], 0).data(), b"papers");
    writer.write_all(b"end").unwrap();
    drop(writer);
    let done = read(&dispatcher, &reader, vec![0; 10], 0);
    assert_eq!(done.result.as_ref().unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(done.data(), b"end");

    let (mut reader, writer) = io::pipe().unwrap();
    let done = write(&dispatcher, &FileHandle::from(OwnedFd::from(writer)), vec![7; MIB], 0);
    assert_eq!(errno(&done), Some(libc::EAGAIN));
    assert!(done.transferred >= BLOCK as usize && done.transferred < MIB);
    let mut written = vec![0; done.transferred];
    reader.read_exact(&mut written).unwrap();
    assert!(written.iter().all(|&byte| byte == 7));
}

#[test]
fn what_a_pipe_of_packets_gave_is_not_asked_for_again() {
    let dispatcher = dispatcher();
    let (reader, mut writer) = io::pipe().unwrap();
    // Of pipes the flag says that they keep writes apart: pipe(2).
    // SAFETY: an integer is passed, and the descriptor is open.
    let set = unsafe { libc::fcntl(reader.as_raw_fd(), libc::F_SETFL, libc::O_DIRECT) };
    assert_eq!(set, 0);
    let reader = FileHandle::from(OwnedFd::from(reader));
    assert!(reader.is_direct());
    assert_eq!((reader.alignment().memory, reader.alignment().offset), (1, 1));
    writer.write_all(b"news").unwrap();
    let done = read(&dispatcher, &reader, vec![0; 10], 0);
    assert_eq!(
        (errno(&done), done.transferred, done.data()),
        (Some(libc::EAGAIN), 4, &b"news"[..])
    );
}

#[test]
fn what_is_appended_is_appended_once() {
    let (directory, dispatcher) = (scratch(), dispatcher());
    let path = known_file(directory.path(), "known", 100);
    let file = FileHandle::options().append(true).open(&path).unwrap();
    let done = write(&dispatcher, &file, contents(100..5000), 0);
    assert_eq!(done.result.unwrap(), 4900);
    assert!(fs::read(&path).unwrap() == contents(0..5000));
}
