//! An eventfd as the signal of a queue: readable while it is raised.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use super::channel::Signal;
use crate::sys::descriptor;

pub(crate) struct Bell(File);

impl Bell {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(File::from(descriptor::eventfd(0, libc::EFD_NONBLOCK)?)))
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
