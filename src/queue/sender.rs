//! The sending ends of a queue, which callbacks have.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{SendError, TrySendError};

use crate::queue::shared::QueueShared;

/// Sends values to a [`CompletionQueue`](crate::CompletionQueue), from any thread. A clone is
/// another sender of the same queue. When the last sender and the last [permit](QueuePermit) are
/// dropped, the queue is disconnected.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc::TryRecvError;
/// use reapool::CompletionQueue;
///
/// let (sender, queue) = CompletionQueue::bounded(2)?;
/// sender.send("one")?;
/// let permit = sender.try_reserve()?;
/// assert!(sender.try_send("three").is_err(), "the room is reserved");
/// permit.send("two")?;
/// drop(sender);
/// assert_eq!(queue.drain(10).collect::<Vec<_>>(), ["one", "two"]);
/// assert_eq!(queue.try_recv(), Err(TryRecvError::Disconnected));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct QueueSender<T> {
    shared: Arc<QueueShared<T>>,
}

impl<T> QueueSender<T> {
    pub(super) fn first(shared: Arc<QueueShared<T>>) -> Self {
        Self { shared }
    }

    /// Sends a value. Blocks until there is room for it.
    ///
    /// # Blocking
    ///
    /// Without room it waits until the loop has taken a value. A callback that waits keeps its
    /// worker, so threads that wait for the dispatcher wait longer too.
    /// [Bounds](crate::CompletionQueue#bounds) says what the loop must not do then. Threads that
    /// wait here are served in no particular order.
    ///
    /// # Errors
    ///
    /// The value comes back if the queue was dropped, also while this waits, and in a forked child.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{CompletionQueue, Dispatcher, Job};
    ///
    /// let (dispatcher, (sender, queue)) = (Dispatcher::new()?, CompletionQueue::bounded(10)?);
    /// for number in 1..=3 {
    ///     let sender = sender.clone();
    ///     dispatcher.submit(Job::nop(move || _ = sender.send(number * number)))?;
    /// }
    /// dispatcher.drain()?; // there is room for all values, so no callback waits
    /// assert_eq!(queue.drain(10).sum::<u32>(), 14);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        match self.shared.channel() {
            Some(channel) => channel.send(value),
            None => Err(SendError(value)),
        }
    }

    /// Sends a value if there is room now. Does not block.
    ///
    /// # Errors
    ///
    /// The value comes back if there is no room, and, as `Disconnected`, if the queue was dropped
    /// or this process is a forked child.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc::TrySendError;
    /// use reapool::CompletionQueue;
    ///
    /// let (sender, queue) = CompletionQueue::bounded(1)?;
    /// assert_eq!(sender.try_send("one"), Ok(()));
    /// assert_eq!(sender.try_send("two"), Err(TrySendError::Full("two")));
    /// drop(queue);
    /// assert_eq!(sender.try_send("two"), Err(TrySendError::Disconnected("two")));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        match self.shared.channel() {
            Some(channel) => channel.try_send(value),
            None => Err(TrySendError::Disconnected(value)),
        }
    }

    /// Reserves room for one value, if there is room now. Does not block. The room stays taken
    /// until the value has been received. For an event loop, before it submits the job that will
    /// send the value.
    ///
    /// # Errors
    ///
    /// As for [`try_send`](Self::try_send).
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{CompletionQueue, Dispatcher, Job};
    ///
    /// let (dispatcher, (sender, queue)) = (Dispatcher::new()?, CompletionQueue::bounded(1)?);
    /// let file = std::fs::File::open("Cargo.toml")?;
    /// let permit = sender.try_reserve()?;
    /// assert!(sender.try_reserve().is_err(), "the only room is taken");
    /// dispatcher.submit(Job::read(file, vec![0; 9], 0, move |done| {
    ///     let _ = permit.send(done.buffer); // doesn't wait
    /// }))?;
    /// dispatcher.drain()?;
    /// assert_eq!(queue.try_recv()?, b"[package]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_reserve(&self) -> Result<QueuePermit<T>, TrySendError<()>> {
        let channel = self.shared.channel().ok_or(TrySendError::Disconnected(()))?;
        channel.try_reserve()?;
        Ok(QueuePermit { shared: Some(Arc::clone(&self.shared)) })
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

/// Reserved room for one value in a [`CompletionQueue`](crate::CompletionQueue), made by
/// [`try_reserve`](QueueSender::try_reserve). As long as it exists, the queue is not disconnected.
///
/// If it is dropped without sending, as in a callback that panics, it gives the room back and wakes
/// the loop, which [finds one value fewer outstanding](crate::CompletionQueue::outstanding).
///
/// # Examples
///
/// ```
/// use reapool::CompletionQueue;
///
/// let (sender, queue) = CompletionQueue::<u32>::bounded(10)?;
/// let permit = sender.try_reserve()?;
/// drop(sender);
/// assert!(queue.outstanding() == 1 && !queue.is_disconnected());
/// drop(permit); // as in a callback that panics
/// assert!(queue.outstanding() == 0 && queue.is_disconnected());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "the room is given back when this is dropped"]
pub struct QueuePermit<T> {
    /// `None` once the value is sent.
    shared: Option<Arc<QueueShared<T>>>,
}

impl<T> QueuePermit<T> {
    /// Sends the value. Does not block.
    ///
    /// # Errors
    ///
    /// The value comes back if the queue was dropped, and in a forked child.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{CompletionQueue, Dispatcher, Job};
    ///
    /// let (dispatcher, (sender, queue)) = (Dispatcher::new()?, CompletionQueue::bounded(8)?);
    /// let permit = sender.try_reserve()?;
    /// dispatcher.submit(Job::nop(move || {
    ///     let _ = permit.send("done"); // an error if the queue has been dropped
    /// }))?;
    /// dispatcher.drain()?;
    /// assert_eq!(queue.try_recv()?, "done");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send(mut self, value: T) -> Result<(), SendError<T>> {
        match self.shared.take().as_ref().and_then(|shared| shared.channel()) {
            Some(channel) => channel.send_permitted(value),
            None => Err(SendError(value)),
        }
    }
}

impl<T> Drop for QueuePermit<T> {
    fn drop(&mut self) {
        if let Some(channel) = self.shared.as_ref().and_then(|shared| shared.channel()) {
            channel.drop_permit();
        }
    }
}

impl<T> fmt::Debug for QueuePermit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueuePermit").finish_non_exhaustive()
    }
}
