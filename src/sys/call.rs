//! Values that many system calls have in common: error numbers, return values and durations.

use std::ffi::{c_int, c_long};
use std::io;
use std::time::Duration;

/// A raw error number, taken from `errno` before anything else could change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) c_int);

impl Errno {
    /// The error of the calling thread's last system call, which failed.
    pub(crate) fn last() -> Self {
        Self::of(io::Error::last_os_error())
    }

    /// The number in an error that a system call returned.
    pub(crate) fn of(error: io::Error) -> Self {
        Self(error.raw_os_error().unwrap_or(libc::EIO))
    }
}

/// The result of a system call made through `libc::syscall`. At -1 `errno` has the reason.
pub(crate) fn checked(ret: c_long) -> Result<usize, Errno> {
    usize::try_from(ret).map_err(|_| Errno::last())
}

/// A duration as libc's functions take it.
pub(crate) fn timespec(duration: Duration) -> libc::timespec {
    /// Nobody waits for longer: 68 years. The type of the field differs with the target, and some
    /// have only 32 bits for it.
    const MOST: u64 = i32::MAX as u64;
    libc::timespec {
        tv_sec: duration.as_secs().min(MOST) as _,
        tv_nsec: duration.subsec_nanos() as _,
    }
}
