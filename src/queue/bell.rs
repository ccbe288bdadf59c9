//! An eventfd as the signal of a queue: readable while it is raised.
//!
//! Safety: one system call, for a descriptor that this file makes.

#![expect(unsafe_code, reason = "makes an eventfd")]

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};

use super::channel::Signal;

pub(crate) struct Bell(File);

impl Bell {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: no pointers are passed; the result is checked before use.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is fresh from the kernel and nobody else knows it.
        Ok(Self(File::from(unsafe { OwnedFd::from_raw_fd(fd) })))
    }
}

impl Signal for Bell {
    /// Each write is an edge for those who wait for such (eventfd_write in the kernel's
    /// `fs/eventfd.c` wakes them whatever the counter was).
    fn raise(&self) {
        // Fails only if the counter is full, and so readable: eventfd(2).
        let _ = (&self.0).write(&1_u64.to_ne_bytes());
    }

    fn lower(&self) {
        // Fails only if the counter is 0 already, because somebody else has read it.
        let _ = (&self.0).read(&mut [0; 8]);
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
