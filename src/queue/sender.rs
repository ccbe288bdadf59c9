//! The callbacks' end of a queue.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{SendError, TrySendError};

use super::Shared;

/// Sends values to a [`CompletionQueue`](super::CompletionQueue), from any thread. A clone is another
/// sender of the same queue; with the last of them, and of the [places](QueuePlace), the queue is
/// disconnected.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc::TryRecvError;
/// use reapool::CompletionQueue;
///
/// let (sender, queue) = CompletionQueue::bounded(2)?;
/// sender.send("one")?;
/// let place = sender.try_reserve()?;
/// assert!(sender.try_send("three").is_err(), "the room for it is kept for somebody");
/// place.fill("two")?;
/// drop(sender);
/// assert_eq!(queue.drain(10).collect::<Vec<_>>(), ["one", "two"]);
/// assert_eq!(queue.try_recv(), Err(TryRecvError::Disconnected));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct QueueSender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> QueueSender<T> {
    pub(super) fn first(shared: Arc<Shared<T>>) -> Self {
        Self { shared }
    }

    /// Sends a value, waiting for room if there is none.
    ///
    /// # Blocking
    ///
    /// Until the loop has taken a value; in a callback the worker is kept waiting, and with it
    /// whoever waits for the dispatcher. Of several threads that wait none has precedence. See
    /// [Bounds](super::CompletionQueue#bounds) for what the loop must not do then.
    ///
    /// # Errors
    ///
    /// The value comes back if the queue is gone, also while this waits, and in a forked child.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        match self.shared.channel() {
            Some(channel) => channel.send(value),
            None => Err(SendError(value)),
        }
    }

    /// Sends a value if there is room now.
    ///
    /// # Errors
    ///
    /// The value comes back if there is no room, if the queue is gone, and in a forked child, to
    /// which it is disconnected.
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        match self.shared.channel() {
            Some(channel) => channel.try_send(value),
            None => Err(TrySendError::Disconnected(value)),
        }
    }

    /// Keeps room for one value, if there is some now: it counts as taken until the value has been
    /// received. For the owner of the loop, before it submits the job whose result that will be.
    ///
    /// # Errors
    ///
    /// As for [`try_send`](Self::try_send).
    pub fn try_reserve(&self) -> Result<QueuePlace<T>, TrySendError<()>> {
        let channel = self.shared.channel().ok_or(TrySendError::Disconnected(()))?;
        channel.reserve()?;
        Ok(QueuePlace { shared: Some(Arc::clone(&self.shared)) })
    }
}

impl<T> Clone for QueueSender<T> {
    fn clone(&self) -> Self {
        if let Some(channel) = self.shared.channel() {
            channel.add_sender();
        }
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> Drop for QueueSender<T> {
    fn drop(&mut self) {
        if let Some(channel) = self.shared.channel() {
            channel.remove_sender();
        }
    }
}

impl<T> fmt::Debug for QueueSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueSender").finish_non_exhaustive()
    }
}

/// Room in a [`CompletionQueue`](super::CompletionQueue) for one value, made by
/// [`try_reserve`](QueueSender::try_reserve). As long as there is one, the queue is not disconnected.
///
/// Dropped without a value, as happens in a callback that panics, it gives the room back and wakes the
/// loop, which [finds one fewer outstanding](super::CompletionQueue::outstanding).
#[must_use = "the room is given back when this is dropped"]
pub struct QueuePlace<T> {
    /// `None` once the value is there.
    shared: Option<Arc<Shared<T>>>,
}

impl<T> QueuePlace<T> {
    /// Puts the value there. Does not block.
    ///
    /// # Errors
    ///
    /// The value comes back if the queue is gone, and in a forked child.
    pub fn fill(mut self, value: T) -> Result<(), SendError<T>> {
        match self.shared.take().as_ref().and_then(|shared| shared.channel()) {
            Some(channel) => channel.fill(value),
            None => Err(SendError(value)),
        }
    }
}

impl<T> Drop for QueuePlace<T> {
    fn drop(&mut self) {
        if let Some(channel) = self.shared.as_ref().and_then(|shared| shared.channel()) {
            channel.give_up();
        }
    }
}

impl<T> fmt::Debug for QueuePlace<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueuePlace").finish_non_exhaustive()
    }
}
