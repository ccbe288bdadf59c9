//! What can be done with each kind of file: one table, to which kernel and crate have to keep.
//!
//! AIO takes transfers only of what the kernel reads and writes by `read_iter` and `write_iter`
//! (`aio_read` and `aio_write` in its `fs/aio.c`), and has `EINVAL` for everything else. Threads
//! have what preadv2(2) and pwritev2(2) say.

#![expect(unsafe_code, reason = "makes files that the standard library doesn't")]

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use libc::{EAGAIN, EBADF, ECANCELED, EINVAL, EISDIR, ENOSPC, ENOTCONN, EOPNOTSUPP, EPIPE};
use reapool::{AlignedBuf, Cancel, FileHandle, Job, PollEvents};
use tempfile::TempDir;

/// What a job's callback is told, at whose end nothing may be lost or waited for.
#[derive(Clone, Copy, Debug)]
enum Said {
    Bytes(usize),
    No(i32),
    /// By AIO, and by threads.
    Each(i32, i32),
}

use Said::{Bytes, Each, No};

impl Said {
    fn expected(self) -> Result<usize, i32> {
        match self {
            Bytes(count) => Ok(count),
            No(errno) => Err(errno),
            Each(aio, threads) => Err(if support::on_threads() { threads } else { aio }),
        }
    }
}

/// What a poll for input comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Poll {
    Ready,
    Waits,
    Refused(i32),
    /// AIO refuses it with `EINVAL`, as the kernel sleeps on more than one queue for it
    /// (`aio_poll_queue_proc`). Threads wait.
    TwoQueues,
}

use Poll::{Ready, Refused, TwoQueues, Waits};

use crate::support::device::{FileSystem, Loop, Mount};
use crate::support::readiness::{Epoll, Trigger};
use crate::support::{
    self, HANG, Tended, bad_file, completion_of, known_file, open_buffered, open_direct, scratch,
    watched,
};

impl Poll {
    fn expected(self) -> Self {
        match self {
            TwoQueues if support::on_threads() => Waits,
            TwoQueues => Refused(EINVAL),
            other => other,
        }
    }
}

/// Reads and writes of 4096 bytes at offset 0, syncs of both kinds, and a poll.
type Row = (&'static str, fn(&Places) -> Option<FileHandle>, [Said; 3], Poll);

const ALL: [Said; 3] = [Bytes(4096), Bytes(4096), Bytes(0)];
const NOTHING: [Said; 3] = [No(EBADF); 3];

const TABLE: [Row; 29] = [
    ("a regular file, buffered", |p| p.file(open), ALL, Ready),
    ("a regular file, direct", |p| p.file(open_direct), ALL, Ready),
    ("a file open for reading", |p| p.file(readable), [Bytes(4096), No(EBADF), Bytes(0)], Ready),
    ("a file open for writing", |p| p.file(writable), [No(EBADF), Bytes(4096), Bytes(0)], Ready),
    ("a memfd", |_| Some(memfd()), [Bytes(0), Bytes(4096), Bytes(0)], Ready),
    ("a directory", |p| open(p.0.path()), [Each(EINVAL, EISDIR), No(EBADF), Bytes(0)], Ready),
    ("what only names a file (O_PATH)", |_| Some(bad_file()), NOTHING, Refused(EBADF)),
    (
        "of proc(5), to be read",
        |_| read("/proc/self/pagemap"),
        [Bytes(4096), No(EBADF), No(EINVAL)],
        Ready,
    ),
    (
        "of proc(5), to be written",
        |_| open(Path::new("/proc/self/comm")),
        [Bytes(16), Bytes(4096), No(EINVAL)],
        Ready,
    ),
    ("of sysfs(5)", Places::attribute, [Bytes(4), No(EBADF), Bytes(0)], Ready),
    ("a block device, direct", |p| open_direct(p.1.path()), ALL, Ready),
    ("a block device, buffered", |p| open(p.1.path()), ALL, Ready),
    ("/dev/null", |_| open(Path::new("/dev/null")), [Bytes(0), Bytes(4096), No(EINVAL)], Ready),
    ("/dev/zero", |_| open(Path::new("/dev/zero")), [Bytes(4096), Bytes(4096), No(EINVAL)], Ready),
    (
        "/dev/full",
        |_| open(Path::new("/dev/full")),
        [Bytes(4096), Each(EINVAL, ENOSPC), No(EINVAL)],
        Ready,
    ),
    ("a terminal", |_| terminal(0), [No(EOPNOTSUPP), No(EOPNOTSUPP), No(EINVAL)], TwoQueues),
    (
        "a pipe with a name, open for both",
        |p| Some(both_ends(p.0.path())),
        [No(EOPNOTSUPP), No(EOPNOTSUPP), No(EINVAL)],
        TwoQueues,
    ),
    (
        "a pipe with 5 bytes, to be read",
        |_| pipe(b"hello", true),
        [Bytes(5), No(EBADF), No(EINVAL)],
        Ready,
    ),
    ("an empty pipe, to be read", |_| pipe(b"", true), [No(EAGAIN), No(EBADF), No(EINVAL)], Waits),
    ("a pipe, to be written", |_| pipe(b"", false), [No(EBADF), Bytes(4096), No(EINVAL)], Waits),
    (
        "a full pipe, to be written",
        |_| pipe(&[0; 1 << 16], false),
        [No(EBADF), No(EAGAIN), No(EINVAL)],
        Waits,
    ),
    ("a socket with 5 bytes", |_| socket(b"hello"), [Bytes(5), Bytes(4096), No(EINVAL)], Ready),
    ("a socket without", |_| socket(b""), [No(EAGAIN), Bytes(4096), No(EINVAL)], Waits),
    ("a socket that listens", |_| Some(listener()), [No(ENOTCONN), No(EPIPE), No(EINVAL)], Waits),
    (
        "an eventfd that counts 5",
        |_| Some(eventfd(5)),
        [Bytes(8), Each(EINVAL, EOPNOTSUPP), No(EINVAL)],
        Ready,
    ),
    (
        "an eventfd that counts 0",
        |_| Some(eventfd(0)),
        [No(EAGAIN), Each(EINVAL, EOPNOTSUPP), No(EINVAL)],
        Waits,
    ),
    (
        "an epoll instance",
        |_| Some(epoll()),
        [Each(EOPNOTSUPP, EINVAL), Each(EOPNOTSUPP, EINVAL), No(EINVAL)],
        Waits,
    ),
    (
        "an inotify instance",
        |_| Some(inotify(0)),
        [No(EOPNOTSUPP), Each(EOPNOTSUPP, EBADF), No(EINVAL)],
        Waits,
    ),
    (
        "an inotify instance, O_NONBLOCK",
        |_| Some(inotify(libc::IN_NONBLOCK)),
        [Each(EINVAL, EAGAIN), No(EBADF), No(EINVAL)],
        Waits,
    ),
];

/// Where files can be made: a directory, and a device.
struct Places(TempDir, Loop);

impl Places {
    fn file(&self, open: impl Fn(&Path) -> Option<FileHandle>) -> Option<FileHandle> {
        open(&known_file(self.0.path(), "known", 4096))
    }

    /// One that says `512`.
    fn attribute(&self) -> Option<FileHandle> {
        let name = self.1.path().file_name().unwrap();
        read(Path::new("/sys/block").join(name).join("queue/logical_block_size"))
    }
}

fn open(path: &Path) -> Option<FileHandle> {
    Some(if path.is_dir() { FileHandle::open_buffered(path).unwrap() } else { open_buffered(path) })
}

fn read(path: impl Into<PathBuf>) -> Option<FileHandle> {
    Some(FileHandle::open_buffered(path.into()).unwrap())
}

fn readable(path: &Path) -> Option<FileHandle> {
    read(path)
}

fn writable(path: &Path) -> Option<FileHandle> {
    Some(FileHandle::options().write(true).open(path).unwrap())
}

fn terminal(flags: i32) -> Option<FileHandle> {
    let mut options = FileHandle::options();
    options.read(true).write(true).custom_flags(flags | libc::O_NOCTTY);
    Some(options.open("/dev/ptmx").unwrap())
}

/// A file, and what has to be open too.
struct Beside<T>(OwnedFd, T);

impl<T> AsFd for Beside<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn pipe(bytes: &[u8], to_be_read: bool) -> Option<FileHandle> {
    let (reader, mut writer) = io::pipe().unwrap();
    writer.write_all(bytes).unwrap();
    let (file, other) = if to_be_read {
        (OwnedFd::from(reader), OwnedFd::from(writer))
    } else {
        (OwnedFd::from(writer), OwnedFd::from(reader))
    };
    Some(FileHandle::from(Arc::new(Beside(file, other))))
}

fn both_ends(directory: &Path) -> FileHandle {
    let path = directory.join("fifo");
    support::make_fifo(&path);
    FileHandle::options().read(true).write(true).open(path).unwrap()
}

fn socket(bytes: &[u8]) -> Option<FileHandle> {
    let (socket, mut peer) = UnixStream::pair().unwrap();
    peer.write_all(bytes).unwrap();
    Some(FileHandle::from(Arc::new(Beside(socket.into(), peer))))
}

fn listener() -> FileHandle {
    FileHandle::from(OwnedFd::from(TcpListener::bind("127.0.0.1:0").unwrap()))
}

fn made(fd: libc::c_int) -> FileHandle {
    assert!(fd >= 0, "{}", io::Error::last_os_error());
    // SAFETY: fresh from the kernel, and nobody else's.
    FileHandle::from(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn memfd() -> FileHandle {
    // SAFETY: the name is a literal that ends with a zero.
    made(unsafe { libc::memfd_create(c"reapool".as_ptr(), libc::MFD_CLOEXEC) })
}

fn eventfd(count: u32) -> FileHandle {
    // SAFETY: no pointers are passed.
    made(unsafe { libc::eventfd(count, libc::EFD_CLOEXEC) })
}

fn epoll() -> FileHandle {
    // SAFETY: as above.
    made(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })
}

fn inotify(flags: libc::c_int) -> FileHandle {
    // SAFETY: as above.
    made(unsafe { libc::inotify_init1(flags | libc::IN_CLOEXEC) })
}

fn said(result: &io::Result<usize>) -> Result<usize, i32> {
    result.as_ref().copied().map_err(|error| error.raw_os_error().unwrap())
}

/// Does all that a row is about, and compares.
fn check(what: &str, file: &FileHandle, [read, written, synced]: [Said; 3], poll: Poll) {
    let poll = poll.expected();
    let dispatcher = Tended::new(support::builder().depth(4).workers(1));
    let job = Job::poll(file, PollEvents::READABLE, |done| done.result);
    let (mut handle, mut polled) = (Some(dispatcher.spawn(job).unwrap()), Waits);
    if poll != Waits {
        let result = handle.take().unwrap().join_timeout(HANG).unwrap();
        polled = result.map_or_else(|error| Refused(error.raw_os_error().unwrap()), |_| Ready);
    }
    let buffer = || AlignedBuf::zeroed(4096);
    let done =
        completion_of(&dispatcher.submitter(), |callback| Job::read(file, buffer(), 0, callback));
    assert_eq!(said(&done.result), read.expected(), "{what}: read");
    assert_eq!(done.data().len(), done.result.unwrap_or(0), "{what}: what is shown");
    let done =
        completion_of(&dispatcher.submitter(), |callback| Job::write(file, buffer(), 0, callback));
    assert_eq!(said(&done.result), written.expected(), "{what}: write");
    let done = completion_of(&dispatcher.submitter(), |callback| Job::sync_data(file, callback));
    assert_eq!(said(&done.result), synced.expected(), "{what}: sync_data");
    let done = completion_of(&dispatcher.submitter(), |callback| Job::sync_all(file, callback));
    assert_eq!(said(&done.result), synced.expected(), "{what}: sync_all");
    if let Some(handle) = handle {
        // Had there been something, it would have been told before all that came after it.
        assert!(!handle.is_finished(), "{what}: poll");
        assert_eq!(handle.cancel(), Cancel::Cancelled, "{what}: poll");
        let ended = handle.join_timeout(HANG).unwrap();
        assert_eq!(said(&ended), Err(ECANCELED), "{what}: poll");
    }
    assert_eq!(polled, poll, "{what}: poll");
    dispatcher.quiesce();
    let stats = dispatcher.stats();
    assert_eq!((stats.accepted, stats.finished, stats.stray_events), (5, 5, 0), "{what}");
}

#[test]
fn each_kind_works_or_says_why_not() {
    let Some(device) = Loop::in_memory(1 << 20, 512) else { return };
    let places = Places(scratch(), device);
    watched(move || {
        for (what, open, transfers, poll) in TABLE {
            if let Some(file) = open(&places) {
                check(what, &file, transfers, poll);
            }
        }
    });
}

/// A byte that comes to the other side of a terminal.
fn type_into(terminal: &FileHandle) -> File {
    let mut name = [0; 64];
    let fd = terminal.as_fd().as_raw_fd();
    // SAFETY: a system call that reads an integer, which is a live local.
    assert_eq!(unsafe { libc::ioctl(fd, libc::TIOCSPTLCK, &0) }, 0);
    // SAFETY: at most so many bytes are written, a zero at the end, to a live local.
    assert_eq!(unsafe { libc::ptsname_r(fd, name.as_mut_ptr(), name.len()) }, 0);
    let name: Vec<u8> = name.iter().take_while(|&&c| c != 0).map(|&c| c as u8).collect();
    let options = File::options().read(true).write(true).custom_flags(libc::O_NOCTTY).clone();
    let mut other = options.open(OsStr::from_bytes(&name)).unwrap();
    other.write_all(b"x").unwrap();
    other
}

#[test]
fn what_can_not_be_polled_can_be_watched_through_epoll() {
    let dispatcher = Tended::new(support::builder().depth(4).workers(1));
    let terminal = terminal(libc::O_NONBLOCK).unwrap();
    let epoll = Epoll::of(terminal.as_fd(), Trigger::Level);
    let job = Job::poll(Arc::new(epoll), PollEvents::READABLE, |done| done.result);
    let handle = dispatcher.spawn(job).unwrap();
    let _other = type_into(&terminal);
    let events = PollEvents::from_result(handle.join_timeout(HANG).unwrap().unwrap());
    assert!(events.contains(PollEvents::READABLE));
}

/// Opens a file of a file system both ways.
fn check_files(what: &str, directory: &Path) {
    let path = known_file(directory, "known", 4096);
    check(&format!("a file on {what}, buffered"), &open_buffered(&path), ALL, Ready);
    if let Some(file) = open_direct(&path) {
        check(&format!("a file on {what}, direct"), &file, ALL, Ready);
    }
}

#[test]
fn each_file_system_has_all_of_it() {
    let mounts = FileSystem::ALL.map(Mount::of);
    for (mount, kind) in mounts.iter().zip(FileSystem::ALL) {
        let Some(mount) = mount else { return };
        check_files(&format!("{kind:?}"), mount.path());
        let lower = scratch();
        known_file(lower.path(), "known", 100);
        let Some(overlay) = Mount::overlay(lower.path(), mount.path()) else { return };
        check_files(&format!("overlay over {kind:?}"), overlay.path());
    }
    let Some(memory) = Mount::tmpfs(1 << 20) else { return };
    check_files("tmpfs", memory.path());
}
