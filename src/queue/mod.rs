//! Callbacks' results for an event loop: values, and a descriptor that is readable when there are some.
//!
//! `channel` has the values and decides when the loop is told; `bell` is the descriptor; `sender` is
//! the callbacks' end, `drain` the loop's walk through what there is.

mod bell;
pub(crate) mod channel;
pub(crate) mod drain;
pub(crate) mod sender;

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::sync::mpsc::TryRecvError;

use crate::sys::fork::ForkMark;
use bell::Bell;
use channel::Channel;
use drain::QueueDrain;
use sender::QueueSender;

/// Where results of callbacks, which run on the workers, come in for an event loop: a receiver of
/// values, and a descriptor for epoll(7), poll(2), select(2) and what is built on them.
///
/// The other end is a [`QueueSender`]. The descriptor is readable from the first value on until the
/// queue was found empty: when [`try_recv`](Self::try_recv) said so, or [`drain`](Self::drain) came
/// to its end. However many values come between two such moments, and from however many threads, one
/// of them makes the one system call. The loop may be woken and find nothing; it never sleeps while
/// there is something.
///
/// # Triggers
///
/// With level-triggered waits the loop may take as many values as it likes. With edge-triggered ones
/// it goes on until the queue was found empty, or leaves through `drain`, which sees to it that
/// there is another edge. To tokio's `AsyncFd` and the like, which are edge-triggered, "would block"
/// is [`TryRecvError::Empty`]. Nobody but the queue should read from the descriptor.
///
/// # Bounds
///
/// The queue has room for so many values. A callback that finds it full can only wait, on its worker,
/// for the loop. So keep a [`QueuePlace`](sender::QueuePlace) for each result *before* its job is submitted:
/// whoever has one never waits, so nothing that the loop does can deadlock, be it waiting for the
/// dispatcher or dropping it. Without places the loop must not wait for the dispatcher (in
/// [`submit`](crate::Submitter::submit), [`drain`](crate::Dispatcher::drain),
/// [`shutdown`](crate::Dispatcher::shutdown), or by dropping it) while callbacks can wait for the
/// queue; once it is dropped, they don't.
///
/// # When to choose it
///
/// For a program that has an event loop of its own and wants the callbacks' work done on other
/// threads. Who wants to wait for values without a loop has [`spawn`](crate::Submitter::spawn), or any
/// channel.
///
/// A forked child can't use its parent's queue: it finds it disconnected, and the parent hears
/// nothing of what the child does with it.
///
/// # Examples
///
/// The loop asks for more as long as there are places and room, and sleeps in poll(2) or the like
/// otherwise:
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
///     while offsets.peek().is_some() && let Ok(place) = sender.try_reserve() {
///         let offset = offsets.next().unwrap();
///         dispatcher.submit(Job::read(&file, vec![0; 80], offset, move |done| {
///             let text = String::from_utf8_lossy(done.data()).into_owned();
///             let _ = place.fill((offset, text)); // fails if the loop is gone
///         }))?;
///     }
///     wait_until_readable(&waiter, &queue); // in the loop, next to all that it waits for
///     for (offset, text) in queue.drain(100) {
///         println!("{offset}: {text:?}");
///         lines += 1;
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct CompletionQueue<T> {
    shared: Arc<Shared<T>>,
}

/// What the two ends own together. A forked child doesn't touch the channel: its lock may be held by
/// a thread that doesn't exist there, and the descriptor is the parent's too.
struct Shared<T> {
    fork_mark: ForkMark,
    channel: Channel<T, Bell>,
}

impl<T> Shared<T> {
    /// `None` in a forked child.
    fn channel(&self) -> Option<&Channel<T, Bell>> {
        (!self.fork_mark.is_elsewhere()).then_some(&self.channel)
    }
}

impl<T> CompletionQueue<T> {
    /// Makes a queue with room for so many values, and its first sender.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if there would be no room at all, and what
    /// eventfd(2) says, such as `EMFILE`.
    pub fn bounded(capacity: usize) -> io::Result<(QueueSender<T>, Self)> {
        if capacity == 0 {
            let reason = "a queue without room would never have a value";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        let channel = Channel::new(capacity, Bell::new()?);
        let shared = Arc::new(Shared { fork_mark: ForkMark::here(), channel });
        Ok((QueueSender::first(Arc::clone(&shared)), Self { shared }))
    }

    /// Takes the value that has been here longest. Does not block.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] if there is none now: then the descriptor is not readable any more,
    /// until there is one. [`TryRecvError::Disconnected`] if there will be none, as all senders and
    /// places are gone: then it stays readable.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.shared.channel().map_or(Err(TryRecvError::Disconnected), Channel::try_recv)
    }

    /// An iterator that takes values until there are none, but no more than `most`, so that a busy
    /// queue doesn't keep the loop from all else.
    ///
    /// If it was dropped before it found the queue empty, the descriptor is readable, and there
    /// is an edge for those who wait for edges.
    #[must_use = "values are taken by iterating"]
    pub fn drain(&self, most: usize) -> QueueDrain<'_, T> {
        QueueDrain::new(self.shared.channel(), most)
    }

    /// How many values can be taken now; 0 in a forked child.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.channel().map_or(0, Channel::len)
    }

    /// Whether no value can be taken now. Does not count as finding the queue empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many values there are that have not been taken yet, or will be, as somebody has a
    /// [`QueuePlace`](sender::QueuePlace) for them; 0 in a forked child. If results come through places only,
    /// 0 says that none is left to wait for.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.shared.channel().map_or(0, Channel::outstanding)
    }

    /// Whether there are no values, and will be none: all senders and places are gone. True in a forked
    /// child.
    #[must_use]
    pub fn is_disconnected(&self) -> bool {
        self.shared.channel().is_none_or(Channel::is_over)
    }

    /// For how many values there is room.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.channel.capacity()
    }
}

impl<T> AsFd for CompletionQueue<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.channel.signal().as_fd()
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
