//! The part of a queue that its senders, its permits and its receiver share.

use std::io;

use crate::queue::channel::Channel;
use crate::queue::eventfd::EventFd;
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
