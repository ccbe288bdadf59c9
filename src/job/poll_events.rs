//! The events of poll(2).

use std::ops::BitOr;

/// The events that a poll waits for, as in poll(2).
///
/// # Examples
///
/// ```
/// use reapool::PollEvents;
///
/// let events = PollEvents::READABLE | PollEvents::WRITABLE;
/// assert!(events.contains(PollEvents::READABLE));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PollEvents(u16);

impl PollEvents {
    /// There is data to read, `POLLIN`.
    pub const READABLE: Self = Self(libc::POLLIN.cast_unsigned());
    /// Writing won't block, `POLLOUT`.
    pub const WRITABLE: Self = Self(libc::POLLOUT.cast_unsigned());
    /// There is urgent data, `POLLPRI`.
    pub const PRIORITY: Self = Self(libc::POLLPRI.cast_unsigned());
    /// An error, `POLLERR`; always reported, also when not asked for.
    pub const ERROR: Self = Self(libc::POLLERR.cast_unsigned());
    /// The other end hung up, `POLLHUP`; always reported, also when not asked for. A pipe reports
    /// it without [`READABLE`](Self::READABLE) once everything has been read.
    pub const HANG_UP: Self = Self(libc::POLLHUP.cast_unsigned());
    /// The other end of a stream socket writes no more, `POLLRDHUP`. There may still be data to
    /// read.
    pub const READ_HANG_UP: Self = Self(libc::POLLRDHUP.cast_unsigned());

    /// The events in the result of a poll's completion.
    #[must_use]
    pub fn from_result(result: usize) -> Self {
        // The kernel's event mask has 16 bits (`aio_poll` refuses more).
        Self((result & 0xffff) as u16)
    }

    /// The result of a poll for `events`, given the kernel's answer.
    ///
    /// The kernel passes on every event that it was woken with, asked for or not (`aio_poll_wake`
    /// in `fs/aio.c`). At least one of them was asked for.
    pub(crate) fn answer(events: u64, res: i64) -> i64 {
        let always = Self::ERROR | Self::HANG_UP;
        // A negative answer is an error.
        if res < 0 { res } else { res & (events | u64::from(always.0)).cast_signed() }
    }

    pub(crate) fn bits(self) -> u16 {
        self.0
    }

    /// Whether all of `other` are among these.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::os::fd::OwnedFd;
    /// use reapool::{Dispatcher, FileHandle, Job, PollEvents};
    ///
    /// let (dispatcher, (reader, writer)) = (Dispatcher::new()?, std::io::pipe()?);
    /// drop(writer);
    /// let pipe = FileHandle::from(OwnedFd::from(reader));
    /// let job = Job::poll(pipe, PollEvents::READABLE, |done| done.result);
    /// let events = PollEvents::from_result(dispatcher.run(job)??);
    /// assert!(events.contains(PollEvents::HANG_UP), "the pipe is at its end");
    /// assert!(!events.contains(PollEvents::HANG_UP | PollEvents::READABLE), "not both");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for PollEvents {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
