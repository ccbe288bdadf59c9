//! Descriptors: their flags, metadata, permissions and sizes, how many a process may have,
//! eventfds, fsync(2), and ppoll(2).
//!
//! Safety: a call about a descriptor borrows it, so that it is open. No call keeps a pointer.

#![expect(unsafe_code, reason = "system calls that std doesn't have")]

use std::ffi::c_int;
use std::fs::{File, FileTimes, Metadata, OpenOptions, Permissions};
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::ptr;
use std::time::Duration;

use crate::sys::call::{Errno, timespec};

/// `BLKGETSIZE64` of `linux/fs.h`: `_IOR(0x12, 114, size_t)`. POWER encodes the direction in other
/// bits (`asm/ioctl.h`).
const BLKGETSIZE64: u32 = {
    let read: u32 = if cfg!(target_arch = "powerpc64") { 2 << 29 } else { 2 << 30 };
    read | (size_of::<usize>() as u32) << 16 | 0x12 << 8 | 114
};

/// The access mode and the status flags of the open file.
pub(crate) fn status_flags(fd: BorrowedFd<'_>) -> io::Result<c_int> {
    // SAFETY: F_GETFL takes no argument, and the descriptor is open.
    let flags = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) };
    if flags < 0 { Err(io::Error::last_os_error()) } else { Ok(flags) }
}

/// Sets those flags that can be changed. They belong to the open file, so all its descriptors see
/// it.
pub(crate) fn set_status_flags(fd: BorrowedFd<'_>, flags: c_int) -> io::Result<()> {
    // SAFETY: F_SETFL takes an integer, and the descriptor is open.
    let ret = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, flags) };
    if ret < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// How many descriptors the process may have: the soft limit `RLIMIT_NOFILE`.
pub(crate) fn limit() -> usize {
    usize::try_from(soft_limit(libc::RLIMIT_NOFILE)).unwrap_or(usize::MAX)
}

/// How long a file may be that this process writes: the soft limit `RLIMIT_FSIZE`.
pub(crate) fn file_size_limit() -> u64 {
    soft_limit(libc::RLIMIT_FSIZE)
}

#[cfg(target_env = "gnu")]
type RlimitResource = libc::__rlimit_resource_t;
#[cfg(not(target_env = "gnu"))]
type RlimitResource = c_int;

/// What the process may have of something, by getrlimit(2).
fn soft_limit(resource: RlimitResource) -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes one `rlimit` through the pointer, which is to a live local.
    let ret = unsafe { libc::getrlimit(resource, ptr::from_mut(&mut limit)) };
    // A `rlim_t` has 32 bits on some targets.
    fn wide(count: impl Into<u64>) -> u64 {
        count.into()
    }
    let is_limited = ret == 0 && limit.rlim_cur != libc::RLIM_INFINITY;
    if is_limited { wide(limit.rlim_cur) } else { u64::MAX }
}

/// Makes an eventfd whose counter begins at `counter`, with these flags and `EFD_CLOEXEC`:
/// eventfd(2).
pub(crate) fn eventfd(counter: u32, flags: c_int) -> io::Result<OwnedFd> {
    // SAFETY: no pointers are passed. The result is checked before it is used.
    let fd = unsafe { libc::eventfd(counter, flags | libc::EFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is fresh from the kernel, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The metadata that the standard library has for an open file. It falls back to calls older than
/// statx(2).
pub(crate) fn std_metadata(fd: BorrowedFd<'_>) -> io::Result<Metadata> {
    with_std(fd, File::metadata)
}

/// Sets the permission, set-id and sticky bits: fchmod(2).
pub(crate) fn set_mode(fd: BorrowedFd<'_>, mode: u32) -> io::Result<()> {
    with_std(fd, |file| file.set_permissions(Permissions::from_mode(mode)))
}

/// Opens the same file once more, with these options, whatever its path leads to by now.
pub(crate) fn open_again(fd: BorrowedFd<'_>, options: &OpenOptions) -> io::Result<OwnedFd> {
    options.open(format!("/proc/self/fd/{}", fd.as_raw_fd())).map(OwnedFd::from)
}

/// Sets the times of the last access and the last change: futimens(2).
pub(crate) fn set_times(fd: BorrowedFd<'_>, times: FileTimes) -> io::Result<()> {
    with_std(fd, |file| file.set_times(times))
}

/// Waits until what was written is on the device, for as long as that takes: fsync(2).
pub(crate) fn sync(fd: BorrowedFd<'_>) -> io::Result<()> {
    with_std(fd, File::sync_all)
}

/// Writes all of these bytes at an offset, and waits for the device if need be: pwrite(2).
pub(crate) fn write_all_at(fd: BorrowedFd<'_>, bytes: &[u8], offset: u64) -> io::Result<()> {
    with_std(fd, |file| file.write_all_at(bytes, offset))
}

/// Has the standard library do something with an open file, which it does not close.
fn with_std<T>(fd: BorrowedFd<'_>, action: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
    // SAFETY: the descriptor is open for as long as it is borrowed, which is longer than this call,
    // and the file is never dropped, so it is not closed here.
    let file = ManuallyDrop::new(unsafe { File::from_raw_fd(fd.as_raw_fd()) });
    action(&file)
}

/// Makes a file longer, by a hole, or shorter.
pub(crate) fn set_len(fd: BorrowedFd<'_>, len: u64) -> io::Result<()> {
    with_std(fd, |file| file.set_len(len))
}

/// The size of a block device in bytes. It is asked for by ioctl(2), as seeking would move a
/// position that other users of the open file share.
pub(crate) fn device_size(fd: BorrowedFd<'_>) -> io::Result<u64> {
    let mut bytes: u64 = 0;
    // SAFETY: the kernel writes a `u64` through the pointer, which is to a live local. It does so
    // whatever type the request's number encodes (`put_u64` in `block/ioctl.c`).
    let ret = unsafe { libc::ioctl(fd.as_raw_fd(), BLKGETSIZE64 as _, ptr::from_mut(&mut bytes)) };
    if ret < 0 { Err(io::Error::last_os_error()) } else { Ok(bytes) }
}

/// Waits until a descriptor on the list is ready, a signal comes, or the limit is over. It tells in
/// `revents` which are ready; after an error none is.
pub(crate) fn ppoll(list: &mut [libc::pollfd], limit: Option<Duration>) -> Result<(), Errno> {
    let limit = limit.map(timespec);
    let limit = limit.as_ref().map_or(ptr::null(), ptr::from_ref);
    let count = list.len() as libc::nfds_t;
    // SAFETY: the kernel reads and writes `count` entries of a list that is exactly so long and
    // exclusively borrowed. A number that is no open descriptor is reported in its entry. The limit
    // is null or points to a live local that the kernel reads. The signal mask is not changed.
    if unsafe { libc::ppoll(list.as_mut_ptr(), count, limit, ptr::null()) } >= 0 {
        return Ok(());
    }
    let errno = Errno::last();
    list.iter_mut().for_each(|entry| entry.revents = 0);
    Err(errno)
}
