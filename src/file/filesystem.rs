//! File systems: whether their files can be opened without waiting, and how far the kernel can be
//! believed that says something about their files.

use std::fs;
use std::os::fd::{AsRawFd, BorrowedFd};

use crate::sync::{Mutex, lock};
use crate::sys::statx::{STATX_MNT_ID, statx};

/// How far to believe what the kernel says of a file's direct I/O and page cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Storage {
    #[default]
    Plain,
    /// All of it is in the page cache, for good. tmpfs takes `O_DIRECT` since Linux 6.6, and
    /// ignores it.
    Memory,
    /// The files of another file system are behind it and have the pages: cachestat(2) sees none.
    Stacked,
}

/// A mount, by its number and its device: numbers are reused.
type Mount = (u64, u32, u32);

/// The file systems that were met, so that the system is asked once for each.
#[derive(Default)]
pub(crate) struct FileSystems {
    opens_at_once: Memo<Mount, bool>,
    storage: Memo<u64, Storage>,
}

impl FileSystems {
    /// Whether a file can be opened without waiting whose place is open here as `place`. False if
    /// that can't be told. Doesn't wait.
    ///
    /// That a path can be resolved in memory says nothing about opening the file: a file system on
    /// a network, or one served by a process (FUSE), asks somebody else, who may be long in
    /// answering. Such files are left to the blocking threads. Asking the file system for its kind
    /// (statfs(2)) could wait for the same somebody. So the kernel's own list of mounts is read
    /// instead.
    pub(crate) fn opens_at_once(&self, place: BorrowedFd<'_>) -> bool {
        let Ok(status) = statx(place, libc::AT_STATX_DONT_SYNC, STATX_MNT_ID) else { return false };
        if status.stx_mask & STATX_MNT_ID == 0 {
            return false;
        }
        let number = status.stx_mnt_id;
        let mount = (number, status.stx_dev_major, status.stx_dev_minor);
        let known = self.opens_at_once.get(mount, || {
            // Names of directories there need not be text.
            let mounted = fs::read("/proc/self/mountinfo").ok()?;
            let mounted = String::from_utf8_lossy(&mounted);
            let kind = kind_of_mount(&mounted, number);
            Some(kind.is_some_and(kind_opens_at_once))
        });
        known.unwrap_or(false)
    }

    /// The storage that a file of this device is on.
    pub(crate) fn storage(&self, device: u64, file: BorrowedFd<'_>) -> Storage {
        self.storage.get(device, || ask_storage(file)).unwrap_or_default()
    }
}

/// Answers, by the subject of the question. There are few, so they are searched one after the
/// other.
#[derive(Default)]
struct Memo<K, V>(Mutex<Vec<(K, V)>>);

impl<K: Copy + PartialEq, V: Copy> Memo<K, V> {
    /// Asks without the lock, as a file system on a network may be long in answering. If there is
    /// no answer, which may be for want of a descriptor at that moment, it asks again next time.
    fn get(&self, key: K, ask: impl FnOnce() -> Option<V>) -> Option<V> {
        let known = |(other, _): &&(K, V)| *other == key;
        if let Some(&(_, value)) = lock(&self.0).iter().find(known) {
            return Some(value);
        }
        let value = ask()?;
        let mut all = lock(&self.0);
        if !all.iter().any(|entry| known(&entry)) {
            all.push((key, value));
        }
        Some(value)
    }
}

/// File systems that open files by themselves: on a device, or in memory. The files behind an
/// overlay may be on another kind, but hardly ever are.
fn kind_opens_at_once(kind: &str) -> bool {
    let kinds = "bcachefs btrfs devtmpfs erofs exfat ext2 ext3 ext4 f2fs hugetlbfs iso9660 ntfs3 \
                 overlay proc ramfs squashfs sysfs tmpfs udf vfat xfs zfs";
    kinds.split(' ').any(|known| known == kind)
}

/// The kind of file system that is mounted with this number: proc_pid_mountinfo(5). Bytes that
/// would separate fields are escaped there.
fn kind_of_mount(mounted: &str, number: u64) -> Option<&str> {
    let line = mounted
        .lines()
        .find(|line| line.split(' ').next().is_some_and(|first| first.parse() == Ok(number)))?;
    line.split_once(" - ")?.1.split(' ').next()
}

/// By the magic numbers of `linux/magic.h`. They have 32 bits each, and libc's constants for them
/// are of types that differ with the target, as is the field that they are compared with. `None` if
/// the system does not tell.
#[expect(unsafe_code, reason = "asks the system about a file system")]
pub(crate) fn ask_storage(file: BorrowedFd<'_>) -> Option<Storage> {
    const TMPFS: u32 = 0x0102_1994;
    const RAMFS: u32 = 0x8584_58f6;
    const HUGETLBFS: u32 = 0x9584_58f6;
    const OVERLAYFS: u32 = 0x794c_7630;
    // SAFETY: all its fields are integers, for which zero is a value.
    let mut status: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes one `statfs` through the pointer, which is to a live local.
    if unsafe { libc::fstatfs(file.as_raw_fd(), &raw mut status) } != 0 {
        return None;
    }
    Some(match status.f_type as u32 {
        TMPFS | RAMFS | HUGETLBFS => Storage::Memory,
        OVERLAYFS => Storage::Stacked,
        _ => Storage::Plain,
    })
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsFd;

    use super::{FileSystems, Memo, kind_of_mount};

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
            assert_eq!(kind_of_mount(mounted, number), expected, "{number}");
        }
        assert_eq!(kind_of_mount("1 2 3:4 no separator", 1), None);
    }

    #[test]
    fn it_is_asked_again_until_there_is_an_answer() {
        let memo = Memo::default();
        assert_eq!(memo.get(1, || None), None, "no descriptor was left to ask with");
        assert_eq!(memo.get(1, || Some(true)), Some(true));
        assert_eq!(memo.get(1, || unreachable!("it is known")), Some(true));
    }

    #[test]
    fn a_mount_is_known_from_its_first_file_on() {
        let file_systems = FileSystems::default();
        let proc = File::open("/proc/version").unwrap();
        for _ in 0..2 {
            assert!(file_systems.opens_at_once(proc.as_fd()));
        }
        assert_eq!(file_systems.opens_at_once.0.lock().unwrap().len(), 1);
        // A pipe is on a mount of the kernel's own, which is not listed.
        let (reader, _writer) = std::io::pipe().unwrap();
        assert!(!file_systems.opens_at_once(reader.as_fd()));
    }
}
