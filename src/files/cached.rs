//! What the system can do with a file without waiting for a device, and what it then has to wait for.
//!
//! Safety: each function is one system call, whose contract is said beside it; memory that the kernel
//! writes is exclusively borrowed for the time of the call.

#![expect(unsafe_code, reason = "system calls that the standard library doesn't have")]

use std::ffi::{CString, c_long};
use std::fs::OpenOptions;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::blocking::perform;
use crate::buffer::IoBufMut;
use crate::engine::operation::Operation;
use crate::engine::{Transfer, decode};
use crate::file::metadata::{FileKind, Metadata};

/// Neither waits for the writer of a pipe, nor makes a terminal ours.
const FLAGS: libc::c_int = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;

/// The number of cachestat(2), which is the same on all architectures that have it
/// (`scripts/syscall.tbl` in the kernel).
const SYS_CACHESTAT: c_long = 451;

/// `struct cachestat_range` in `linux/mman.h`.
#[repr(C)]
struct CacheRange {
    offset: u64,
    /// 0: to the end of the file.
    len: u64,
}

/// `struct cachestat` in `linux/mman.h`.
#[repr(C)]
#[derive(Default)]
struct CacheStatus {
    cached: u64,
    dirty: u64,
    writeback: u64,
    evicted: u64,
    recently_evicted: u64,
}

const _: () = assert!(size_of::<CacheRange>() == 16 && size_of::<CacheStatus>() == 40);

/// Finds a file if the system has all in memory that this takes, and asks its file system for
/// nothing: what comes back only names it. `EAGAIN` says that there is something to wait for.
pub(crate) fn find_cached(path: &Path) -> io::Result<OwnedFd> {
    resolve_cached(path, libc::O_PATH | libc::O_CLOEXEC, 0)
}

/// Opens a file for reading if the system has all in memory that it takes to find it. To open it is
/// then the file system's, which may have to ask somebody: see `mounts`.
pub(crate) fn open_cached(path: &Path) -> io::Result<OwnedFd> {
    open_resolved(path, 0)
}

/// The same, but `ELOOP` if there is a symbolic link on the way: without one the file is where its
/// directory is.
pub(crate) fn open_cached_there(path: &Path) -> io::Result<OwnedFd> {
    open_resolved(path, libc::RESOLVE_NO_SYMLINKS)
}

/// The same as [`open_cached`], but `EXDEV` or `EAGAIN` if the file is on another mount than the root
/// directory is, for a relative path the current one.
pub(crate) fn open_cached_within(path: &Path) -> io::Result<OwnedFd> {
    open_resolved(path, libc::RESOLVE_NO_XDEV)
}

fn open_resolved(path: &Path, how: u64) -> io::Result<OwnedFd> {
    resolve_cached(path, FLAGS | libc::O_RDONLY, how)
}

/// openat2(2) with `RESOLVE_CACHED`; kernels before 5.12 don't know it.
fn resolve_cached(path: &Path, flags: libc::c_int, more: u64) -> io::Result<OwnedFd> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: all of it are integers, for which zero is a value.
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

/// Opens a file for reading, waiting for the device if need be; never for the writer of a pipe.
pub(crate) fn open(path: &Path, direct: bool) -> io::Result<OwnedFd> {
    let flags = FLAGS | if direct { libc::O_DIRECT } else { 0 };
    match open_with(path, flags) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => open_leased(path, flags),
        result => result,
    }
}

/// Opens a file on which somebody has a lease (fcntl(2), `F_SETLEASE`), and is asked to give it up: for
/// that one has to wait. Only regular files have leases; but by now the name may be that of a pipe, or
/// the file system may have lied. So what is waited for is what was looked at, by descriptor.
fn open_leased(path: &Path, flags: libc::c_int) -> io::Result<OwnedFd> {
    let named = open_with(path, libc::O_PATH)?;
    let is_regular = Metadata::of(named.as_fd())?.kind == FileKind::Regular;
    let flags = if is_regular { flags & !libc::O_NONBLOCK } else { flags };
    open_with(Path::new(&format!("/proc/self/fd/{}", named.as_raw_fd())), flags)
}

fn open_with(path: &Path, flags: libc::c_int) -> io::Result<OwnedFd> {
    OpenOptions::new().read(true).custom_flags(flags).open(path).map(OwnedFd::from)
}

/// Whether a file of `size` bytes is in the page cache, as far as its beginning, middle and end tell:
/// the kernel would go through all pages of a large one. cachestat(2), Linux 6.5; since 6.15 only for
/// files that the caller owns or may write.
pub(crate) fn is_cached(fd: BorrowedFd<'_>, size: u64) -> io::Result<bool> {
    /// So much of each place is looked at.
    const SAMPLE: u64 = 64 << 10;
    let (last, middle) = (size.saturating_sub(SAMPLE), (size / 2).saturating_sub(SAMPLE / 2));
    let mut seen = 0;
    for offset in [0, middle, last] {
        let end = size.min(offset + SAMPLE);
        // Of a small file the first place is all of it.
        if end == seen {
            continue;
        }
        seen = end;
        let offset = offset / page_size() * page_size();
        let len = end - offset;
        let bytes = cached_bytes(fd, CacheRange { offset, len })?;
        if bytes < len - len / 8 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// How much of a range is in the page cache, in whole pages.
fn cached_bytes(fd: BorrowedFd<'_>, range: CacheRange) -> io::Result<u64> {
    let mut status = CacheStatus::default();
    // SAFETY: the kernel reads the one structure and writes the other, both live locals laid out as
    // it has them.
    let ret = unsafe {
        libc::syscall(SYS_CACHESTAT, fd.as_raw_fd(), &raw const range, &raw mut status, 0_u32)
    };
    if ret != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(status.cached.saturating_mul(page_size()))
}

/// Whether the beginning of a file of `size` bytes is in the page cache, by mapping it: mincore(2).
/// Of files that the caller neither owns nor may write, Linux says that all of it is.
pub(crate) fn begins_cached(fd: BorrowedFd<'_>, size: u64) -> io::Result<bool> {
    /// So much stands for the whole.
    const BEGINNING: usize = 1 << 20;
    let len = usize::try_from(size).unwrap_or(usize::MAX).clamp(1, BEGINNING);
    let pages = len.div_ceil(page_size() as usize);
    let mut resident = vec![0_u8; pages];
    // SAFETY: a new mapping, of which nobody else knows, at an address that the kernel chooses.
    let address = unsafe {
        libc::mmap(std::ptr::null_mut(), len, libc::PROT_READ, libc::MAP_SHARED, fd.as_raw_fd(), 0)
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
    let cached = resident.iter().filter(|&&page| page & 1 != 0).count();
    Ok(cached >= pages - pages / 8)
}

/// Reads up to `len` bytes into the buffer, from its beginning; if it is not to wait, only what is in
/// the page cache: preadv2(2) with `RWF_NOWAIT`. The buffer's length becomes what was read.
pub(crate) fn read<B: IoBufMut>(
    fd: BorrowedFd<'_>,
    buffer: &mut B,
    len: usize,
    offset: u64,
    wait: bool,
) -> io::Result<usize> {
    let transfer = Transfer {
        operation: Operation::Read,
        fd: fd.as_raw_fd(),
        address: buffer.stable_mut_ptr().expose_provenance() as u64,
        length: len.min(buffer.capacity()) as u64,
        offset,
        nowait: !wait,
    };
    // SAFETY: the kernel writes at most `capacity` bytes behind the pointer, which the buffer's
    // contract allows; buffer and descriptor are borrowed for the time of the call, the buffer
    // exclusively.
    let count = decode(unsafe { perform(&transfer) })?;
    // SAFETY: the kernel has written these, at most `capacity`.
    unsafe { buffer.set_filled(count) };
    Ok(count)
}

fn page_size() -> u64 {
    // SAFETY: takes a number, returns one.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(size).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::fd::{AsFd, AsRawFd};
    use std::os::unix::fs::FileExt;

    use super::is_cached;

    const MIB: u64 = 1 << 20;

    fn advise(file: &File, advice: libc::c_int) {
        // SAFETY: a system call without pointers.
        assert_eq!(unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, advice) }, 0);
    }

    #[test]
    fn what_is_cached_in_part_only_is_not_taken_to_be() {
        // In a directory of the build: in memory, as temporary ones may be, nothing can be evicted.
        let directory = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let path = directory.path().join("file");
        fs::write(&path, vec![1; 3 << 20]).unwrap();
        let file = File::open(path).unwrap();
        let is_cached = || is_cached(file.as_fd(), 3 * MIB);
        if !is_cached().unwrap_or(false) {
            // Before Linux 6.5, under valgrind, on an overlay: it isn't told.
            let skips = option_env!("REAPOOL_MEMCHECK").is_some()
                || std::env::var_os("REAPOOL_NO_SKIP").is_none();
            assert!(skips, "may not be skipped here: just written, and not said to be cached");
            return;
        }
        file.sync_all().unwrap();
        advise(&file, libc::POSIX_FADV_DONTNEED);
        assert!(!is_cached().unwrap());
        // No more than is read comes in.
        advise(&file, libc::POSIX_FADV_RANDOM);
        for (part, all) in [(0, false), (2, false), (1, true)] {
            for offset in (part * MIB..(part + 1) * MIB).step_by(4096) {
                file.read_exact_at(&mut [0; 4096], offset).unwrap();
            }
            assert_eq!(is_cached().unwrap(), all, "the part {part} has come in");
        }
    }
}
