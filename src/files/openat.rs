//! Opening files for reading: without waiting, which fails if something is not in memory, and with
//! waiting.
//!
//! Safety: the one raw system call has its contract beside it.

#![expect(unsafe_code, reason = "openat2(2), which the standard library doesn't have")]

use std::ffi::CString;
use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::file::metadata::{FileKind, Metadata};

/// With these, opening a pipe doesn't wait for its writer, and a terminal doesn't become ours.
const FLAGS: libc::c_int = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;

/// Finds a file if everything that finding it takes is in memory; its file system is not asked. The
/// descriptor only names the file. `EAGAIN` says that there is something to wait for.
pub(crate) fn find_nowait(path: &Path) -> io::Result<OwnedFd> {
    resolve_cached(path, libc::O_PATH | libc::O_CLOEXEC, 0)
}

/// Opens a file for reading if everything that finding it takes is in memory. Its file system then
/// opens it, and may have to ask somebody else for that: see `filesystem`.
///
/// With `RESOLVE_NO_SYMLINKS`, `ELOOP` if there is a symbolic link on the way: without one, the
/// file is on the mount of its directory. With `RESOLVE_NO_XDEV`, `EXDEV` or `EAGAIN` if the file
/// is on another mount than the root directory or, for a relative path, the current directory.
pub(crate) fn open_nowait(path: &Path, resolve: u64) -> io::Result<OwnedFd> {
    resolve_cached(path, FLAGS | libc::O_RDONLY, resolve)
}

/// openat2(2) with `RESOLVE_CACHED`; kernels before 5.12 don't know it.
fn resolve_cached(path: &Path, flags: libc::c_int, more: u64) -> io::Result<OwnedFd> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: all its fields are integers, for which zero is a value.
    let mut how: libc::open_how = unsafe { std::mem::zeroed() };
    how.flags = u64::from(flags.cast_unsigned());
    how.resolve = libc::RESOLVE_CACHED | more;
    // SAFETY: the path ends with a zero byte, and the structure is as long as is said; the kernel
    // reads both during the call only.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_openat2,
            libc::AT_FDCWD,
            path.as_ptr(),
            &raw const how,
            size_of::<libc::open_how>(),
        )
    };
    match i32::try_from(fd) {
        // SAFETY: the descriptor is fresh from the kernel and nobody else knows it.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Opens a file for reading and waits for the device if need be, but not for the writer of a pipe.
pub(crate) fn open(path: &Path, direct: bool) -> io::Result<OwnedFd> {
    let flags = FLAGS | if direct { libc::O_DIRECT } else { 0 };
    match open_with(path, flags) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => open_leased(path, flags),
        result => result,
    }
}

/// Opens a file on which a process has a lease (fcntl(2), `F_SETLEASE`): the kernel asks it to give
/// the lease up, and one has to wait for that. Only regular files have leases. But by now the path
/// may be that of a pipe, or the file system may have lied. So the file is looked at first, and
/// then opened by the descriptor of what was looked at.
fn open_leased(path: &Path, flags: libc::c_int) -> io::Result<OwnedFd> {
    let named = open_with(path, libc::O_PATH)?;
    let is_regular = Metadata::of(named.as_fd())?.kind == FileKind::Regular;
    let flags = if is_regular { flags & !libc::O_NONBLOCK } else { flags };
    open_with(Path::new(&format!("/proc/self/fd/{}", named.as_raw_fd())), flags)
}

fn open_with(path: &Path, flags: libc::c_int) -> io::Result<OwnedFd> {
    OpenOptions::new().read(true).custom_flags(flags).open(path).map(OwnedFd::from)
}
