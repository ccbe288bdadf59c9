//! Exact transfers: all of what was asked for, or the reason why not and how far it came.

#![expect(unsafe_code, reason = "limits a child's files, and changes a flag")]

mod util;

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use reapool::{AlignedBuf, Completion, Dispatcher, FileHandle, IoBuf, IoBufMut, Job, PollEvents};
use util::child::{first_failure, in_child};
use util::device::{Loop, Mount};
use util::{
    SCALE, Tended, completion_of, contents, known_file, null, open_buffered, open_direct, scratch,
};

const BLOCK: u64 = 4096;
const MIB: usize = 1 << 20;
/// `MAX_RW_COUNT` of the kernel.
const TRANSFER_MAX: usize = 0x7fff_f000;

fn dispatcher() -> Tended {
    Tended::new(util::builder().depth(4).workers(1))
}

fn read<B: IoBufMut + 'static>(
    on: &Dispatcher,
    file: &FileHandle,
    buffer: B,
    at: u64,
) -> Completion<B> {
    completion_of(on, |callback| Job::read(file, buffer, at, callback).exact())
}

fn write<B: IoBuf + 'static>(
    on: &Dispatcher,
    file: &FileHandle,
    buffer: B,
    at: u64,
) -> Completion<B> {
    completion_of(on, |callback| Job::write(file, buffer, at, callback).exact())
}

fn errno<B>(done: &Completion<B>) -> Option<i32> {
    done.result.as_ref().unwrap_err().raw_os_error()
}

/// Aligned bytes that a test file has from its beginning on.
fn aligned(len: usize) -> AlignedBuf {
    let mut buffer = AlignedBuf::zeroed(len);
    buffer.copy_from_slice(&contents(0..len as u64));
    buffer
}

/// A forked child has the other tests' descriptors too, and a pipe has no end while it does.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
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
        let done = completion_of(&dispatcher, job);
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
    for (len, rounds) in lengths.into_iter().take(if SCALE > 1 { 2 } else { 3 }) {
        let before = dispatcher.stats().submitted;
        let done = write(&dispatcher, &null(), vec![0; len], 0);
        assert_eq!((done.transferred, done.result.unwrap()), (len, len));
        assert_eq!(dispatcher.stats().submitted - before, rounds);
    }
    let before = dispatcher.stats().submitted;
    let parts = vec![vec![0; 1 << 30], vec![0; 1 << 30], vec![0; 1]];
    let job = |callback| Job::write_vectored(null(), parts, 0, callback).exact();
    assert_eq!(completion_of(&dispatcher, job).result.unwrap(), (2 << 30) + 1);
    assert_eq!(dispatcher.stats().submitted - before, 2);
    dispatcher.quiesce();
    let stats = dispatcher.stats();
    assert_eq!((stats.short, stats.resumed), (0, stats.submitted - stats.finished));
}

/// Writes more than there is room for to the file at `path`.
fn overfill(path: &Path, file: Option<FileHandle>) {
    let (dispatcher, Some(file)) = (dispatcher(), file) else { return };
    let done = write(&dispatcher, &file, aligned(4 * MIB), 0);
    assert_eq!(errno(&done), Some(libc::ENOSPC), "{:?}", done.result);
    assert_eq!((done.transferred, done.buffer.len()), (MIB, 4 * MIB));
    assert!(fs::read(path).unwrap() == contents(0..MIB as u64));
    let text = done.into_success().unwrap_err().to_string();
    assert!(text.contains(" bytes: No space left on device"), "{text}");
    dispatcher.quiesce();
    let stats = dispatcher.stats();
    assert_eq!((stats.failed, stats.short, stats.finished), (1, 0, 1));
}

#[test]
fn what_is_full_is_told_with_what_was_written() {
    if let Some(mount) = Mount::tmpfs(MIB as u64) {
        let path = mount.path().join("large");
        overfill(&path, Some(open_buffered(&path)));
    }
    // Of a direct write to a full ext4 nothing counts; a device takes what there is room for.
    for sector in [512, 4096] {
        let Some(device) = Loop::new(MIB as u64, sector) else { return };
        overfill(device.path(), open_direct(device.path()));
    }
}

#[test]
fn a_limit_on_file_sizes_is_told_with_what_was_written() {
    let (_alone, directory) = (alone(), scratch());
    let path = directory.path().join("limited");
    let mut limited = || {
        let limit = libc::rlimit { rlim_cur: 10_000, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: to ignore a signal runs nothing.
        unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
        // SAFETY: the pointer is to a live local, which the kernel reads.
        let ready = unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) };
        let dispatcher = dispatcher();
        let done = write(&dispatcher, &open_buffered(&path), contents(0..30_000), 0);
        let told = errno(&done) == Some(libc::EFBIG);
        first_failure(&[ready == 0, told, done.transferred == 10_000])
    };
    assert_eq!(in_child(&mut limited), Some(0));
    assert!(fs::read(&path).unwrap() == contents(0..10_000));
}

#[test]
fn a_pipe_is_not_waited_for() {
    let (_alone, dispatcher) = (alone(), dispatcher());
    let (reader, mut writer) = io::pipe().unwrap();
    let reader = FileHandle::from(OwnedFd::from(reader));
    writer.write_all(b"news").unwrap();
    let done = read(&dispatcher, &reader, vec![0; 10], 0);
    assert_eq!((errno(&done), done.transferred), (Some(libc::EAGAIN), 4));
    assert_eq!((done.data(), &done.buffer[..]), (&b"news"[..], &b"news"[..]));
    // What was missing can be had when it is there, in a buffer of its own.
    let poll = completion_of(&dispatcher, |callback| {
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
    let (_alone, dispatcher) = (alone(), dispatcher());
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
    let file = FileHandle::from(OpenOptions::new().append(true).open(&path).unwrap());
    let done = write(&dispatcher, &file, contents(100..5000), 0);
    assert_eq!(done.result.unwrap(), 4900);
    assert!(fs::read(&path).unwrap() == contents(0..5000));
}
