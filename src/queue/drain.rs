//! A walk through the values that there are.

use std::fmt;

use super::bell::Bell;
use super::channel::Channel;

/// Takes values out of a [`CompletionQueue`](super::CompletionQueue): see
/// [`drain`](super::CompletionQueue::drain).
pub struct QueueDrain<'a, T> {
    /// `None` in a forked child, and after the queue was found empty.
    channel: Option<&'a Channel<T, Bell>>,
    /// How many it may take yet.
    left: usize,
}

impl<'a, T> QueueDrain<'a, T> {
    pub(super) fn new(channel: Option<&'a Channel<T, Bell>>, most: usize) -> Self {
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
