//! Helpers that the tests of several groups use: files with known contents, counters of drops,
//! gates that hold callbacks. Each program has them as `crate::support`. Helpers of one group are
//! in its folder.

#![allow(dead_code, reason = "each test program uses a part")]
#![expect(
    unsafe_code,
    reason = "implements the buffer contract for a counting buffer, counts allocations, and restricts \
              children"
)]

pub(crate) mod allocator;
pub(crate) mod alone;
pub(crate) mod cache;
pub(crate) mod child;
pub(crate) mod confined;
pub(crate) mod device;
pub(crate) mod event_loop;
pub(crate) mod files;
pub(crate) mod panics;
pub(crate) mod proc;
pub(crate) mod ranges;
pub(crate) mod readiness;
pub(crate) mod tasks;
pub(crate) mod traffic;

use std::ffi::CString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::ops::{Deref, Range};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use reapool::{
    AlignedBuf, Backend, Builder, Completion, Dispatcher, FileHandle, IoBuf, IoBufMut, IoWay, Job,
    Submitter,
};
use tempfile::TempDir;

/// Whether the tests run under memcheck, where everything takes tens of times as long.
pub(crate) fn is_memcheck() -> bool {
    std::env::var_os("REAPOOL_MEMCHECK").is_some()
}

/// How many times as often as usual some tests try for a race: `REAPOOL_EFFORT`.
pub(crate) fn effort() -> usize {
    let set = std::env::var("REAPOOL_EFFORT").ok();
    set.map_or(1, |set| set.parse().expect("REAPOOL_EFFORT is a number"))
}

/// What large numbers are divided by.
pub(crate) fn scale() -> usize {
    if is_memcheck() { 10 } else { 1 }
}

/// Long enough that only a hang exceeds it, on a slow machine and under memcheck too.
pub(crate) const HANG: Duration = Duration::from_secs(300);

/// The most bytes that the kernel transfers at once, its `MAX_RW_COUNT`.
pub(crate) const TRANSFER_MAX: usize = 0x7fff_f000;

/// Begins to make a dispatcher: with the engine that the tests are run for, `REAPOOL_TEST_BACKEND`.
pub(crate) fn builder() -> Builder {
    let builder = Dispatcher::builder();
    if on_threads() { builder.backend(Backend::BlockingThreads) } else { builder }
}

/// Whether the tests are run for the engine without AIO.
pub(crate) fn on_threads() -> bool {
    match std::env::var("REAPOOL_TEST_BACKEND").as_deref() {
        Ok("threads") => true,
        Ok("aio") | Err(_) => false,
        Ok(other) => panic!("REAPOOL_TEST_BACKEND is {other}, and not aio or threads"),
    }
}

/// A directory on the disk that the build is on, gone when dropped. Not the system's temporary
/// directory: that may be a file system without direct I/O.
pub(crate) fn scratch() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// A directory that every user gets at, gone when dropped: the build's may be below one that is
/// closed.
pub(crate) fn public() -> TempDir {
    let mode = Permissions::from_mode(0o755);
    tempfile::Builder::new().permissions(mode).tempdir_in(std::env::temp_dir()).unwrap()
}

/// Prime, so that blocks differ.
const PERIOD: u64 = 251;

/// The byte that every test file has at an offset.
pub(crate) fn byte_at(offset: u64) -> u8 {
    (offset % PERIOD) as u8
}

pub(crate) fn contents(range: Range<u64>) -> Vec<u8> {
    let len = range.end.saturating_sub(range.start) as usize;
    // To copy a period is quicker than to compute each byte, in a debug build.
    let period: Vec<u8> = (0..PERIOD).map(|place| byte_at(range.start + place)).collect();
    let mut found = period.repeat(len.div_ceil(PERIOD as usize));
    found.truncate(len);
    found
}

/// These bytes, where direct I/O takes them.
pub(crate) fn aligned(bytes: &[u8]) -> AlignedBuf {
    let mut buffer = AlignedBuf::zeroed(bytes.len());
    buffer.copy_from_slice(bytes);
    buffer
}

/// Writes a file of `len` known bytes.
pub(crate) fn known_file(directory: &Path, name: &str, len: u64) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, contents(0..len)).unwrap();
    path
}

/// Opens for reading and writing through the page cache.
pub(crate) fn open_buffered(path: &Path) -> FileHandle {
    FileHandle::options().read(true).write(true).create(true).open(path).unwrap()
}

/// Opens for reading and writing with `O_DIRECT`; `None`, said loudly, where that is refused.
pub(crate) fn open_direct(path: &Path) -> Option<FileHandle> {
    let mut options = FileHandle::options();
    let opened = options.read(true).write(true).create(true).way(IoWay::Direct).open(path);
    opened.map_err(|error| skipped(&format!("direct I/O: {error}"))).ok()
}

/// The null device: reads of it complete during the submission with 0 bytes, and are asynchronous
/// for all that a dispatcher can tell.
pub(crate) fn null() -> FileHandle {
    FileHandle::options().read(true).write(true).open("/dev/null").unwrap()
}

/// A descriptor on which every operation fails with `EBADF`: it only names a file.
pub(crate) fn bad_file() -> FileHandle {
    let options = OpenOptions::new().read(true).custom_flags(libc::O_PATH).clone();
    FileHandle::from(options.open("/").unwrap())
}

/// An eventfd whose counter is 0, to be polled and made readable by [`make_readable`].
pub(crate) fn eventfd() -> Arc<File> {
    use std::os::fd::{FromRawFd, OwnedFd};
    // SAFETY: no pointers are passed; the result is checked.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    assert!(fd >= 0);
    // SAFETY: fresh from the kernel, and nobody else's.
    Arc::new(File::from(unsafe { OwnedFd::from_raw_fd(fd) }))
}

pub(crate) fn make_readable(eventfd: &File) {
    use std::io::Write;
    (&*eventfd).write_all(&1_u64.to_ne_bytes()).unwrap();
}

pub(crate) fn make_fifo(path: &Path) {
    let name = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: the pointer is to a string that ends with a zero, and lives on.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o666) }, 0);
}

/// Reports that something could not be tested here. With `REAPOOL_NO_SKIP` set that is a failure.
#[expect(clippy::print_stderr, reason = "people who run the tests are to see it")]
pub(crate) fn skipped(what: &str) {
    assert!(std::env::var_os("REAPOOL_NO_SKIP").is_none(), "may not be skipped here: {what}");
    eprintln!("SKIPPED: {what}");
}

/// Counts its drops.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drops(Arc<AtomicUsize>);

impl Drops {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// A value whose drop is counted.
    pub(crate) fn guard(&self) -> DropGuard {
        DropGuard(Arc::clone(&self.0))
    }

    /// A buffer whose drop is counted.
    pub(crate) fn buffer<B>(&self, inner: B) -> Counted<B> {
        Counted { inner, guard: self.guard() }
    }

    /// A file whose closing is counted: that of the last of the handle's clones.
    pub(crate) fn file(&self, file: File) -> FileHandle {
        FileHandle::from(Arc::new(Counted { inner: file, guard: self.guard() }))
    }
}

#[derive(Debug)]
pub(crate) struct DropGuard(Arc<AtomicUsize>);

impl Drop for DropGuard {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A buffer or a file that counts its drops.
#[derive(Debug)]
pub(crate) struct Counted<B> {
    pub(crate) inner: B,
    guard: DropGuard,
}

// SAFETY: all is the inner buffer's, whose implementation keeps the contract.
unsafe impl<B: IoBuf> IoBuf for Counted<B> {
    fn stable_ptr(&self) -> *const u8 {
        self.inner.stable_ptr()
    }

    fn initialised(&self) -> usize {
        self.inner.initialised()
    }
}

// SAFETY: as above.
unsafe impl<B: IoBufMut> IoBufMut for Counted<B> {
    fn stable_mut_ptr(&mut self) -> *mut u8 {
        self.inner.stable_mut_ptr()
    }

    fn capacity(&self) -> usize {
        self.inner.capacity()
    }

    unsafe fn set_filled(&mut self, count: usize) {
        // SAFETY: the caller keeps the same contract.
        unsafe { self.inner.set_filled(count) };
    }
}

impl AsFd for Counted<File> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

/// A dispatcher that is shut down at the end of a test. If the test fails it is left alone: to wait
/// for jobs that are lost would turn the failure into a hang.
pub(crate) struct Tended(Option<Dispatcher>);

impl Tended {
    pub(crate) fn new(builder: Builder) -> Self {
        Self(Some(builder.build().unwrap()))
    }

    /// Waits until nothing is outstanding; that this takes too long is a failure.
    pub(crate) fn quiesce(&self) {
        self.drain_timeout(HANG).unwrap();
    }

    /// The dispatcher itself, untended.
    pub(crate) fn into_inner(mut self) -> Dispatcher {
        self.0.take().unwrap()
    }
}

impl Deref for Tended {
    type Target = Dispatcher;

    fn deref(&self) -> &Dispatcher {
        self.0.as_ref().unwrap()
    }
}

impl Drop for Tended {
    fn drop(&mut self) {
        match self.0.take() {
            Some(dispatcher) if thread::panicking() => std::mem::forget(dispatcher),
            Some(dispatcher) => assert!(dispatcher.shutdown_timeout(HANG).is_ok()),
            None => {}
        }
    }
}

/// Runs what may hang for ever if it fails on a thread of its own, and fails if it does.
pub(crate) fn watched<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> R {
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(move || sender.send(body()).unwrap());
    match receiver.recv_timeout(HANG) {
        Ok(value) => value,
        Err(RecvTimeoutError::Timeout) => panic!("it hangs"),
        Err(RecvTimeoutError::Disconnected) => match thread.join() {
            Err(payload) => std::panic::resume_unwind(payload),
            Ok(()) => unreachable!("nothing is sent only by a panic"),
        },
    }
}

/// A callback that takes its completion elsewhere.
pub(crate) type Callback<B> = Box<dyn FnOnce(Completion<B>) + Send>;

/// Submits the job that `make` makes of a callback, and returns what the callback was given.
pub(crate) fn completion_of<B: Send + 'static>(
    submitter: &Submitter,
    make: impl FnOnce(Callback<B>) -> Job,
) -> Completion<B> {
    let (sender, receiver) = mpsc::channel();
    let job = make(Box::new(move |done| sender.send(done).unwrap()));
    submitter.submit_timeout(job, HANG).unwrap();
    receiver.recv_timeout(HANG).unwrap()
}

/// The number of the error that a callback is told, if it is one.
pub(crate) fn errno<B, H>(done: &Completion<B, H>) -> Option<i32> {
    done.result.as_ref().err().and_then(std::io::Error::raw_os_error)
}

/// Holds threads until it is opened, and knows how many have come.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<GateState>, Condvar)>);

#[derive(Default)]
struct GateState {
    open: bool,
    arrived: usize,
}

impl Gate {
    /// Waits until the gate is open; panics if that takes so long that something hangs.
    pub(crate) fn pass(&self) {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap();
        state.arrived += 1;
        changed.notify_all();
        let (_state, wait) = changed.wait_timeout_while(state, HANG, |state| !state.open).unwrap();
        assert!(!wait.timed_out(), "nobody opened the gate");
    }

    pub(crate) fn open(&self) {
        let (state, changed) = &*self.0;
        state.lock().unwrap().open = true;
        changed.notify_all();
    }

    /// Waits until `count` threads have come to the gate.
    pub(crate) fn wait_for(&self, count: usize) {
        let (state, changed) = &*self.0;
        let state = state.lock().unwrap();
        let (_state, wait) =
            changed.wait_timeout_while(state, HANG, |state| state.arrived < count).unwrap();
        assert!(!wait.timed_out(), "fewer than {count} came to the gate");
    }
}

/// Has a blocking thread wait at a gate.
pub(crate) fn occupy_thread(jobs: &Submitter) -> Gate {
    let gate = Gate::default();
    let held = gate.clone();
    jobs.submit(Job::blocking(move || held.pass(), |()| ())).unwrap();
    gate.wait_for(1);
    gate
}

/// A read that completes during its submission, with 0 bytes.
pub(crate) fn null_read<R, F>(null: &FileHandle, callback: F) -> Job<R>
where
    R: Send + 'static,
    F: FnOnce() -> R + Send + 'static,
{
    Job::read(null, Vec::with_capacity(16), 0, move |_| callback())
}

/// Tries until `holds` does. For what ends without an event to wait for, such as a thread.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < HANG, "not in the end: {what}");
        // No sleep: under a storm of signals it would be begun again and again, and never end.
        thread::yield_now();
    }
}
