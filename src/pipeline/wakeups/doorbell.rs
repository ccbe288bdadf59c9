//! The doorbell of an event loop: a counter that tells its owner that something waits.
//!
//! It is an eventfd. Each item that waits (a completion in the kernel's ring, a job on the channel,
//! a wake-up to fill slots) is counted once, *after* it is there. So the counter never exceeds the
//! number of things that are there. A turn takes at most that many, so it always finds them. If it
//! takes one before its increment arrives, the late increment pays for the one that it skipped.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::sys::descriptor;

pub(crate) struct Doorbell {
    /// Non-blocking. The engine has a share, so that it outlives all requests that name it.
    counter: Arc<File>,
    /// The thread whose turn is or was the last, by its number; 0 before the first.
    owner: AtomicU64,
    /// The owner is in its turn. At the end of the turn it fills slots, so it need not be woken for
    /// that. The owner sets this when a turn begins, and clears it at the end, under the lock of
    /// the books. So a thread that holds that lock knows whether the owner is yet to look.
    in_turn: AtomicBool,
    /// How many jobs the owner itself put on the channel in its turn. They are counted when the
    /// turn ends.
    own: AtomicU64,
    /// The next turn takes from the kernel first.
    kernel_first: AtomicBool,
}

/// From where a turn takes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    /// The kernel's ring.
    Kernel,
    /// The channel of jobs that the kernel has no part in, or that it refused.
    Channel,
}

impl First {
    pub(crate) fn then_the_other(self) -> [Self; 2] {
        match self {
            Self::Kernel => [Self::Kernel, Self::Channel],
            Self::Channel => [Self::Channel, Self::Kernel],
        }
    }
}

impl Doorbell {
    pub(crate) fn new() -> io::Result<Self> {
        let counter = Arc::new(File::from(descriptor::eventfd(0, libc::EFD_NONBLOCK)?));
        Ok(Self {
            counter,
            owner: AtomicU64::new(0),
            in_turn: AtomicBool::new(false),
            own: AtomicU64::new(0),
            kernel_first: AtomicBool::new(false),
        })
    }

    /// For the engine, which has the kernel count completions.
    pub(crate) fn counter(&self) -> Arc<File> {
        Arc::clone(&self.counter)
    }

    /// Counts things that are there now.
    pub(crate) fn ring(&self, count: u64) {
        if self.is_in_turn() && self.is_owner_here() {
            // Relaxed: only this thread reads it.
            self.own.fetch_add(count, Ordering::Relaxed);
        } else {
            self.write(count);
        }
    }

    fn write(&self, count: u64) {
        if count > 0 {
            // The counter can only be full because somebody else wrote to it. Then the owner is
            // told of more than there can be, and takes all there is.
            let _ = (&*self.counter).write(&count.to_ne_bytes());
        }
    }

    /// Returns how much has been counted since the last time: 0 if nothing has.
    pub(crate) fn take(&self) -> io::Result<u64> {
        let mut count = [0; 8];
        match (&*self.counter).read(&mut count) {
            Ok(_) => Ok(u64::from_ne_bytes(count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Begins the calling thread's turn. Says where to take from first: each source every other
    /// time, so that neither has to wait for the other to run dry.
    pub(crate) fn begin_turn(&self) -> First {
        self.become_owner();
        self.in_turn.store(true, Ordering::Relaxed);
        match self.kernel_first.fetch_xor(true, Ordering::Relaxed) {
            true => First::Kernel,
            false => First::Channel,
        }
    }

    /// Ends the turn, under the lock of the books.
    pub(crate) fn end_turn(&self) {
        self.in_turn.store(false, Ordering::Relaxed);
    }

    /// Counts again, after the turn, the items that were left, and those that the owner itself put
    /// on the channel.
    pub(crate) fn put_back(&self, left: u64) {
        self.write(left + self.own.swap(0, Ordering::Relaxed));
    }

    /// Whether the owner fills slots before it ends its turn. Certain only under the lock of the
    /// books.
    pub(crate) fn is_in_turn(&self) -> bool {
        self.in_turn.load(Ordering::Relaxed)
    }

    /// Makes the calling thread the owner. The owner must not wait for jobs, as it runs their
    /// callbacks.
    pub(crate) fn become_owner(&self) {
        self.owner.store(thread_number(), Ordering::Relaxed);
    }

    /// Whether the calling thread is the owner.
    pub(crate) fn is_owner_here(&self) -> bool {
        // Relaxed: a thread that stored its number sees it, and the others have other numbers.
        self.owner.load(Ordering::Relaxed) == thread_number()
    }

    /// Waits until something has been counted, the limit is over, or a signal comes.
    pub(crate) fn wait(&self, limit: Option<Duration>) {
        let entry = libc::pollfd { fd: self.counter.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // Whatever the answer, the caller looks for itself.
        let _ = descriptor::ppoll(&mut [entry], limit);
    }
}

impl AsFd for Doorbell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.counter.as_fd()
    }
}

/// A number that no other thread of this process has or had.
fn thread_number() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    thread_local! {
        static NUMBER: u64 = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    }
    NUMBER.with(|number| *number)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::Doorbell;

    #[test]
    fn what_is_counted_is_heard_once() {
        let doorbell = Doorbell::new().unwrap();
        assert_eq!(doorbell.take().unwrap(), 0);
        doorbell.ring(3);
        doorbell.ring(2);
        assert_eq!((doorbell.take().unwrap(), doorbell.take().unwrap()), (5, 0));
    }

    #[test]
    fn in_its_turn_the_owner_is_not_told_of_its_own_before_the_end() {
        let doorbell = Doorbell::new().unwrap();
        doorbell.begin_turn();
        doorbell.ring(1);
        thread::scope(|scope| drop(scope.spawn(|| doorbell.ring(10)).join()));
        assert_eq!(doorbell.take().unwrap(), 10, "what others count is counted at once");
        doorbell.end_turn();
        doorbell.put_back(100);
        assert_eq!(doorbell.take().unwrap(), 101);
    }

    #[test]
    fn a_full_counter_stays_readable() {
        let doorbell = Doorbell::new().unwrap();
        doorbell.ring(u64::MAX - 1);
        doorbell.ring(1);
        assert_eq!(doorbell.take().unwrap(), u64::MAX - 1);
    }

    #[test]
    fn the_owner_is_the_thread_of_the_last_turn() {
        let doorbell = Doorbell::new().unwrap();
        assert!(!doorbell.is_owner_here());
        doorbell.begin_turn();
        assert!(doorbell.is_owner_here());
        let other = || {
            assert!(!doorbell.is_owner_here());
            doorbell.become_owner();
        };
        thread::scope(|scope| scope.spawn(other).join().unwrap());
        assert!(!doorbell.is_owner_here());
    }
}
