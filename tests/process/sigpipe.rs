//! A write to a pipe or socket that nobody reads any more ends with `EPIPE`, on whichever thread it
//! is submitted, and raises no signal there.

#![expect(unsafe_code, reason = "expects the signal")]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::ptr;

use reapool::{Dispatcher, FileHandle, Job};

use crate::support::alone::alone;
use crate::support::child::{first_failure, in_child};
use crate::support::{self, completion_of, errno, null_read};

/// The writing ends of a pipe and of a socket whose other ends are closed.
fn unread() -> [FileHandle; 2] {
    let (_, pipe) = io::pipe().unwrap();
    let (_, socket) = UnixStream::pair().unwrap();
    [FileHandle::from(OwnedFd::from(pipe)), FileHandle::from(OwnedFd::from(socket))]
}

/// Whether the calling thread would get the signal: it isn't blocked there, and none waits.
fn is_unblocked() -> bool {
    let (mut mask, mut pending) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    // SAFETY: the call writes the set that the pointer is to, a live local.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), mask.as_mut_ptr()) };
    // SAFETY: as above.
    unsafe { libc::sigpending(pending.as_mut_ptr()) };
    let sets = [mask.as_ptr(), pending.as_ptr()];
    // SAFETY: both sets were written by the calls.
    sets.into_iter().all(|set| unsafe { libc::sigismember(set, libc::SIGPIPE) } == 0)
}

/// Writes in every way, in a process that the signal would end.
fn write() -> i32 {
    // SAFETY: sets an action without a handler.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let dispatcher = support::builder().depth(4).workers(1).build().unwrap();
    let submitter = dispatcher.submitter();
    let mut checks = Vec::new();
    for file in unread() {
        let plain = completion_of(&submitter, |callback| Job::write(&file, vec![1], 0, callback));
        let several = completion_of(&submitter, |callback| {
            Job::write_vectored(&file, vec![vec![1], vec![2]], 0, callback)
        });
        let inner = submitter.clone();
        let nested = null_read(&support::null(), move || {
            inner.spawn(Job::write(&file, vec![1], 0, |done| errno(&done))).unwrap()
        });
        let nested = dispatcher.spawn(nested).unwrap().join().unwrap().join().unwrap();
        checks.push([errno(&plain), errno(&several), nested] == [Some(libc::EPIPE); 3]);
        checks.push(is_unblocked());
    }
    let mut looped = Dispatcher::builder().depth(4).build_loop().unwrap();
    for file in unread() {
        let job = Job::write(file, vec![1], 0, |done| errno(&done));
        let handle = looped.try_spawn(job).unwrap();
        looped.drain().unwrap();
        checks.push(handle.join().unwrap() == Some(libc::EPIPE) && is_unblocked());
    }
    first_failure(&checks)
}

#[test]
fn a_write_that_nobody_reads_ends_with_an_error_and_not_the_process() {
    let _alone = alone();
    assert_eq!(in_child(&mut write), Some(0));
}
