//! Whether a file's contents are in the page cache, as far as the kernel tells, and reads that go
//! through it.
//!
//! Safety: each function is one system call, whose contract is said beside it; memory that the
//! kernel writes is exclusively borrowed for the time of the call.

#![expect(unsafe_code, reason = "system calls that the standard library doesn't have")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use crate::blocking::perform;
use crate::buffer::IoBufMut;
use crate::engine::{Transfer, decode};
use crate::file::filesystem::Storage;
use crate::sys::cachestat::{cached_bytes, page_size};

/// Where the contents of a file are, as far as is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Residency {
    /// All of it is in the page cache.
    #[default]
    Cached,
    /// Some of it, at least, is only on the device.
    Cold,
}

/// Whether a read is to wait for the device if something is not in the page cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnMiss {
    Fail,
    Wait,
}

/// Whether reading a file of `size` bytes through the page cache will hardly wait.
pub(crate) fn residency(file: BorrowedFd<'_>, size: u64, storage: Storage) -> Residency {
    let is_cached = match storage {
        Storage::Memory => true,
        Storage::Stacked => begins_cached(file, size).unwrap_or(false),
        Storage::Plain => match is_cached(file, size) {
            Ok(is_cached) => is_cached,
            // It is another user's file, of which mincore(2) would say that all is there. If the
            // byte is not cached, this may begin to read it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                read(file, &mut vec![0; 1], 1, 0, OnMiss::Fail).is_ok()
            }
            Err(_) => begins_cached(file, size).unwrap_or(false),
        },
    };
    if is_cached { Residency::Cached } else { Residency::Cold }
}

/// Whether a file of `size` bytes is in the page cache, as far as samples of its beginning, middle
/// and end tell: of a large file, the kernel would go through all pages. cachestat(2), Linux 6.5;
/// since 6.15 only for files that the caller owns or may write.
fn is_cached(fd: BorrowedFd<'_>, size: u64) -> io::Result<bool> {
    /// The size of a sample.
    const SAMPLE: u64 = 64 << 10;
    let (last, middle) = (size.saturating_sub(SAMPLE), (size / 2).saturating_sub(SAMPLE / 2));
    let mut seen = 0;
    for offset in [0, middle, last] {
        let end = size.min(offset + SAMPLE);
        // In a small file the first sample is all of it.
        if end == seen {
            continue;
        }
        seen = end;
        let offset = offset / page_size() * page_size();
        let len = end - offset;
        let bytes = cached_bytes(fd, offset, len)?;
        if bytes < len - len / 8 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the beginning of a file of `size` bytes is in the page cache, by mapping it: mincore(2).
/// Of files that the caller neither owns nor may write, Linux says that all of it is.
fn begins_cached(fd: BorrowedFd<'_>, size: u64) -> io::Result<bool> {
    /// The size of the beginning, which stands for the whole file.
    const BEGINNING: usize = 1 << 20;
    let len = usize::try_from(size).unwrap_or(usize::MAX).clamp(1, BEGINNING);
    let pages = len.div_ceil(page_size() as usize);
    let mut resident = vec![0_u8; pages];
    // SAFETY: a new mapping, which nobody else knows, at an address that the kernel chooses.
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

/// Reads up to `len` bytes into the buffer, from its beginning. Without waiting it reads only bytes
/// that are in the page cache: preadv2(2) with `RWF_NOWAIT`. The buffer's length becomes the number
/// of bytes read.
pub(crate) fn read<B: IoBufMut>(
    fd: BorrowedFd<'_>,
    buffer: &mut B,
    len: usize,
    offset: u64,
    on_miss: OnMiss,
) -> io::Result<usize> {
    let (memory, len) = (buffer.stable_mut_ptr(), len.min(buffer.capacity()));
    // SAFETY: the buffer has `capacity` bytes behind the pointer, and is borrowed exclusively.
    let count = unsafe { read_at(fd, memory, len, offset, on_miss) }?;
    // SAFETY: the kernel has written these, at most `capacity`.
    unsafe { buffer.set_filled(count) };
    Ok(count)
}

/// Reads a file from its beginning until the buffer has `len` bytes of it, or to its end. It waits
/// for the device; it leaves off if nobody wants the file any more. The buffer's length becomes the
/// number of bytes read.
pub(crate) fn read_all<B: IoBufMut>(
    fd: BorrowedFd<'_>,
    buffer: &mut B,
    len: usize,
    is_halted: impl Fn() -> bool,
) -> io::Result<usize> {
    let (memory, len) = (buffer.stable_mut_ptr(), len.min(buffer.capacity()));
    let mut filled = 0;
    while filled < len && !is_halted() {
        // SAFETY: `filled` is less than the capacity, so the pointer stays in the buffer.
        let rest = unsafe { memory.add(filled) };
        // SAFETY: the buffer has `capacity - filled` bytes behind this pointer, and is borrowed
        // exclusively.
        match unsafe { read_at(fd, rest, len - filled, filled as u64, OnMiss::Wait) }? {
            0 => break,
            count => filled += count,
        }
    }
    // SAFETY: the kernel has written these, at most `capacity`.
    unsafe { buffer.set_filled(filled) };
    Ok(filled)
}

/// # Safety
///
/// For the time of the call, `len` bytes behind `memory` may be written, and nobody else uses them.
unsafe fn read_at(
    fd: BorrowedFd<'_>,
    memory: *mut u8,
    len: usize,
    offset: u64,
    on_miss: OnMiss,
) -> io::Result<usize> {
    let mut transfer = Transfer::read(fd.as_raw_fd(), memory, len, offset);
    transfer.nowait = on_miss == OnMiss::Fail;
    // SAFETY: the kernel writes at most `len` bytes, which the caller allows; the descriptor is
    // borrowed for the time of the call.
    decode(unsafe { perform(&transfer) })
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::fd::{AsFd, AsRawFd};
    use std::os::unix::fs::FileExt;

    use super::is_cached;
    use crate::file::filesystem::{Storage, ask_storage};

    const MIB: u64 = 1 << 20;

    fn advise(file: &File, advice: libc::c_int) {
        // SAFETY: a system call without pointers.
        assert_eq!(unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, advice) }, 0);
    }

    #[test]
    fn what_is_cached_in_part_only_is_not_taken_to_be() {
        // Beside the sources, on a device: in a temporary directory in memory, nothing can be
        // evicted.
        let directory = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let path = directory.path().join("file");
        fs::write(&path, vec![1; 3 << 20]).unwrap();
        let file = File::open(path).unwrap();
        let is_cached = || is_cached(file.as_fd(), 3 * MIB);
        let in_memory = ask_storage(file.as_fd()) == Some(Storage::Memory);
        if in_memory || !is_cached().unwrap_or(false) {
            // Nothing leaves a file system in memory. Before Linux 6.5, under valgrind, and on an
            // overlay, the kernel doesn't tell.
            let skips = std::env::var_os("REAPOOL_MEMCHECK").is_some()
                || std::env::var_os("REAPOOL_NO_SKIP").is_none();
            assert!(skips, "may not be skipped here: in memory, or not said to be cached");
            return;
        }
        file.sync_all().unwrap();
        advise(&file, libc::POSIX_FADV_DONTNEED);
        assert!(!is_cached().unwrap());
        // With this advice, only the pages that are read come in.
        advise(&file, libc::POSIX_FADV_RANDOM);
        for (part, all) in [(0, false), (2, false), (1, true)] {
            for offset in (part * MIB..(part + 1) * MIB).step_by(4096) {
                file.read_exact_at(&mut [0; 4096], offset).unwrap();
            }
            assert_eq!(is_cached().unwrap(), all, "the part {part} has come in");
        }
    }
}
