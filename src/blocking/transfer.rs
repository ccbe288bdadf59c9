//! Transfers by system calls that return when the transfer is done.
//!
//! Safety: each function is one or more system calls on memory and files that a request describes.
//! Its contract is that these are valid, as it is that of
//! [`Engine::submit`](crate::engine::Engine::submit).

#![expect(unsafe_code, reason = "raw system calls on jobs' buffers")]

use std::ffi::{c_int, c_long};
use std::os::fd::BorrowedFd;
use std::ptr;

use crate::engine::operation::Operation;
use crate::engine::{Errno, Transfer};
use crate::file::residency::CacheLook;
use crate::sys::call::checked;
use crate::sys::preadv::{self, Direction};

/// The outcome of a read from the page cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CacheRead {
    /// It read all that there is, up to the end of the file: the result.
    Hit(usize),
    /// It read so many bytes, or none. A read of the rest has to wait.
    Miss(usize),
    /// Any read of this file may have to wait.
    Unsupported,
}

/// Reads from the page cache alone, and waits for nothing: `RWF_NOWAIT` of preadv2(2). Before that
/// it finds out, by `look`, whether that is worth a try. It looks no further than `end`, where the
/// file is taken to end.
///
/// # Safety
///
/// The transfer is a read of `requested` bytes. The memory and the file that it describes are
/// valid, and nobody else uses the memory.
pub(crate) unsafe fn read_cached(
    transfer: &Transfer,
    requested: usize,
    look: CacheLook,
    end: u64,
) -> CacheRead {
    // SAFETY: the file is open, by the caller's promise, and the borrow ends with this function.
    let file = unsafe { BorrowedFd::borrow_raw(transfer.fd) };
    if !look.is_worth_a_try(file, transfer.offset, requested) {
        return CacheRead::Miss(0);
    }
    if transfer.operation == Operation::ReadVectored {
        // SAFETY: the caller's promise.
        return match unsafe { transfer_once(transfer, libc::RWF_NOWAIT) } {
            Ok(count) if count == requested => CacheRead::Hit(count),
            // It isn't worth finding out where in the array the rest begins.
            Ok(_) => CacheRead::Miss(0),
            Err(errno) => cache_read_failed(errno, 0),
        };
    }
    let mut done = 0;
    loop {
        // SAFETY: the caller's promise, of which this is a part.
        match unsafe { transfer_once(&transfer.after(done), libc::RWF_NOWAIT) } {
            Ok(0) => return CacheRead::Hit(done),
            Ok(count) => done += count,
            Err(errno) => return cache_read_failed(errno, done),
        }
        let at = transfer.offset.saturating_add(done as u64);
        if done as u64 == transfer.length || at >= end {
            return CacheRead::Hit(done);
        }
    }
}

/// The outcome for an error of preadv2(2), which a read without the flag may not meet.
fn cache_read_failed(Errno(errno): Errno, done: usize) -> CacheRead {
    match errno {
        // The file system can't tell, or the kernel doesn't know the flag or the call.
        libc::EOPNOTSUPP | libc::ENOSYS if done == 0 => CacheRead::Unsupported,
        // The bytes are not in the page cache, or a read without the flag meets the error too.
        _ => CacheRead::Miss(done),
    }
}

/// Performs a transfer, and returns its result as an event has it.
///
/// # Safety
///
/// The memory and the file that the transfer describes are valid, and nobody else uses the memory.
pub(crate) unsafe fn perform(transfer: &Transfer) -> i64 {
    let flags = if transfer.nowait { libc::RWF_NOWAIT } else { 0 };
    loop {
        let answer = match transfer.operation {
            Operation::SyncAll => sync(libc::SYS_fsync, transfer),
            Operation::SyncData => sync(libc::SYS_fdatasync, transfer),
            // SAFETY: the caller's promise.
            _ => unsafe { transfer_once(transfer, flags) },
        };
        match answer {
            Ok(count) => return count as i64,
            // A signal that can't be blocked came, from a debugger or the freezer.
            Err(Errno(libc::EINTR)) => {}
            Err(Errno(errno)) => return -i64::from(errno),
        }
    }
}

/// fsync(2) or fdatasync(2).
fn sync(number: c_long, transfer: &Transfer) -> Result<usize, Errno> {
    // SAFETY: a system call without pointers.
    checked(unsafe { libc::syscall(number, c_long::from(transfer.fd)) })
}

/// A read or write at its offset. In a file that has no offsets it is at none, as in AIO.
///
/// # Safety
///
/// The memory and the file that the transfer describes are valid, and nobody else uses the memory.
unsafe fn transfer_once(transfer: &Transfer, flags: c_int) -> Result<usize, Errno> {
    // The kernel's offset is signed, and -1 says that there is none.
    let at = match i64::try_from(transfer.offset) {
        // SAFETY: the caller's promise.
        Ok(_) => unsafe { transfer_at(transfer, transfer.offset, flags) },
        Err(_) => Err(Errno(libc::EINVAL)),
    };
    match at {
        // SAFETY: as above; nothing was transferred.
        Err(Errno(libc::ESPIPE)) => unsafe { transfer_at(transfer, u64::MAX, flags) },
        answer => answer,
    }
}

/// One system call: preadv2(2) or pwritev2(2).
///
/// # Safety
///
/// The memory and the file that the transfer describes are valid, and nobody else uses the memory.
unsafe fn transfer_at(transfer: &Transfer, offset: u64, flags: c_int) -> Result<usize, Errno> {
    let direction = if transfer.operation.reads() { Direction::Read } else { Direction::Write };
    let one;
    let segments = match transfer.operation {
        Operation::ReadVectored | Operation::WriteVectored => {
            let array = ptr::with_exposed_provenance::<libc::iovec>(transfer.address as usize);
            // The kernel answers EINVAL for more than 1024.
            (array, c_long::try_from(transfer.length).unwrap_or(c_long::MAX))
        }
        _ => {
            // One buffer is an array of one.
            one = libc::iovec {
                iov_base: ptr::with_exposed_provenance_mut(transfer.address as usize),
                iov_len: transfer.length as usize,
            };
            (&raw const one, 1)
        }
    };
    // SAFETY: the array has as many elements, and these are valid, by the caller's promise.
    unsafe { preadv::transfer(direction, transfer.fd, segments, offset, flags) }
}
