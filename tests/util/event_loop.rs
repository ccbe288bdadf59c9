//! Event loops: a dispatcher to be run by the test, and what waits for it.

use std::fs;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use reapool::{Builder, LoopDispatcher};

use super::HANG;

/// A dispatcher that is shut down at the end of a test, and left alone if the test fails: it would wait
/// for jobs that are lost.
pub(crate) struct TendedLoop(Option<LoopDispatcher>);

impl TendedLoop {
    pub(crate) fn new(builder: Builder) -> Self {
        Self(Some(builder.build_loop().unwrap()))
    }

    /// Runs callbacks until nothing is outstanding; that this takes too long is a failure.
    pub(crate) fn quiesce(&mut self) {
        self.drain_timeout(HANG).unwrap();
    }

    pub(crate) fn into_inner(mut self) -> LoopDispatcher {
        self.0.take().unwrap()
    }

    /// Waits until the descriptor is readable, and runs what is there.
    pub(crate) fn turn(&mut self, most: usize) -> usize {
        wait_readable(&**self);
        self.run(most).unwrap()
    }
}

impl std::ops::Deref for TendedLoop {
    type Target = LoopDispatcher;

    fn deref(&self) -> &LoopDispatcher {
        self.0.as_ref().unwrap()
    }
}

impl std::ops::DerefMut for TendedLoop {
    fn deref_mut(&mut self) -> &mut LoopDispatcher {
        self.0.as_mut().unwrap()
    }
}

impl Drop for TendedLoop {
    fn drop(&mut self) {
        match self.0.take() {
            Some(jobs) if thread::panicking() => std::mem::forget(jobs),
            Some(mut jobs) => {
                jobs.drain_timeout(HANG).unwrap();
                jobs.shutdown().unwrap();
            }
            None => {}
        }
    }
}

fn polled(fd: BorrowedFd<'_>, limit: PollTimeout) -> bool {
    poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], limit).unwrap() == 1
}

pub(crate) fn is_readable(fd: &impl AsFd) -> bool {
    polled(fd.as_fd(), PollTimeout::ZERO)
}

pub(crate) fn wait_readable(fd: &impl AsFd) {
    assert!(polled(fd.as_fd(), HANG.try_into().unwrap()), "it doesn't become readable");
}

/// What a loop with a timer does: waits until the descriptor is readable or the next deadline has come,
/// and runs what is there.
pub(crate) fn turn_in_time(jobs: &mut LoopDispatcher) -> usize {
    let left = jobs.next_deadline().map(|next| next.saturating_duration_since(Instant::now()));
    // Up to the next millisecond: not before the deadline.
    let limit = left.map(|left| (left + Duration::from_millis(1)).min(HANG));
    if !polled(jobs.as_fd(), limit.unwrap_or(HANG).try_into().unwrap()) {
        assert!(limit.is_some_and(|limit| limit < HANG), "it has nothing to do");
    }
    jobs.run(usize::MAX).unwrap()
}

/// What the eventfd counts. In hexadecimal: `eventfd_show_fdinfo` in the kernel's `fs/eventfd.c`.
pub(crate) fn count_of(jobs: &LoopDispatcher) -> usize {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", jobs.as_raw_fd())).unwrap();
    let line = info.lines().find_map(|line| line.strip_prefix("eventfd-count:")).unwrap();
    usize::from_str_radix(line.trim(), 16).unwrap()
}

/// An epoll set of one descriptor.
pub(crate) struct Watcher(Epoll);

impl Watcher {
    pub(crate) fn level(fd: &impl AsFd) -> Self {
        Self::new(fd, EpollFlags::empty())
    }

    pub(crate) fn edge(fd: &impl AsFd) -> Self {
        Self::new(fd, EpollFlags::EPOLLET)
    }

    fn new(fd: &impl AsFd, flags: EpollFlags) -> Self {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
        epoll.add(fd, EpollEvent::new(EpollFlags::EPOLLIN | flags, 0)).unwrap();
        Self(epoll)
    }

    /// Waits for an event.
    pub(crate) fn wait(&self) {
        let limit = EpollTimeout::try_from(HANG).unwrap();
        assert!(self.waited(limit), "no event comes");
    }

    /// Whether there is one now. With edges it is not there the next time.
    pub(crate) fn has_event(&self) -> bool {
        self.waited(EpollTimeout::ZERO)
    }

    fn waited(&self, limit: EpollTimeout) -> bool {
        let mut events = [EpollEvent::empty()];
        self.0.wait(&mut events, limit).unwrap() == 1
    }
}
