//! The part of a queue that its senders, its permits and its receiver share.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use crate::queue::channel::{Channel, Signal};
use crate::sys::descriptor;
use crate::sys::fork::ForkMark;

/// A forked child doesn't touch the channel: a thread that does not exist there may hold its lock
/// for ever, and the descriptor is the parent's too.
pub(crate) struct QueueShared<T> {
    fork_mark: ForkMark,
    channel: Channel<T, EventFd>,
}

impl<T> QueueShared<T> {
    pub(crate) fn new(capacity: usize) -> io::Result<Self> {
        let channel = Channel::new(capacity, EventFd::new()?);
        Ok(Self { fork_mark: ForkMark::of_this_process(), channel })
    }

    /// `None` in a forked child.
    pub(crate) fn channel(&self) -> Option<&Channel<T, EventFd>> {
        (!self.fork_mark.is_forked()).then_some(&self.channel)
    }

    pub(crate) fn capacity(&self) -> usize {
        self.channel.capacity()
    }

    pub(crate) fn signal(&self) -> &EventFd {
        self.channel.signal()
    }
}

/// The signal of a queue as a descriptor: an eventfd, which is readable while the signal is raised.
pub(super) struct EventFd(File);

impl EventFd {
    fn new() -> io::Result<Self> {
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
