//! preadv2(2) and pwritev2(2): transfers between buffers and a place in a file.
//!
//! Safety: each function is one system call, whose contract is said beside it.

#![expect(unsafe_code, reason = "raw system calls")]

use std::ffi::{c_int, c_long, c_ulong};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use crate::sys::call::{Errno, checked};

/// Which of the two calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

/// Transfers `count` segments. The offset `u64::MAX` says that the file has no offsets.
///
/// # Safety
///
/// The array has `count` segments. The file is open. For the time of the call the memory of the
/// segments is valid, and nobody else writes it, or, for a read, uses it.
pub(crate) unsafe fn transfer(
    direction: Direction,
    fd: RawFd,
    segments: (*const libc::iovec, c_long),
    offset: u64,
    flags: c_int,
) -> Result<usize, Errno> {
    let number = match direction {
        Direction::Read => libc::SYS_preadv2,
        Direction::Write => libc::SYS_pwritev2,
    };
    // The offset is in two halves where a word has 32 bits, and else in the first alone.
    let (low, high) = (offset as c_ulong, (offset >> 32) as c_ulong);
    // The call takes whole words.
    let (fd, flags, (array, count)) = (c_long::from(fd), c_long::from(flags), segments);
    // SAFETY: the array has `count` elements, and these are valid, by the caller's promise.
    checked(unsafe { libc::syscall(number, fd, array, count, low, high, flags) })
}

/// Whether the page cache has this byte of a file, or the file ends before it. If it has not, Linux
/// may begin to read some pages.
pub(crate) fn is_byte_cached(file: BorrowedFd<'_>, offset: u64) -> bool {
    if i64::try_from(offset).is_err() {
        // No file is that long, and to the kernel the greatest of these is no offset at all.
        return false;
    }
    let mut byte = 0_u8;
    let one = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let segments = (&raw const one, 1);
    // SAFETY: one segment, of one byte, which is a live local that nobody else uses. The borrow
    // keeps the file open.
    let read =
        unsafe { transfer(Direction::Read, file.as_raw_fd(), segments, offset, libc::RWF_NOWAIT) };
    read.is_ok()
}
