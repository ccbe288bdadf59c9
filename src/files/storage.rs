//! File systems on which what the kernel says of direct I/O and of the page cache is not what it
//! seems.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What kind of file system a file is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    /// It means what it says.
    Plain,
    /// All is in the page cache, for good. tmpfs takes `O_DIRECT` since Linux 6.6, and ignores it.
    Memory,
    /// Files of another are behind it, and the page cache is theirs: cachestat(2) sees nothing.
    Stacked,
}

/// The kinds of the devices that were met. There are few.
pub(crate) struct Devices {
    known: Mutex<Vec<(u64, Storage)>>,
}

impl Devices {
    pub(crate) fn new() -> Self {
        Self { known: Mutex::new(Vec::new()) }
    }

    /// The kind of what a file is on, which is asked for once a device.
    pub(crate) fn storage(&self, device: u64, file: BorrowedFd<'_>) -> Storage {
        let known = |(number, _): &&(u64, Storage)| *number == device;
        if let Some(&(_, storage)) = self.lock().iter().find(known) {
            return storage;
        }
        // Without the lock, as a file system on a network may be long in answering.
        let storage = ask(file);
        let mut all = self.lock();
        if !all.iter().any(|kind| known(&kind)) {
            all.push((device, storage));
        }
        storage
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(u64, Storage)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// By the magic numbers of `linux/magic.h`.
#[expect(unsafe_code, reason = "asks the system about a file system")]
fn ask(file: BorrowedFd<'_>) -> Storage {
    // SAFETY: all of it are integers, for which zero is a value.
    let mut status: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes one `statfs` through the pointer, which is to a live local.
    if unsafe { libc::fstatfs(file.as_raw_fd(), &raw mut status) } != 0 {
        return Storage::Plain;
    }
    match status.f_type {
        libc::TMPFS_MAGIC | 0x8584_58f6 /* ramfs */ | libc::HUGETLBFS_MAGIC => Storage::Memory,
        libc::OVERLAYFS_SUPER_MAGIC => Storage::Stacked,
        _ => Storage::Plain,
    }
}
