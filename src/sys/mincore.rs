//! mincore(2): which pages of a file are in the page cache, by mapping it.
//!
//! Safety: the mapping is made and undone here, and nobody accesses it.

#![expect(unsafe_code, reason = "raw system calls")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use crate::sys::cachestat::page_size;

/// How many pages the first `len` bytes of a file have, and how many of these are in the page
/// cache. Of files that the caller neither owns nor may write, Linux says that all are.
pub(crate) fn resident_pages(file: BorrowedFd<'_>, len: usize) -> io::Result<(usize, usize)> {
    let pages = len.div_ceil(page_size() as usize);
    let mut resident = vec![0_u8; pages];
    // SAFETY: a new mapping, which nobody else knows, at an address that the kernel chooses.
    let address = unsafe {
        libc::mmap(ptr::null_mut(), len, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0)
    };
    if address == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the mapping is ours and is not accessed; the kernel writes a byte for each of its
    // pages, for which there is room.
    let ret = unsafe { libc::mincore(address, len, resident.as_mut_ptr()) };
    let error = io::Error::last_os_error();
    // SAFETY: the mapping was made above, and nothing points into it.
    unsafe { libc::munmap(address, len) };
    if ret != 0 {
        return Err(error);
    }
    Ok((pages, resident.iter().filter(|&&page| page & 1 != 0).count()))
}
