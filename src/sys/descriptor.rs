//! Descriptors: what the system says of them, how many there may be, and one that only counts.
//!
//! Safety: a call about a descriptor borrows it, so it is open; none keeps a pointer.

#![expect(unsafe_code, reason = "system calls that std doesn't have")]

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

/// `BLKGETSIZE64` of `linux/fs.h`: `_IOR(0x12, 114, size_t)`. Some architectures have the direction
/// in other bits (`asm/ioctl.h`).
const BLKGETSIZE64: u32 = {
    let other = cfg!(any(
        target_arch = "mips",
        target_arch = "mips64",
        target_arch = "powerpc",
        target_arch = "powerpc64",
        target_arch = "sparc64",
    ));
    let read: u32 = if other { 2 << 29 } else { 2 << 30 };
    read | (size_of::<usize>() as u32) << 16 | 0x12 << 8 | 114
};

/// The flags of open(2) that can be asked for.
pub(crate) fn status_flags(fd: BorrowedFd<'_>) -> io::Result<c_int> {
    // SAFETY: F_GETFL takes no argument, and the descriptor is open.
    let flags = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) };
    if flags < 0 { Err(io::Error::last_os_error()) } else { Ok(flags) }
}

/// Sets those of them that can be changed: of the open file, for all who have it.
pub(crate) fn set_status_flags(fd: BorrowedFd<'_>, flags: c_int) -> io::Result<()> {
    // SAFETY: F_SETFL takes an integer, and the descriptor is open.
    let ret = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, flags) };
    if ret < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// How many descriptors the process may have: `RLIMIT_NOFILE`, soft.
pub(crate) fn limit() -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes one `rlimit` through the pointer, which is to a live local.
    let ret = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, ptr::from_mut(&mut limit)) };
    if ret < 0 { usize::MAX } else { usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX) }
}

/// An eventfd with this counter, and with these flags besides `EFD_CLOEXEC`: eventfd(2).
pub(crate) fn eventfd(counter: u32, flags: c_int) -> io::Result<OwnedFd> {
    // SAFETY: no pointers are passed; the result is checked before use.
    let fd = unsafe { libc::eventfd(counter, flags | libc::EFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is fresh from the kernel and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// How many bytes a block device has. By ioctl, as seeking would move a position that is shared.
pub(crate) fn capacity(fd: BorrowedFd<'_>) -> io::Result<u64> {
    let mut bytes: u64 = 0;
    // SAFETY: the kernel writes a `u64` through the pointer, which is to a live local, in spite of
    // the type in the request's number (`put_u64` in `block/ioctl.c`).
    let ret = unsafe { libc::ioctl(fd.as_raw_fd(), BLKGETSIZE64 as _, ptr::from_mut(&mut bytes)) };
    if ret < 0 { Err(io::Error::last_os_error()) } else { Ok(bytes) }
}
