//! Processes of their own: forked ones, and those that change what all threads of one share.

#![expect(unsafe_code, reason = "forks, mounts, limits, and has system calls fail or kill")]

use std::ffi::{CStr, CString};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::errors::assert_refused;
use super::{begin, filled, is_root, mode, names, scratch, set_mode, system_error, write};
use crate::file::durability::Durability::{Cached, Synced};
use crate::file::options::OpenOptions;

/// What a forked child ended with that did this.
fn in_child(action: impl FnOnce() -> bool) -> i32 {
    // SAFETY: the child calls the kernel, allocates, which the C library allows, and ends.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        let holds = catch_unwind(AssertUnwindSafe(action)).unwrap_or(false);
        // SAFETY: ends the process without running anything of it.
        unsafe { libc::_exit(i32::from(!holds)) };
    }
    let mut status = 0;
    // SAFETY: the kernel writes the status through the pointer, which is to a live local.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    status
}

/// Mounts a file system in memory, which this process alone sees.
fn mount(directory: &Path, flags: libc::c_ulong, options: &CStr) -> bool {
    let call = |path: &CStr, kind: &CStr, flags, options: &CStr| {
        let (path, kind, options) = (path.as_ptr(), kind.as_ptr(), options.as_ptr());
        // SAFETY: all strings end with a zero byte, and the kernel reads them.
        unsafe { libc::mount(c"none".as_ptr(), path, kind, flags, options.cast()) == 0 }
    };
    // SAFETY: a system call without pointers.
    let is_alone = unsafe { libc::unshare(libc::CLONE_NEWNS) == 0 };
    let path = CString::new(directory.as_os_str().as_bytes()).unwrap();
    is_alone
        && call(c"/", c"none", libc::MS_PRIVATE | libc::MS_REC, c"")
        && call(&path, c"tmpfs", flags, options)
}

#[test]
fn file_systems_without_room_or_only_for_reading_are_errors_of_beginning() {
    if !is_root() {
        return; // Others can't mount.
    }
    let (directory, target) = scratch();
    for (flags, options, errno) in
        [(libc::MS_RDONLY, c"", libc::EROFS), (0, c"nr_inodes=1", libc::ENOSPC)]
    {
        let status = in_child(|| {
            if mount(directory.path(), flags, options) {
                assert_refused(&target, errno, "about a temporary file");
                assert_eq!(names(&directory), [""; 0]);
            }
            true
        });
        assert_eq!(status, 0);
    }
}

#[test]
fn a_forked_child_has_no_part_in_it() {
    let (directory, target) = scratch();
    for durability in [Cached, Synced] {
        fs::write(&target, "old").unwrap();
        let count = 1 + usize::from(durability == Synced);
        let mut replacement = Some(filled(&target, "new", durability));
        let dropped = in_child(|| {
            drop(replacement.take());
            names(&directory).len() == count
        });
        assert_eq!(dropped, 0);
        let committed = in_child(|| {
            let error = replacement.take().unwrap().commit().unwrap_err();
            error.kind() == io::ErrorKind::Unsupported && names(&directory).len() == count
        });
        assert_eq!(committed, 0);
        assert_eq!(fs::read(&target).unwrap(), b"old");
        replacement.take().unwrap().commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(names(&directory), ["file"]);
    }
}

/// A process of its own, as the current directory and the limit are its.
#[test]
fn the_process_may_change_its_directory_and_have_no_descriptor_left() {
    let (directory, _) = scratch();
    let other = directory.path().join("other");
    fs::create_dir(&other).unwrap();
    let status = in_child(|| {
        std::env::set_current_dir(directory.path()).unwrap();
        let replacement = filled(Path::new("file"), "new", Synced);
        let unnamed = filled(Path::new("unnamed"), "new", Cached);
        let dropped = filled(Path::new("./dropped"), "new", Synced);
        std::env::set_current_dir(&other).unwrap();
        replacement.commit().unwrap();
        let removed = filled(Path::new("removed"), "new", Synced);
        // Whoever has no descriptor left can neither begin, nor sync, but clean up.
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the kernel writes the structure, which is a live local.
        assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) }, 0);
        limit.rlim_cur = 8;
        // SAFETY: the kernel reads the structure.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
        let mut taken: Vec<OwnedFd> = Vec::new();
        while let Ok(fd) = dropped.file.as_fd().try_clone_to_owned() {
            taken.push(fd);
        }
        let refused = begin(Path::new("file"), &OpenOptions::new(), Cached).err();
        let refused = refused.and_then(|error| error.raw_os_error());
        let unsynced = removed.commit().unwrap_err();
        unnamed.commit().unwrap();
        drop(dropped);
        refused == Some(libc::EMFILE) && system_error(&unsynced) == Some(libc::EMFILE)
    });
    assert_eq!(status, 0);
    assert_eq!(names(&directory), ["file", "other", "unnamed"]);
    assert_eq!(names(&other), [""; 0]);
}

/// From now on, this system call about this descriptor ends so in this process.
fn intercept(call: libc::c_long, fd: RawFd, end: u32) {
    /// The number of the system call and its first argument, in `seccomp_data`. The argument is a
    /// descriptor, so it is in the low half.
    const CALL: u32 = 0;
    const ARGUMENT: u32 = if cfg!(target_endian = "little") { 16 } else { 20 };
    let instruction = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let load = |offset| instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset);
    let unless = |value, skip| instruction(libc::BPF_JMP | libc::BPF_JEQ, 0, skip, value);
    let answer = |value| instruction(libc::BPF_RET, 0, 0, value);
    let mut filter = [
        load(CALL),
        unless(u32::try_from(call).unwrap(), 3),
        load(ARGUMENT),
        unless(fd.cast_unsigned(), 1),
        answer(end),
        answer(libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: a system call without pointers.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
    let mode = libc::SECCOMP_MODE_FILTER;
    // SAFETY: the kernel reads the program behind the pointer, and its instructions, all live.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) }, 0);
}

/// As after a device has lost data.
fn fail() -> u32 {
    libc::SECCOMP_RET_ERRNO | libc::EIO.cast_unsigned()
}

/// The numbers that the next two descriptors have, the lowest that are free.
fn next_descriptors() -> [RawFd; 2] {
    ["/", "/"].map(|path| File::open(path).unwrap()).map(|file| file.as_raw_fd())
}

#[test]
fn a_file_that_is_not_on_the_device_does_not_get_the_name() {
    let (directory, target) = scratch();
    fs::write(&target, "old").unwrap();
    let status = in_child(|| {
        let first = filled(&target, "first", Synced);
        let second = filled(&target, "second", Cached);
        intercept(libc::SYS_fsync, first.file.as_fd().as_raw_fd(), fail());
        let error = first.commit().unwrap_err();
        assert_eq!(system_error(&error), Some(libc::EIO));
        assert!(error.to_string().contains("was not replaced: sync of the new file"), "{error}");
        assert_eq!(fs::read(&target).unwrap(), b"old");
        second.commit().unwrap();
        true
    });
    assert_eq!(status, 0);
    assert_eq!(fs::read(&target).unwrap(), b"second");
    assert_eq!(names(&directory), ["file"]);
}

#[test]
fn a_directory_that_can_not_be_synced_is_an_error_of_a_file_that_has_its_name() {
    let (directory, target) = scratch();
    fs::write(&target, "old").unwrap();
    let status = in_child(|| {
        let replacement = filled(&target, "new", Synced);
        // The directory is the next that is opened.
        intercept(libc::SYS_fsync, next_descriptors()[0], fail());
        let error = replacement.commit().unwrap_err();
        assert_eq!(system_error(&error), Some(libc::EIO));
        assert!(error.to_string().contains("was replaced, but sync of its directory"), "{error}");
        true
    });
    assert_eq!(status, 0);
    assert_eq!(fs::read(&target).unwrap(), b"new");
    assert_eq!(names(&directory), ["file"]);
}

#[test]
fn a_file_that_nothing_is_known_of_is_removed() {
    let (directory, target) = scratch();
    let status = in_child(|| {
        // The directory is opened before it.
        intercept(libc::SYS_statx, next_descriptors()[1], fail());
        assert_refused(&target, libc::EIO, "about a temporary file");
        true
    });
    assert_eq!(status, 0);
    assert_eq!(names(&directory), [""; 0]);
}

/// As Linux before 6.10 refuses processes without a capability.
#[test]
fn a_file_without_a_name_gets_one_by_its_descriptors_path() {
    let (directory, target) = scratch();
    for old in [None, Some("old")] {
        old.inspect(|old| fs::write(&target, old).unwrap());
        let status = in_child(|| {
            let replacement = filled(&target, "new", Cached);
            let refusal = libc::SECCOMP_RET_ERRNO | libc::ENOENT.cast_unsigned();
            intercept(libc::SYS_linkat, replacement.file.as_fd().as_raw_fd(), refusal);
            replacement.commit().is_ok()
        });
        assert_eq!(status, 0);
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(names(&directory), ["file"]);
        fs::remove_file(&target).unwrap();
    }
}

/// As on file systems without links that have files without a name, or in a sandbox.
#[test]
fn where_links_are_refused_a_file_without_a_name_is_copied() {
    let (directory, target) = scratch();
    for errno in [libc::EPERM, libc::ENOSYS, libc::EOPNOTSUPP] {
        for old in [None, Some("old")] {
            old.inspect(|old| fs::write(&target, old).unwrap());
            let status = in_child(|| {
                let options = OpenOptions::new().mode(0o622).clone();
                let (replacement, file) = begin(&target, &options, Cached).unwrap();
                write(&file, "new");
                let refusal = libc::SECCOMP_RET_ERRNO | errno.cast_unsigned();
                intercept(libc::SYS_linkat, file.as_fd().as_raw_fd(), refusal);
                let bits = file.metadata().unwrap().mode;
                let expected = if old.is_some() { mode(&target) } else { bits };
                replacement.commit().unwrap();
                let next = filled(&directory.path().join("next"), "next", Cached);
                // The next one has a temporary name from its beginning.
                names(&directory).len() == 2 && mode(&target) == expected && next.commit().is_ok()
            });
            assert_eq!(status, 0, "{errno}");
            assert_eq!(fs::read(&target).unwrap(), b"new");
            assert_eq!(names(&directory), ["file", "next"]);
            names(&directory).iter().for_each(|name| {
                fs::remove_file(directory.path().join(name)).unwrap();
            });
        }
    }
}

/// The moments that a commit goes through, and the contents that the file has then.
#[test]
fn a_commit_that_is_killed_at_a_system_call_leaves_the_old_file_or_the_new_one() {
    for (durability, call, of_directory, contents, count) in [
        (Cached, libc::SYS_fchmod, false, "old", 2),
        (Cached, libc::SYS_linkat, false, "old", 1),
        (Cached, libc::SYS_renameat, true, "old", 2),
        (Synced, libc::SYS_fchmod, false, "old", 2),
        (Synced, libc::SYS_fsync, false, "old", 2),
        (Synced, libc::SYS_renameat, true, "old", 2),
        (Synced, libc::SYS_fsync, true, "new", 1),
    ] {
        let (directory, target) = scratch();
        fs::write(&target, "old").unwrap();
        set_mode(&target, 0o640);
        let status = in_child(|| {
            let replacement = filled(&target, "new", durability);
            let fd = match (call, of_directory) {
                (libc::SYS_renameat, _) => replacement.temporary.directory().as_raw_fd(),
                (_, true) => next_descriptors()[0],
                (_, false) => replacement.file.as_fd().as_raw_fd(),
            };
            intercept(call, fd, libc::SECCOMP_RET_KILL_PROCESS);
            replacement.commit().is_ok()
        });
        assert!(libc::WIFSIGNALED(status), "{call} was not called");
        assert_eq!(fs::read(&target).unwrap(), contents.as_bytes());
        assert_eq!(names(&directory).len(), count);
        assert_eq!(mode(&target), 0o640);
    }
}
