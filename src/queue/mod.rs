//! A bounded channel from callbacks to an event loop, with a descriptor that is readable while
//! values wait. The signal is lowered only in the critical section that found no value.
//!
//! `channel` has the values and decides when to raise and lower the signal. `shared` is the part
//! that both ends own, with the signal as a descriptor. `sender` is the callbacks' end.

pub(crate) mod channel;
pub(crate) mod sender;
mod shared;

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::sync::mpsc::TryRecvError;

use channel::Channel;
use sender::QueueSender;
use shared::{EventFd, QueueShared};

/// Receives the results of callbacks in an event loop. It has a descriptor for epoll(7), poll(2),
/// select(2) and whatever is built on them, while the callbacks run on the workers.
///
/// The other end is a [`QueueSender`]. The descriptor is readable from the first value on until the
/// queue was found empty: [`try_recv`](Self::try_recv) said so, or [`drain`](Self::drain) came to
/// its end. Between two such moments only one of the senders makes a system call, however many
/// values and threads there are. The loop may wake up and find no value, but it never sleeps while
/// there is one.
///
/// # Examples
///
/// The loop asks for more as long as it gets permits, and sleeps in poll(2) or the like otherwise:
///
/// ```
/// use std::fs::File;
/// use std::sync::Arc;
/// use reapool::{CompletionQueue, Dispatcher, Job};
/// # use reapool::PollEvents;
/// # fn wait_until_readable(waiter: &Dispatcher, queue: &CompletionQueue<Line>) {
/// #     use std::os::fd::AsFd;
/// #     let fd = Arc::new(queue.as_fd().try_clone_to_owned().unwrap());
/// #     waiter.spawn(Job::poll(&fd, PollEvents::READABLE, |_| ())).unwrap().join().unwrap();
/// # }
/// # type Line = (u64, String);
///
/// let dispatcher = Dispatcher::new()?;
/// # let waiter = Dispatcher::new()?;
/// let file = Arc::new(File::open("Cargo.toml")?);
/// let (sender, queue) = CompletionQueue::bounded(4)?;
/// let (mut offsets, mut lines) = ([0_u64, 100, 200, 300, 400, 500].into_iter().peekable(), 0);
///
/// while lines < 6 {
///     while offsets.peek().is_some() && let Ok(permit) = sender.try_reserve() {
///         let offset = offsets.next().unwrap();
///         dispatcher.submit(Job::read(&file, vec![0; 80], offset, move |done| {
///             let text = String::from_utf8_lossy(done.data()).into_owned();
///             let _ = permit.send((offset, text)); // fails if the queue was dropped
///         }))?;
///     }
///     wait_until_readable(&waiter, &queue); // next to all else that the loop waits for
///     for (offset, text) in queue.drain(100) {
///         println!("{offset}: {text:?}");
///         lines += 1;
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Triggers
///
/// With level-triggered waits the loop may take as many values as it likes. With edge-triggered
/// waits it goes on until it finds the queue empty, or drops its `drain` earlier, which makes
/// another edge. For edge-triggered wrappers such as tokio's `AsyncFd`, [`TryRecvError::Empty`]
/// means "would block". Only the queue may read from the descriptor.
///
/// # Bounds
///
/// The queue has room for a fixed number of values. A callback that finds it full can only wait for
/// the loop, and its worker with it. So reserve a [`QueuePermit`](sender::QueuePermit) for each
/// result *before* you submit its job. Sending with a permit never waits, and then the loop can't
/// deadlock, even when it waits for the dispatcher or drops it. Without permits the loop must not
/// wait for the dispatcher (in [`submit`](crate::Submitter::submit),
/// [`drain`](crate::Dispatcher::drain), [`shutdown`](crate::Dispatcher::shutdown), or by dropping
/// it) while callbacks can wait for the queue. Once the queue is dropped, they don't.
///
/// # When to choose it
///
/// For a program that has an event loop of its own, and wants other threads to do the callbacks'
/// work. To wait for values without a loop, take [`spawn`](crate::Submitter::spawn) or any channel.
///
/// A forked child can't use its parent's queue: to the child it is disconnected, and whatever the
/// child does with it, the parent notices nothing.
pub struct CompletionQueue<T> {
    shared: Arc<QueueShared<T>>,
}

impl<T> CompletionQueue<T> {
    /// Makes a queue with room for `capacity` values, and its first sender.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if the capacity is 0, and errors of
    /// eventfd(2), such as `EMFILE`.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::CompletionQueue;
    ///
    /// let (sender, queue) = CompletionQueue::bounded(2)?;
    /// sender.send("one")?;
    /// sender.send("two")?;
    /// assert!(sender.try_send("three").is_err());
    /// assert_eq!((queue.len(), queue.capacity()), (2, 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn bounded(capacity: usize) -> io::Result<(QueueSender<T>, Self)> {
        if capacity == 0 {
            let reason = "a queue without room would never have a value";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        let shared = Arc::new(QueueShared::new(capacity)?);
        Ok((QueueSender::first(Arc::clone(&shared)), Self { shared }))
    }

    /// Takes the value that was sent first. Does not block.
    ///
    /// # Errors
    ///
    /// - [`TryRecvError::Empty`] if there is none now. From then on the descriptor is not readable,
    ///   until there is one.
    /// - [`TryRecvError::Disconnected`] if there will be none, because all senders and permits are
    ///   gone. The descriptor stays readable.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc::TryRecvError;
    /// use reapool::CompletionQueue;
    ///
    /// let (sender, queue) = CompletionQueue::bounded(10)?;
    /// sender.send("one")?;
    /// assert_eq!(queue.try_recv(), Ok("one"));
    /// assert_eq!(queue.try_recv(), Err(TryRecvError::Empty));
    /// drop(sender);
    /// assert_eq!(queue.try_recv(), Err(TryRecvError::Disconnected));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.shared.channel().map_or(Err(TryRecvError::Disconnected), Channel::try_recv)
    }

    /// An iterator that takes values until there are none, but at most `most`, so that a busy queue
    /// doesn't keep the loop from its other work. Does not block.
    ///
    /// If it is dropped while there are values, the descriptor is readable, and there is an edge
    /// for edge-triggered waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::CompletionQueue;
    ///
    /// let (sender, queue) = CompletionQueue::bounded(10)?;
    /// for number in 1..=5 {
    ///     sender.send(number)?;
    /// }
    /// assert_eq!(queue.drain(3).collect::<Vec<_>>(), [1, 2, 3]);
    /// assert_eq!(queue.drain(3).collect::<Vec<_>>(), [4, 5]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use = "values are taken by iterating"]
    pub fn drain(&self, most: usize) -> QueueDrain<'_, T> {
        QueueDrain { channel: self.shared.channel(), left: most }
    }

    /// How many values can be taken now; 0 in a forked child.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.channel().map_or(0, Channel::len)
    }

    /// Whether no value can be taken now. This does not count as finding the queue empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many values there are, together with those for which there is a
    /// [`QueuePermit`](sender::QueuePermit); 0 in a forked child. If all results are sent with
    /// permits, 0 says that none is left to wait for.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::CompletionQueue;
    ///
    /// let (sender, queue) = CompletionQueue::bounded(10)?;
    /// let permit = sender.try_reserve()?;
    /// assert_eq!((queue.len(), queue.outstanding()), (0, 1), "a value is on its way");
    /// permit.send("one")?;
    /// assert_eq!((queue.len(), queue.outstanding()), (1, 1));
    /// assert_eq!((queue.try_recv()?, queue.outstanding()), ("one", 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.shared.channel().map_or(0, Channel::outstanding)
    }

    /// Whether there are no values, and will be none: all senders and permits are gone. True in a
    /// forked child.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::CompletionQueue;
    ///
    /// let (sender, queue) = CompletionQueue::bounded(10)?;
    /// sender.send("last")?;
    /// drop(sender);
    /// assert!(!queue.is_disconnected(), "there is a value left");
    /// assert_eq!(queue.try_recv()?, "last");
    /// assert!(queue.is_disconnected());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_disconnected(&self) -> bool {
        self.shared.channel().is_none_or(Channel::is_over)
    }

    /// For how many values there is room.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.capacity()
    }
}

impl<T> AsFd for CompletionQueue<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.signal().as_fd()
    }
}

impl<T> AsRawFd for CompletionQueue<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl<T> Drop for CompletionQueue<T> {
    fn drop(&mut self) {
        // The values are dropped outside the lock.
        drop(self.shared.channel().map(Channel::close));
    }
}

impl<T> fmt::Debug for CompletionQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompletionQueue")
            .field("fd", &self.as_raw_fd())
            .field("len", &self.len())
            .field("outstanding", &self.outstanding())
            .field("capacity", &self.capacity())
            .finish()
    }
}

/// Takes values out of a [`CompletionQueue`]: see [`drain`](CompletionQueue::drain).
pub struct QueueDrain<'a, T> {
    /// `None` in a forked child, and once the queue was found empty.
    channel: Option<&'a Channel<T, EventFd>>,
    /// How many values it may still take.
    left: usize,
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
