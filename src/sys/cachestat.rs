//! cachestat(2): how much of a file is in the page cache.
//!
//! Safety: each function is one system call, which is given live locals or nothing.

#![expect(unsafe_code, reason = "raw system calls")]

use std::ffi::c_long;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The number of cachestat(2), which is the same on all architectures that have it
/// (`scripts/syscall.tbl` in the kernel).
const SYS_CACHESTAT: c_long = 451;

/// How many bytes of the pages that have a part of this range are in the page cache. Linux 6.5 or
/// later; since 6.15 only for files that the caller owns or may write. It sees nothing of a file on
/// an overlay, whose pages belong to the file behind it.
pub(crate) fn cached_bytes(fd: BorrowedFd<'_>, offset: u64, len: u64) -> io::Result<u64> {
    // `struct cachestat_range` and `struct cachestat` in `linux/mman.h`. The latter's first field
    // is the number of pages that are cached.
    let (range, mut status) = ([offset, len], [0_u64; 5]);
    // SAFETY: the kernel reads the one structure and writes the other. Both are live locals, and
    // have as many fields of 64 bits as it has.
    let ret = unsafe {
        libc::syscall(SYS_CACHESTAT, fd.as_raw_fd(), &raw const range, &raw mut status, 0_u32)
    };
    if ret != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(status[0].saturating_mul(page_size()))
}

/// The size of a page of the page cache in bytes.
pub(crate) fn page_size() -> u64 {
    // SAFETY: takes a number, returns one.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(size).unwrap_or(4096)
}
