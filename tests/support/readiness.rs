//! Descriptors, watched as event loops do.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

use super::HANG;

/// How a loop wants to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trigger {
    Level,
    Edge,
}

/// An epoll instance that watches descriptors for input.
pub(crate) struct Epoll(OwnedFd);

impl Epoll {
    /// Watches one, whose events carry the number 0.
    pub(crate) fn of(fd: BorrowedFd<'_>, trigger: Trigger) -> Self {
        // SAFETY: no pointers are passed; the result is checked.
        let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        assert!(epoll >= 0);
        // SAFETY: fresh from the kernel, and nobody else's.
        let epoll = Self(unsafe { OwnedFd::from_raw_fd(epoll) });
        epoll.add(fd, trigger, 0);
        epoll
    }

    /// Watches another.
    pub(crate) fn add(&self, fd: BorrowedFd<'_>, trigger: Trigger, number: u64) {
        let edge = if trigger == Trigger::Edge { libc::EPOLLET } else { 0 };
        let mut event = libc::epoll_event { events: (libc::EPOLLIN | edge) as u32, u64: number };
        let (epoll, fd) = (self.0.as_raw_fd(), fd.as_raw_fd());
        // SAFETY: the kernel reads one event through the pointer, which is to a live local.
        let added = unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, &raw mut event) };
        assert_eq!(added, 0);
    }

    /// Waits for the next event, and returns the number of its descriptor; `None` if there was none
    /// in time.
    pub(crate) fn wait_for(&self, limit: Duration) -> Option<u64> {
        let limit = i32::try_from(limit.as_millis()).unwrap();
        let mut event = libc::epoll_event { events: 0, u64: 0 };
        loop {
            // SAFETY: the kernel writes at most one event through the pointer, to a live local.
            let count = unsafe { libc::epoll_wait(self.0.as_raw_fd(), &raw mut event, 1, limit) };
            match count {
                0 => return None,
                1 => return Some(event.u64),
                _ => assert_eq!(io::Error::last_os_error().raw_os_error(), Some(libc::EINTR)),
            }
        }
    }

    /// Waits for the next event, which has to come.
    pub(crate) fn wait(&self) -> u64 {
        self.wait_for(HANG).expect("nobody woke the loop")
    }

    /// Whether there is an event now. Takes it.
    pub(crate) fn has_event(&self) -> bool {
        self.wait_for(Duration::ZERO).is_some()
    }
}

impl AsFd for Epoll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Whether a descriptor is readable now.
pub(crate) fn is_readable(fd: impl AsFd) -> bool {
    let mut entry = libc::pollfd { fd: fd.as_fd().as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: the kernel reads and writes one entry through the pointer, which is to a live local.
    let count = unsafe { libc::poll(&raw mut entry, 1, 0) };
    assert!(count >= 0);
    count == 1 && entry.revents & libc::POLLIN != 0
}

/// The counter of an eventfd, without reading it.
pub(crate) fn counter(eventfd: impl AsFd) -> u64 {
    u64::from_str_radix(&info(eventfd.as_fd(), "eventfd-count:"), 16).unwrap()
}

/// The flags of open(2) that a descriptor has.
pub(crate) fn status_flags(fd: impl AsFd) -> i32 {
    i32::from_str_radix(&info(fd.as_fd(), "flags:"), 8).unwrap()
}

/// What the kernel tells of a descriptor.
fn info(fd: BorrowedFd<'_>, field: &str) -> String {
    let path = format!("/proc/self/fdinfo/{}", fd.as_raw_fd());
    let info = fs::read_to_string(path).unwrap();
    info.lines().find_map(|line| line.strip_prefix(field)).unwrap().trim().to_owned()
}
