//! Whether the page cache has the data of a file, as far as the kernel tells without waiting.

use std::io;
use std::os::fd::BorrowedFd;

use crate::file::filesystem::Storage;
use crate::sys::cachestat::{cached_bytes, page_size};
use crate::sys::mincore::resident_pages;
use crate::sys::preadv::is_byte_cached;
use crate::sys::statx::{STATX_SIZE, statx};

/// How a read finds out, without waiting, whether the page cache has its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CacheLook {
    /// It tries. Linux then begins to read from the device what is missing, which is right where
    /// the data comes through the page cache anyway.
    Try,
    /// It asks first, as what is missing is not to come through the page cache. Where the kernel
    /// doesn't tell, it tries the first byte and the last, for which Linux may begin to read some
    /// pages.
    Ask,
    /// It tries the first byte and the last, as the kernel's answer is wrong for this file.
    TryEnds,
}

impl CacheLook {
    /// For a file on this storage whose missing data is not to come through the page cache.
    pub(crate) fn before_direct_reads(storage: Storage) -> Self {
        match storage {
            Storage::Stacked => Self::TryEnds,
            Storage::Plain | Storage::Memory => Self::Ask,
        }
    }

    /// Whether a read of this range is worth a try that may not wait: all of the range, as far as
    /// the file has it, is said to be in the page cache, or nothing can be said before.
    pub(crate) fn is_worth_a_try(self, file: BorrowedFd<'_>, offset: u64, len: usize) -> bool {
        let told = match self {
            Self::Try => return true,
            Self::Ask => is_range_cached(file, offset, len as u64),
            Self::TryEnds => None,
        };
        told.unwrap_or_else(|| {
            let last = offset.saturating_add(len.saturating_sub(1) as u64);
            is_byte_cached(file, offset) && is_byte_cached(file, last)
        })
    }
}

/// Whether the page cache has all that there is of these bytes. `None` if the kernel doesn't tell.
fn is_range_cached(file: BorrowedFd<'_>, offset: u64, len: u64) -> Option<bool> {
    if len == 0 {
        // To the kernel, no length is one up to the end of the file.
        return Some(true);
    }
    let start = offset - offset % page_size();
    let end = offset.saturating_add(len);
    let cached = cached_bytes(file, start, end - start).ok()?;
    if cached == 0 || cached >= end - start {
        return Some(cached > 0);
    }
    // The file may end within the range.
    let size = statx(file, libc::AT_STATX_DONT_SYNC, STATX_SIZE).ok()?.stx_size;
    Some(cached >= end.min(size).saturating_sub(start))
}

/// Where the contents of a file are, as far as is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Residency {
    /// All of it is in the page cache.
    #[default]
    Cached,
    /// Some of it, at least, is only on the device.
    Cold,
}

impl Residency {
    /// Whether reading a file of `size` bytes through the page cache will hardly wait, as far as
    /// samples tell.
    pub(crate) fn of(file: BorrowedFd<'_>, size: u64, storage: Storage) -> Self {
        let is_cached = match storage {
            Storage::Memory => true,
            Storage::Stacked => begins_cached(file, size).unwrap_or(false),
            Storage::Plain => match samples_cached(file, size) {
                Ok(is_cached) => is_cached,
                // It is another user's file, of which mincore(2) would say that all is there.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    is_byte_cached(file, 0)
                }
                Err(_) => begins_cached(file, size).unwrap_or(false),
            },
        };
        if is_cached { Self::Cached } else { Self::Cold }
    }
}

/// Whether samples of the beginning, middle and end of a file of `size` bytes are in the page
/// cache: of all of a large file, the kernel would go through all pages. cachestat(2), Linux 6.5;
/// since 6.15 only for files that the caller owns or may write.
fn samples_cached(file: BorrowedFd<'_>, size: u64) -> io::Result<bool> {
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
        if cached_bytes(file, offset, len)? < len - len / 8 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the beginning of a file of `size` bytes is in the page cache, by mincore(2).
fn begins_cached(file: BorrowedFd<'_>, size: u64) -> io::Result<bool> {
    /// The size of the beginning, which stands for the whole file.
    const BEGINNING: usize = 1 << 20;
    let len = usize::try_from(size).unwrap_or(usize::MAX).clamp(1, BEGINNING);
    let (pages, cached) = resident_pages(file, len)?;
    Ok(cached >= pages - pages / 8)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::fd::{AsFd, AsRawFd};
    use std::os::unix::fs::FileExt;

    use super::samples_cached;
    use crate::file::filesystem::{Storage, ask_storage};

    const MIB: u64 = 1 << 20;

    #[expect(unsafe_code, reason = "posix_fadvise(2), which the standard library doesn't have")]
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
        let is_cached = || samples_cached(file.as_fd(), 3 * MIB);
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
