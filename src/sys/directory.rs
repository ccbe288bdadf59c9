//! Files by their names in a directory that is open. Neither a rename of the directory nor another
//! current directory of the process leads to other files.
//!
//! Safety: a call borrows the directory's descriptor, so that it is open. The kernel reads names
//! during the call only.

#![expect(unsafe_code, reason = "system calls that std doesn't have")]

use std::ffi::{CStr, CString, c_int, c_uint};
use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Opens a directory as a place for names (`O_PATH`), for which it need not be readable.
pub(crate) fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    let flags = libc::O_PATH | libc::O_DIRECTORY;
    OpenOptions::new().read(true).custom_flags(flags).open(path).map(OwnedFd::from)
}

/// Opens a file with these flags and `O_CLOEXEC`: openat(2). The mode is for a file that is
/// created.
pub(crate) fn open_in(
    directory: BorrowedFd<'_>,
    name: &CStr,
    flags: c_int,
    mode: u32,
) -> io::Result<OwnedFd> {
    // Where offsets have 32 bits, a file of 2 GiB could not be opened without the last flag.
    let flags = flags | libc::O_CLOEXEC | libc::O_LARGEFILE;
    loop {
        // SAFETY: the name ends with a zero byte, and the directory is open.
        let fd = unsafe {
            libc::openat(directory.as_raw_fd(), name.as_ptr(), flags, c_uint::from(mode))
        };
        if fd >= 0 {
            // SAFETY: the descriptor is fresh from the kernel, and nothing else owns it.
            return Ok(unsafe { OwnedFd::from_raw_fd(fd) });
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Creates a file without a name for reading and writing (`O_TMPFILE`). It is gone with its last
/// descriptor, unless it [gets a name](name_in).
pub(crate) fn open_unnamed(
    directory: BorrowedFd<'_>,
    flags: c_int,
    mode: u32,
) -> io::Result<OwnedFd> {
    open_in(directory, c".", flags | libc::O_RDWR | libc::O_TMPFILE, mode)
}

/// Gives an open file without a name one that nothing has: linkat(2).
pub(crate) fn name_in(
    directory: BorrowedFd<'_>,
    file: BorrowedFd<'_>,
    name: &CStr,
) -> io::Result<()> {
    let (directory, fd) = (directory.as_raw_fd(), file.as_raw_fd());
    let (empty, flags) = (c"", libc::AT_EMPTY_PATH);
    // SAFETY: both names end with a zero byte, and both descriptors are open.
    if unsafe { libc::linkat(fd, empty.as_ptr(), directory, name.as_ptr(), flags) } == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    if error.raw_os_error() != Some(libc::ENOENT) {
        return Err(error);
    }
    // So the kernel refuses processes without a capability. Linux 6.10 and later don't.
    let path = CString::new(format!("/proc/self/fd/{fd}"))?;
    let (at, flags) = (libc::AT_FDCWD, libc::AT_SYMLINK_FOLLOW);
    // SAFETY: both names end with a zero byte, and the directory is open.
    let ret = unsafe { libc::linkat(at, path.as_ptr(), directory, name.as_ptr(), flags) };
    if ret < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Gives a file another name in its directory, in the place of what had that: renameat(2).
pub(crate) fn rename_in(directory: BorrowedFd<'_>, from: &CStr, to: &CStr) -> io::Result<()> {
    let fd = directory.as_raw_fd();
    // SAFETY: both names end with a zero byte, and the directory is open.
    let ret = unsafe { libc::renameat(fd, from.as_ptr(), fd, to.as_ptr()) };
    if ret < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Gives a file another name in its directory that nothing has: renameat2(2). Where the file system
/// can't do that, the file has both names for a moment: linkat(2), unlinkat(2). Where it has no
/// links either, an empty file takes the name, and is replaced.
pub(crate) fn rename_to_free_name(
    directory: BorrowedFd<'_>,
    from: &CStr,
    to: &CStr,
) -> io::Result<()> {
    let fd = directory.as_raw_fd();
    let (number, flag) = (libc::SYS_renameat2, libc::RENAME_NOREPLACE);
    // The call itself, as not every C library has a function for it.
    // SAFETY: both names end with a zero byte, and the directory is open.
    let ret = unsafe { libc::syscall(number, fd, from.as_ptr(), fd, to.as_ptr(), flag) };
    let error = if ret < 0 { io::Error::last_os_error() } else { return Ok(()) };
    if !matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS | libc::EPERM)) {
        return Err(error);
    }
    // SAFETY: both names end with a zero byte, and the directory is open.
    if unsafe { libc::linkat(fd, from.as_ptr(), fd, to.as_ptr(), 0) } == 0 {
        // It has its name, whatever becomes of the other.
        let _ = remove_in(directory, from);
        return Ok(());
    }
    let error = io::Error::last_os_error();
    if !matches!(error.raw_os_error(), Some(libc::EPERM | libc::ENOSYS | libc::EOPNOTSUPP)) {
        return Err(error);
    }
    open_in(directory, to, libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL, 0o600)?;
    rename_in(directory, from, to).inspect_err(|_| _ = remove_in(directory, to))
}

/// Removes a name that is not a directory's: unlinkat(2).
pub(crate) fn remove_in(directory: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    // SAFETY: the name ends with a zero byte, and the directory is open.
    let ret = unsafe { libc::unlinkat(directory.as_raw_fd(), name.as_ptr(), 0) };
    if ret < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
