//! Forked children: each runs one thing, and tells by its exit code how that went.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

use super::HANG;

/// What a child ends with that panicked.
const PANICKED: i32 = 99;

/// Forks, runs `body` in the child, and returns what that ends with: `body`'s result, or `None`
/// if it didn't end.
///
/// `body` takes nothing by value: in the parent it would be dropped without having run.
pub(crate) fn in_child(body: &mut dyn FnMut() -> i32) -> Option<i32> {
    let child = fork();
    if child == 0 {
        exit(catch_unwind(AssertUnwindSafe(body)).unwrap_or(PANICKED));
    }
    status_of(child)
}

/// The number of the child, or 0 in it. That ends by [`exit`].
pub(crate) fn fork() -> i32 {
    // SAFETY: the child runs what is tested, and little else. That allocates, which the C library
    // allows after a fork, and takes no lock that another thread can have held at the fork but
    // those of the crate, which are what is tested; if one is waited for, the parent kills the
    // child.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    child
}

/// Ends a child.
pub(crate) fn exit(code: i32) -> ! {
    // SAFETY: ends the process without running anything of it.
    unsafe { libc::_exit(code) };
}

/// What a child ended with, or `None` if it didn't end.
pub(crate) fn status_of(child: i32) -> Option<i32> {
    end_of(child).filter(|&status| libc::WIFEXITED(status)).map(|status| libc::WEXITSTATUS(status))
}

/// The signal by which a child ended, if it was one.
pub(crate) fn signal_of(child: i32) -> Option<i32> {
    end_of(child).filter(|&status| libc::WIFSIGNALED(status)).map(|status| libc::WTERMSIG(status))
}

/// How a child ended, as waitpid(2) says, or `None` if it didn't.
pub(crate) fn end_of(child: i32) -> Option<i32> {
    let (start, mut status) = (Instant::now(), 0);
    let mut killed = false;
    loop {
        // SAFETY: the kernel writes the status through the pointer, which is to a live local.
        let ended = unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) };
        if ended == child {
            return (!killed).then_some(status);
        }
        if start.elapsed() > HANG / 4 && !killed {
            killed = true;
            // SAFETY: a system call without pointers, on a child that has not been waited for, so
            // that its number is no other process's.
            unsafe { libc::kill(child, libc::SIGKILL) };
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Limits what this process, a child, may have of something, to as much as may be allowed again.
pub(crate) fn limit(resource: libc::__rlimit_resource_t, most: u64) -> bool {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a live local, which the kernel writes.
    let known = unsafe { libc::getrlimit(resource, &raw mut limit) };
    limit.rlim_cur = most.min(limit.rlim_max);
    // SAFETY: as above, and it reads it.
    known == 0 && unsafe { libc::setrlimit(resource, &raw const limit) } == 0
}

/// The number, from 1, of the first check that failed, or 0. The child reports by it.
pub(crate) fn first_failure(checks: &[bool]) -> i32 {
    checks.iter().position(|holds| !holds).map_or(0, |place| place as i32 + 1)
}
