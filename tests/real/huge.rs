//! Transfers of more than the kernel does at once: bytes (`MAX_RW_COUNT`), and buffers
//! (`UIO_MAXIOV`).

#![expect(unsafe_code, reason = "maps a buffer that takes little memory")]

use std::ffi::c_int;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::ptr;

use reapool::{Completion, FileHandle, IoBuf, IoBufMut, Job};
use tempfile::TempDir;

use crate::support::files::{in_memory, sparse};
use crate::support::{
    self, TRANSFER_MAX, Tended, completion_of, contents, known_file, open_buffered, open_direct,
    scratch,
};

/// The multiple of a page before which the buffer's bytes are thrown together.
const FOLD: usize = 2 << 20;
const FOLDED: usize = (TRANSFER_MAX / FOLD - 1) * FOLD;
/// Behind the end of a transfer, and no multiple of a block.
const LEN: usize = TRANSFER_MAX + 3 * 4096 + 100;
const SEGMENTS_MAX: usize = 1024;

/// A buffer whose front is the same 2 MiB again and again, as touching 2 GiB takes long.
struct Folded {
    memory: *mut u8,
    filled: usize,
}

// SAFETY: a mapping belongs to the process, and this is the only owner.
unsafe impl Send for Folded {}

impl Folded {
    fn new() -> Self {
        let fold = tempfile::tempfile_in("/dev/shm").unwrap();
        fold.set_len(FOLD as u64).unwrap();
        let anonymous = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let memory = map(ptr::null_mut(), LEN, anonymous, -1);
        for place in (0..FOLDED).step_by(FOLD) {
            let there = memory.wrapping_add(place);
            map(there, FOLD, libc::MAP_SHARED | libc::MAP_FIXED, fold.as_raw_fd());
        }
        Self { memory, filled: 0 }
    }
}

fn map(place: *mut u8, len: usize, flags: c_int, fd: c_int) -> *mut u8 {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: with no place, new memory of the kernel's choice; with one, in the mapping that `new`
    // has just made, to which there is no reference.
    let memory = unsafe { libc::mmap(place.cast(), len, protection, flags, fd, 0) };
    assert_ne!(memory, libc::MAP_FAILED);
    memory.cast()
}

impl Drop for Folded {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and nobody knows it any more.
        unsafe { libc::munmap(self.memory.cast(), LEN) };
    }
}

// SAFETY: the mapping stays where it is until the value is dropped, and all of it can be read. That
// parts of it are the same memory is nothing to who reads bytes.
unsafe impl IoBuf for Folded {
    fn stable_ptr(&self) -> *const u8 {
        self.memory
    }

    fn initialised(&self) -> usize {
        self.filled
    }
}

// SAFETY: as above; all of it can be written.
unsafe impl IoBufMut for Folded {
    fn stable_mut_ptr(&mut self) -> *mut u8 {
        self.memory
    }

    fn capacity(&self) -> usize {
        LEN
    }

    unsafe fn set_filled(&mut self, count: usize) {
        self.filled = count;
    }
}

/// A file of holes, but for known bytes around where a transfer ends, and at its own end.
fn huge(directory: &TempDir) -> PathBuf {
    let path = sparse(directory.path(), "huge", LEN as u64);
    let file = File::options().write(true).open(&path).unwrap();
    file.write_all_at(&contents(0..8192), TRANSFER_MAX as u64 - 4096).unwrap();
    file.write_all_at(&contents(0..100), LEN as u64 - 100).unwrap();
    path
}

fn check(done: &Completion<Folded>, len: usize) {
    assert_eq!(*done.result.as_ref().unwrap(), len);
    assert_eq!((done.transferred, done.requested, done.data().len()), (len, LEN, len));
    let (around, known) = (&done.data()[TRANSFER_MAX - 4096..], contents(0..8192));
    let there = around.len().min(known.len());
    assert!(around[..there] == known[..there], "around the end of a transfer");
    assert!(done.data()[FOLDED..TRANSFER_MAX - 4096].iter().all(|&byte| byte == 0));
    if len == LEN {
        assert!(done.data()[LEN - 100..] == contents(0..100), "at the end of the file");
        assert!(done.data()[TRANSFER_MAX + 4096..LEN - 100].iter().all(|&byte| byte == 0));
    }
}

#[test]
fn a_read_of_more_is_short_or_goes_on_where_it_was() {
    let Some(directory) = in_memory() else { return };
    let path = huge(&directory);
    let dispatcher = Tended::new(support::builder().depth(4).workers(1));
    let mut buffer = Folded::new();
    let rounds = [(Some(open_buffered(&path)), LEN), (open_direct(&path), TRANSFER_MAX)];
    for (file, len) in rounds {
        let Some(file) = file else { continue };
        let done = completion_of(&dispatcher.submitter(), |callback| {
            let job = Job::read(&file, buffer, 0, callback);
            if len == LEN { job.exact() } else { job }
        });
        check(&done, len);
        buffer = done.buffer;
    }
    dispatcher.quiesce();
    assert_eq!((dispatcher.stats().short, dispatcher.stats().failed), (1, 0));
}

fn vectored(file: &FileHandle, count: usize) -> (Result<usize, Option<i32>>, usize) {
    let dispatcher = Tended::new(support::builder().depth(4).workers(1));
    let buffers: Vec<_> = (0..count).map(|_| vec![1; 4]).collect();
    let job = |callback| Job::read_vectored(file, buffers, 0, callback).exact();
    let done = completion_of(&dispatcher.submitter(), job);
    assert_eq!(done.buffer.len(), count, "they are back");
    let read: Vec<u8> = done.buffer.concat();
    if done.result.is_ok() {
        assert_eq!(read, contents(0..4 * count as u64));
    }
    (done.result.map_err(|error| error.raw_os_error()), done.transferred)
}

#[test]
fn so_many_buffers_and_no_more() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", 8192);
    let file = open_buffered(&path);
    let all = 4 * SEGMENTS_MAX;
    assert_eq!(vectored(&file, SEGMENTS_MAX), (Ok(all), all));
    assert_eq!(vectored(&file, SEGMENTS_MAX + 1), (Err(Some(libc::EINVAL)), 0));
    let device = FileHandle::open_buffered("/dev/zero").unwrap();
    assert_eq!(vectored(&device, SEGMENTS_MAX + 1), (Err(Some(libc::EINVAL)), 0));
}
