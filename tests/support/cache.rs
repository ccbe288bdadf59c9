//! The page cache: what of a file is in it, and how to get it out.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::ptr;

const PAGE: usize = 4096;

/// How many pages of a file are in the page cache.
pub(crate) fn resident(path: &Path) -> usize {
    let file = File::open(path).unwrap();
    let length = file.metadata().unwrap().len() as usize;
    // What can't be read, valgrind doesn't read either.
    let (protection, flags) = (libc::PROT_NONE, libc::MAP_SHARED);
    // SAFETY: a new mapping at an address of the kernel's choice touches no other memory.
    let map =
        unsafe { libc::mmap(ptr::null_mut(), length, protection, flags, file.as_raw_fd(), 0) };
    assert_ne!(map, libc::MAP_FAILED);
    let mut pages = vec![0_u8; length.div_ceil(PAGE)];
    // SAFETY: the range is the mapping just made, and there is a byte for each of its pages.
    let asked = unsafe { libc::mincore(map, length, pages.as_mut_ptr()) };
    // SAFETY: as above, and nobody else knows it.
    unsafe { libc::munmap(map, length) };
    assert_eq!(asked, 0);
    pages.iter().filter(|&page| page & 1 != 0).count()
}

fn advise(file: &File, advice: libc::c_int) {
    // SAFETY: a system call without pointers.
    assert_eq!(unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, advice) }, 0);
}

/// Whether this directory is on a device, and not in memory. Says that the test is skipped if not.
pub(crate) fn is_on_device(directory: &Path) -> bool {
    const TMPFS: u32 = 0x0102_1994;
    let directory = File::open(directory).unwrap();
    // SAFETY: all its fields are integers, for which zero is a value.
    let mut status: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes one `statfs` through the pointer, which is to a live local.
    assert_eq!(unsafe { libc::fstatfs(directory.as_raw_fd(), &raw mut status) }, 0);
    let is_on_device = status.f_type as u32 != TMPFS;
    if !is_on_device {
        super::skipped("reads of a device: the build is in memory");
    }
    is_on_device
}

/// Whether the kernel reads so from this file that it waits for nothing. Of a file system in memory
/// it can't be asked. Says that the test is skipped if not.
pub(crate) fn reads_without_waiting(path: &Path) -> bool {
    let file = File::open(path).unwrap();
    let mut byte = [0_u8];
    let vector = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
    // SAFETY: one vector, of a byte that is ours.
    let count =
        unsafe { libc::preadv2(file.as_raw_fd(), &raw const vector, 1, 0, libc::RWF_NOWAIT) };
    let can =
        count >= 0 || std::io::Error::last_os_error().raw_os_error() != Some(libc::EOPNOTSUPP);
    if !can {
        super::skipped("reads without waiting: the file system of the build can't do them");
    }
    can
}

/// Asks the kernel to drop a file from the page cache, having written it out.
pub(crate) fn forget(path: &Path) {
    let file = File::open(path).unwrap();
    file.sync_all().unwrap();
    advise(&file, libc::POSIX_FADV_DONTNEED);
}

/// Takes a file out of the page cache. False if some of it stays there.
pub(crate) fn evict(path: &Path) -> bool {
    forget(path);
    resident(path) == 0
}

/// Brings the first `bytes` of a file into the page cache. False if more came along.
pub(crate) fn bring(path: &Path, bytes: usize) -> bool {
    use std::os::unix::fs::FileExt;
    let file = File::open(path).unwrap();
    // No more than is read.
    advise(&file, libc::POSIX_FADV_RANDOM);
    for page in 0..bytes / PAGE {
        file.read_exact_at(&mut [0; PAGE], (page * PAGE) as u64).unwrap();
    }
    resident(path) == bytes / PAGE
}
