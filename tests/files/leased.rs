//! A file on which somebody has a lease is waited for, and read when that has been given up.

#![expect(unsafe_code, reason = "takes leases")]

use std::fs::File;
use std::os::fd::AsRawFd;

use crate::support::files::{POLICIES, copied, dispatcher, modest, only, pattern, patterned};
use crate::support::{eventually, scratch};

/// `linux/fcntl.h`; the same on all architectures.
const F_SETSIG: i32 = 10;

/// fcntl(2) with a number, which it returns too.
fn fcntl(file: &File, command: i32, argument: i32) -> i32 {
    // SAFETY: none of the commands here takes a pointer, and the descriptor is open.
    unsafe { libc::fcntl(file.as_raw_fd(), command, argument) }
}

#[test]
fn a_lease_is_waited_for() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let path = patterned(directory.path(), "file", 1, 5000);
    for policy in POLICIES {
        let holder = File::options().read(true).write(true).open(&path).unwrap();
        // By this signal the kernel asks for it, which otherwise would end the process.
        assert_eq!(fcntl(&holder, F_SETSIG, libc::SIGURG), 0);
        eventually("nobody else has it open", || {
            fcntl(&holder, libc::F_SETLEASE, libc::F_WRLCK) == 0
        });
        let files = modest(&dispatcher).policy(policy).build().unwrap();
        let run = copied(&files, [path.clone()]);
        eventually("it is asked for", || fcntl(&holder, libc::F_GETLEASE, 0) != libc::F_WRLCK);
        assert_eq!(fcntl(&holder, libc::F_SETLEASE, libc::F_UNLCK), 0);
        assert_eq!(only(run).unwrap().value, pattern(1, 5000), "{policy:?}");
    }
}
