//! Opening files on a file system without direct I/O.
//!
//! Linux creates a file before it finds out that it can't be open with `O_DIRECT`.

#![expect(unsafe_code, reason = "gives up root's rights on files, of one thread")]

use std::fs::{self, File, Permissions};
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::thread;

use reapool::{FileHandle, IoWay, Job, OpenOptions};

use crate::support::device::Mount;
use crate::support::{self, contents, known_file, skipped};

fn creating(way: IoWay) -> OpenOptions {
    let mut options = FileHandle::options();
    options.read(true).write(true).create_new(true).way(way);
    options
}

fn is_writable(file: &FileHandle) -> bool {
    let jobs = support::builder().depth(4).workers(1).build().unwrap();
    let job = Job::write(file, contents(0..10), 0, |done| done.result.is_ok());
    jobs.spawn(job).unwrap().join().unwrap()
}

#[test]
fn a_new_file_is_created_once_and_buffered() {
    let Some(mount) = Mount::ramfs() else { return };
    let path = mount.path().join("new");
    for way in [IoWay::Buffered, IoWay::DirectOrBuffered, IoWay::Automatic] {
        let file = creating(way).open(&path).unwrap();
        assert!(!file.is_direct() && file.is_buffered() && !file.is_automatic(), "{way:?}");
        assert!(is_writable(&file));
        let error = creating(way).open(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists, "what is there is another's");
        assert_eq!(fs::read(&path).unwrap(), contents(0..10));
        fs::remove_file(&path).unwrap();
    }
    // Where it would be created is nobody's business but the link's owner's.
    symlink("elsewhere", &path).unwrap();
    let error = creating(IoWay::DirectOrBuffered).open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert!(!mount.path().join("elsewhere").exists());
}

#[test]
fn a_file_is_truncated_only_if_it_is_opened() {
    let Some(mount) = Mount::ramfs() else { return };
    let path = known_file(mount.path(), "known", 10);
    for create in [false, true] {
        fs::write(&path, contents(0..10)).unwrap();
        let mut options = FileHandle::options();
        options.write(true).truncate(true).create(create).way(IoWay::Direct);
        let error = options.open(&path).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
        assert!(error.to_string().contains("may have no direct I/O"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), contents(0..10));

        options.truncate(false).way(IoWay::DirectOrBuffered).open(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), contents(0..10));
        let file = options.truncate(true).open(&path).unwrap();
        assert!(!file.is_direct() && fs::read(&path).unwrap().is_empty());
    }
}

/// Whether a thread without root's rights on files may do this.
fn as_nobody(act: impl FnOnce() -> bool + Send) -> bool {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // SAFETY: no pointers are passed. It concerns the calling thread alone.
            unsafe { libc::setfsuid(65534) };
            act()
        });
        thread.join().unwrap()
    })
}

#[test]
fn its_permissions_may_forbid_to_open_it_again() {
    let Some(mount) = Mount::ramfs() else { return };
    fs::set_permissions(mount.path(), Permissions::from_mode(0o777)).unwrap();
    // The way to the mount may be closed to others.
    let directory = File::open(mount.path()).unwrap();
    let path = |name: &str| format!("/proc/self/fd/{}/{name}", directory.as_raw_fd());
    File::create(path("roots")).unwrap().set_permissions(Permissions::from_mode(0o000)).unwrap();
    if as_nobody(|| File::open(path("roots")).is_ok()) {
        return skipped("files without permission: rights can't be given up");
    }
    for create_new in [false, true] {
        let name = if create_new { "new" } else { "created" };
        let mut options = FileHandle::options();
        options.write(true).create(true).create_new(create_new).mode(0o400);
        options.way(IoWay::DirectOrBuffered);
        let opened = as_nobody(|| options.open(path(name)).is_ok_and(|file| is_writable(&file)));
        assert!(opened, "{name}");
    }
}
