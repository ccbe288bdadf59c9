//! statx(2): one structure and one system call, as in `linux/stat.h`. They are written by hand, as
//! the structures of some C libraries end before the fields on direct I/O.
//!
//! Safety: the one call writes the structure that it is given, which is as large as the kernel's.

#![expect(unsafe_code, reason = "a raw system call")]

use std::ffi::{CStr, c_int, c_long};
use std::io;
use std::mem::{offset_of, size_of};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

/// All fields that stat(2) has.
pub(crate) const STATX_BASIC_STATS: u32 = 0x07ff;
/// The length of the file.
pub(crate) const STATX_SIZE: u32 = 0x0200;
/// The number of the mount on which the file was found. Linux 5.8 or later.
pub(crate) const STATX_MNT_ID: u32 = 0x1000;
/// The alignment that direct I/O needs. Linux 6.1 or later, and not on every file system.
pub(crate) const STATX_DIOALIGN: u32 = 0x2000;

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct statx_timestamp {
    pub(crate) tv_sec: i64,
    pub(crate) tv_nsec: u32,
    reserved: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct statx {
    /// Which fields the kernel has filled in.
    pub(crate) stx_mask: u32,
    pub(crate) stx_blksize: u32,
    pub(crate) stx_attributes: u64,
    pub(crate) stx_nlink: u32,
    pub(crate) stx_uid: u32,
    pub(crate) stx_gid: u32,
    pub(crate) stx_mode: u16,
    spare0: u16,
    pub(crate) stx_ino: u64,
    pub(crate) stx_size: u64,
    pub(crate) stx_blocks: u64,
    pub(crate) stx_attributes_mask: u64,
    pub(crate) stx_atime: statx_timestamp,
    pub(crate) stx_btime: statx_timestamp,
    pub(crate) stx_ctime: statx_timestamp,
    pub(crate) stx_mtime: statx_timestamp,
    pub(crate) stx_rdev_major: u32,
    pub(crate) stx_rdev_minor: u32,
    pub(crate) stx_dev_major: u32,
    pub(crate) stx_dev_minor: u32,
    pub(crate) stx_mnt_id: u64,
    pub(crate) stx_dio_mem_align: u32,
    pub(crate) stx_dio_offset_align: u32,
    spare3: [u64; 12],
}

const _: () = {
    assert!(size_of::<statx_timestamp>() == 16);
    // The size is part of the interface: later kernels only give spare fields a meaning.
    assert!(size_of::<statx>() == 256);
    assert!(offset_of!(statx, stx_nlink) == 0x10);
    assert!(offset_of!(statx, stx_mode) == 0x1c);
    assert!(offset_of!(statx, stx_ino) == 0x20);
    assert!(offset_of!(statx, stx_size) == 0x28);
    assert!(offset_of!(statx, stx_atime) == 0x40);
    assert!(offset_of!(statx, stx_mtime) == 0x70);
    assert!(offset_of!(statx, stx_dev_major) == 0x88);
    assert!(offset_of!(statx, stx_mnt_id) == 0x90);
    assert!(offset_of!(statx, stx_dio_mem_align) == 0x98);
    assert!(offset_of!(statx, stx_dio_offset_align) == 0x9c);
};

/// Asks for the fields in `mask` of an open file. With the flag `AT_STATX_DONT_SYNC`, a file system
/// that would have to ask its server answers with the values that it has, where it has any.
pub(crate) fn statx(fd: BorrowedFd<'_>, flags: c_int, mask: u32) -> io::Result<statx> {
    statx_in(fd, c"", flags | libc::AT_EMPTY_PATH, mask)
}

/// Asks for the fields in `mask` of the file that has a name in an open directory.
pub(crate) fn statx_in(
    directory: BorrowedFd<'_>,
    name: &CStr,
    flags: c_int,
    mask: u32,
) -> io::Result<statx> {
    let mut status = statx::default();
    // SAFETY: the kernel reads a path, which ends with a zero. It writes one `statx` through the
    // last pointer, which is to a live local of that size; any bit pattern is a valid `statx`. The
    // descriptor is open.
    let ret = unsafe {
        libc::syscall(
            libc::SYS_statx,
            c_long::from(directory.as_raw_fd()),
            name.as_ptr(),
            c_long::from(flags),
            mask as c_long,
            ptr::from_mut(&mut status),
        )
    };
    if ret == 0 { Ok(status) } else { Err(io::Error::last_os_error()) }
}
