//! A handle knows what kind of file it has, how large that is, and what it has to be aligned to.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use reapool::{AlignedBuf, Alignment, FileHandle, FileKind, Job};

use crate::support::device::{Loop, Mount};
use crate::support::{
    self, Tended, bad_file, completion_of, contents, eventfd, known_file, null, open_buffered,
    open_direct, scratch,
};

const MIB: u64 = 1 << 20;

fn multiples(alignment: Alignment) -> (usize, u64) {
    (alignment.memory, alignment.offset)
}

#[test]
fn every_kind_is_told_apart() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", 10);
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let itself =
        OpenOptions::new().read(true).custom_flags(libc::O_PATH | libc::O_NOFOLLOW).clone();
    let (reader, _writer) = io::pipe().unwrap();
    let (socket, _peer) = UnixStream::pair().unwrap();
    for (file, kind) in [
        (open_buffered(&path), FileKind::Regular),
        (FileHandle::from(Arc::new(File::open(&path).unwrap())), FileKind::Regular),
        (FileHandle::open_buffered(&link).unwrap(), FileKind::Regular),
        (FileHandle::from(itself.open(&link).unwrap()), FileKind::Symlink),
        (FileHandle::open_buffered(directory.path()).unwrap(), FileKind::Directory),
        (bad_file(), FileKind::Directory),
        (null(), FileKind::CharDevice),
        (FileHandle::from(OwnedFd::from(reader)), FileKind::Fifo),
        (FileHandle::from(OwnedFd::from(socket)), FileKind::Socket),
        (FileHandle::from(&eventfd()), FileKind::Other),
    ] {
        assert_eq!(file.kind(), kind, "{file:?}");
        assert_eq!(file.metadata().unwrap().kind, kind, "{file:?}");
        assert_eq!((file.is_direct(), multiples(file.alignment())), (false, (1, 1)));
    }
}

#[test]
fn metadata_is_what_the_standard_library_says() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", 12_345);
    fs::hard_link(&path, directory.path().join("other")).unwrap();
    let (file, expected) = (open_buffered(&path), fs::metadata(&path).unwrap());
    let metadata = file.metadata().unwrap();
    assert_eq!((metadata.size, file.size().unwrap()), (12_345, 12_345));
    assert_eq!(metadata.mode, expected.mode() & 0o7777);
    assert_eq!((metadata.uid, metadata.gid), (expected.uid(), expected.gid()));
    assert_eq!((metadata.device, metadata.inode), (expected.dev(), expected.ino()));
    assert_eq!(metadata.links, 2);
    assert_eq!(metadata.modified, expected.modified().unwrap());
    assert_eq!(metadata.accessed, expected.accessed().unwrap());

    OpenOptions::new().write(true).open(&path).unwrap().set_len(5 << 30).unwrap();
    assert_eq!(file.size().unwrap(), 5 << 30, "asked for now");
}

/// Whether aligned reads work as the handle says, and reads that keep to half of it don't, and say
/// what they would need.
fn check_alignment(file: &FileHandle) {
    let dispatcher = Tended::new(support::builder().depth(4).workers(1));
    let (memory, offset) = multiples(file.alignment());
    let read = |at: u64, len: u64| {
        let buffer = AlignedBuf::with_alignment(len as usize, memory);
        completion_of(&dispatcher.submitter(), |callback| Job::read(file, buffer, at, callback))
            .into_success()
            .map(|(count, _)| count)
    };
    assert_eq!(read(offset, offset).unwrap() as u64, offset);
    let remedy = format!("multiples of {offset}, and the buffer's address of {memory})");
    for (at, len) in [(offset / 2, offset), (0, offset / 2)] {
        let error = read(at, len).unwrap_err();
        assert_eq!(error.source.raw_os_error(), Some(libc::EINVAL));
        assert!(error.to_string().ends_with(&remedy), "{error}");
    }
}

#[test]
fn a_direct_file_knows_its_alignment() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", 64 << 10);
    let Some(file) = open_direct(&path) else { return };
    assert!(file.is_direct() && file.alignment().offset >= 512);
    check_alignment(&file);
    let opened = FileHandle::open_direct(&path).unwrap();
    assert_eq!(opened.alignment(), file.alignment());
    assert_eq!(opened.kind(), FileKind::Regular);
}

#[test]
fn block_devices_know_their_sectors_and_their_capacity() {
    for sector in [512, 4096] {
        let Some(device) = Loop::new(3 * MIB, sector) else { return };
        let direct = FileHandle::open_direct(device.path()).unwrap();
        assert_eq!(direct.kind(), FileKind::BlockDevice);
        assert_eq!(direct.alignment().offset, u64::from(sector));
        check_alignment(&direct);
        let buffered = FileHandle::open_buffered(device.path()).unwrap();
        assert!(buffered.is_buffered() && multiples(buffered.alignment()) == (1, 1));
        for file in [direct, buffered] {
            assert_eq!(file.size().unwrap(), 3 * MIB);
            assert_eq!(file.metadata().unwrap().size, 0, "what stat(2) says of devices");
        }
    }
}

#[test]
fn a_file_system_on_large_sectors_wants_them_too() {
    let Some(device) = Loop::new(8 * MIB, 4096) else { return };
    let Some(mount) = device.format("defaults") else { return };
    let path = known_file(mount.path(), "known", 64 << 10);
    let file = FileHandle::open_direct(path).unwrap();
    assert_eq!(file.alignment().offset, 4096);
    check_alignment(&file);
}

#[test]
fn what_is_direct_in_name_only_counts_as_buffered() {
    let Some(device) = Loop::new(16 * MIB, 512) else { return };
    // For journalled data ext4 has no direct I/O, but takes the flag.
    let Some(mount) = device.format("data=journal") else { return };
    let path = known_file(mount.path(), "known", 8192);
    let file = FileHandle::open_direct(&path).unwrap();
    assert!(file.is_direct() && file.is_buffered());
    let dispatcher = Tended::new(support::builder().depth(4).workers(1));
    let buffer = AlignedBuf::zeroed(4096);
    let done =
        completion_of(&dispatcher.submitter(), |callback| Job::read(&file, buffer, 4096, callback));
    assert_eq!(done.data(), contents(4096..8192));
    assert_eq!(dispatcher.stats().buffered, 1);
}

#[test]
fn a_file_in_memory_can_be_opened_one_way_or_the_other() {
    // Since Linux 6.6 with the flag, though what it says of alignment is nothing.
    let Some(mount) = Mount::tmpfs(MIB) else { return };
    let path = known_file(mount.path(), "known", 1000);
    let file = FileHandle::open_direct_or_buffered(&path).unwrap();
    assert_eq!(multiples(file.alignment()), if file.is_direct() { (4096, 4096) } else { (1, 1) });
    let dispatcher = Tended::new(support::builder().depth(4).workers(1));
    let buffer = AlignedBuf::zeroed(4096);
    let done =
        completion_of(&dispatcher.submitter(), |callback| Job::read(&file, buffer, 0, callback));
    assert_eq!(done.data(), contents(0..1000));
}

#[test]
fn opening_falls_back_only_where_direct_io_is_refused() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", 10);
    // Files that the kernel makes up have no direct I/O.
    let refused = FileHandle::open_direct("/proc/version").unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(libc::EINVAL));
    assert!(refused.to_string().contains("/proc/version"), "{refused}");
    let file = FileHandle::open_direct_or_buffered("/proc/version").unwrap();
    assert!(!file.is_direct() && file.is_buffered());
    let dispatcher = Tended::new(support::builder().depth(4).workers(1));
    let done = completion_of(&dispatcher.submitter(), |callback| {
        Job::read(&file, vec![0; 5], 0, callback)
    });
    assert_eq!(done.data(), b"Linux");

    let missing = FileHandle::open_direct_or_buffered(directory.path().join("missing"));
    assert_eq!(missing.unwrap_err().kind(), io::ErrorKind::NotFound);
    if open_direct(&path).is_some() {
        assert!(FileHandle::open_direct_or_buffered(&path).unwrap().is_direct());
    }
    assert!(!FileHandle::open_buffered(&path).unwrap().is_direct());
}
