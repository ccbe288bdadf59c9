//! Whether a file has been synced: cachestat(2) tells which of its pages are not on the device.

#![expect(unsafe_code, reason = "a system call that the standard library lacks")]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// The same on all architectures of Linux that have it.
const SYS_CACHESTAT: libc::c_long = 451;

/// The number of pages that are to be written, or that are being written. It takes Linux 6.5.
pub(super) fn pages(file: &File) -> io::Result<u64> {
    // `struct cachestat_range`, of which zeros stand for the whole file, and `struct cachestat`:
    // pages in the cache, dirty ones, those in writeback, evicted, recently evicted.
    let (range, mut status) = ([0_u64; 2], [0_u64; 5]);
    // SAFETY: the kernel reads the one structure and writes the other. Both are live locals, and
    // have as many fields of 64 bits as it has.
    let ret = unsafe {
        libc::syscall(SYS_CACHESTAT, file.as_raw_fd(), &raw const range, &raw mut status, 0_u32)
    };
    if ret == 0 { Ok(status[1] + status[2]) } else { Err(io::Error::last_os_error()) }
}
