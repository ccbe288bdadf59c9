//! The signal of a queue as a descriptor: an eventfd, which is readable while the signal is raised.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use crate::queue::channel::Signal;
use crate::sys::descriptor;

pub(crate) struct EventFd(File);

impl EventFd {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(File::from(descriptor::eventfd(0, libc::EFD_NONBLOCK)?)))
    }
}

impl Signal for EventFd {
    /// Each write is an edge for edge-triggered waits: eventfd_write in the kernel's `fs/eventfd.c`
    /// wakes them whatever the counter was.
    fn raise(&self) {
        // Fails only if the counter is full. Then the descriptor is readable anyway: eventfd(2).
        let _ = (&self.0).write(&1_u64.to_ne_bytes());
    }

    fn lower(&self) {
        // Fails only if the counter is 0 already, because other code has read the descriptor.
        let _ = (&self.0).read(&mut [0; 8]);
    }
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
