//! An iterator over the values that a queue has.

use std::fmt;

use crate::queue::channel::Channel;
use crate::queue::eventfd::EventFd;

/// Takes values out of a [`CompletionQueue`](crate::CompletionQueue): see
/// [`drain`](crate::CompletionQueue::drain).
pub struct QueueDrain<'a, T> {
    /// `None` in a forked child, and once the queue was found empty.
    channel: Option<&'a Channel<T, EventFd>>,
    /// How many values it may still take.
    left: usize,
}

impl<'a, T> QueueDrain<'a, T> {
    pub(super) fn new(channel: Option<&'a Channel<T, EventFd>>, most: usize) -> Self {
        Self { channel, left: most }
    }
}

impl<T> Iterator for QueueDrain<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.left = self.left.checked_sub(1)?;
        let value = self.channel?.try_recv();
        if value.is_err() {
            self.channel = None;
        }
        value.ok()
    }
}

impl<T> Drop for QueueDrain<'_, T> {
    fn drop(&mut self) {
        if let Some(channel) = self.channel {
            channel.stop_early();
        }
    }
}

impl<T> fmt::Debug for QueueDrain<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueDrain").field("left", &self.left).finish_non_exhaustive()
    }
}
