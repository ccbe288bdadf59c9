//! Mounts, and whether their files can be opened without waiting.
//!
//! That a name can be found in memory says nothing of opening the file: one on a network, or served by a
//! process (FUSE), is opened by asking somebody, who may be long in answering. Such files are left
//! to the blocking threads. To ask the file system what it is would mean to wait for it too
//! (statfs(2)); so the kernel is asked, which knows what it has mounted.

use std::fs;
use std::os::fd::BorrowedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::sys::statx::{STATX_MNT_ID, statx_without_sync};

/// File systems that open files by themselves: on a device, or in memory. What is behind an overlay
/// may be another's, but hardly ever is.
const AT_ONCE: [&str; 22] = [
    "bcachefs",
    "btrfs",
    "devtmpfs",
    "erofs",
    "exfat",
    "ext2",
    "ext3",
    "ext4",
    "f2fs",
    "hugetlbfs",
    "iso9660",
    "ntfs3",
    "overlay",
    "proc",
    "ramfs",
    "squashfs",
    "sysfs",
    "tmpfs",
    "udf",
    "vfat",
    "xfs",
    "zfs",
];

/// A mount, by its number and its device: the numbers are used again.
type Key = (u64, u32, u32);

/// The mounts that were met, and whether their files can be opened without waiting. There are few.
pub(crate) struct Mounts {
    known: Mutex<Vec<(Key, bool)>>,
}

impl Mounts {
    pub(crate) fn new() -> Self {
        Self { known: Mutex::new(Vec::new()) }
    }

    /// Whether a file can be opened without waiting, of which this is the place. False if that can't
    /// be told. Doesn't wait.
    pub(crate) fn opens_at_once(&self, place: BorrowedFd<'_>) -> bool {
        let Ok(status) = statx_without_sync(place, STATX_MNT_ID) else { return false };
        if status.stx_mask & STATX_MNT_ID == 0 {
            return false;
        }
        let key = (status.stx_mnt_id, status.stx_dev_major, status.stx_dev_minor);
        let known = |(mount, _): &&(Key, bool)| *mount == key;
        if let Some(&(_, at_once)) = self.lock().iter().find(known) {
            return at_once;
        }
        let mounted = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let at_once = file_system(&mounted, key.0).is_some_and(|name| AT_ONCE.contains(&name));
        let mut all = self.lock();
        if !all.iter().any(|mount| known(&mount)) {
            all.push((key, at_once));
        }
        at_once
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Key, bool)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The kind of file system that is mounted with this number: proc_pid_mountinfo(5). Bytes that would
/// separate fields are escaped there.
fn file_system(mounted: &str, number: u64) -> Option<&str> {
    let line = mounted
        .lines()
        .find(|line| line.split(' ').next().is_some_and(|first| first.parse() == Ok(number)))?;
    line.split_once(" - ")?.1.split(' ').next()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsFd;

    use super::{Mounts, file_system};

    #[test]
    fn the_kind_is_found_by_the_number_whatever_options_there_are() {
        let mounted = "22 27 0:21 / /proc rw,relatime - proc proc rw\n\
                       36 27 98:0 /a\\040b /mnt rw shared:2 master:1 - ext4 /dev/root rw,errors=continue\n\
                       362 27 0:50 / /net rw - fuse.sshfs host: rw";
        for (number, expected) in [
            (22, Some("proc")),
            (36, Some("ext4")),
            (362, Some("fuse.sshfs")),
            (27, None),
            (3, None),
        ] {
            assert_eq!(file_system(mounted, number), expected, "{number}");
        }
        assert_eq!(file_system("1 2 3:4 no separator", 1), None);
    }

    #[test]
    fn a_mount_is_known_from_its_first_file_on() {
        let mounts = Mounts::new();
        let proc = File::open("/proc/version").unwrap();
        for _ in 0..2 {
            assert!(mounts.opens_at_once(proc.as_fd()));
        }
        assert_eq!(mounts.lock().len(), 1);
        // A pipe is on a mount of the kernel's own, which is not listed.
        let (reader, _writer) = std::io::pipe().unwrap();
        assert!(!mounts.opens_at_once(reader.as_fd()));
    }
}
