//! A child that the user's iterator of paths forks, while others hold the locks of the run: it comes to
//! its end all the same.

#![expect(unsafe_code, reason = "forks, and waits for the child")]

use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use std::{iter, thread};

use super::Files;
use super::fold::Whole;
use super::run_core::RunCore;
use super::steps::job_for;
use crate::Dispatcher;

const HANG: Duration = Duration::from_secs(20);

/// What a child ended with; it is killed if it doesn't.
fn end_of(child: i32) -> Option<i32> {
    let (start, mut status) = (Instant::now(), 0);
    loop {
        // SAFETY: the kernel writes the status through the pointer, which is to a live local.
        if unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) } == child {
            return libc::WIFEXITED(status).then_some(libc::WEXITSTATUS(status));
        }
        if start.elapsed() > HANG {
            // SAFETY: a number, of a child that has not been waited for.
            unsafe { libc::kill(child, libc::SIGKILL) };
        }
        thread::yield_now();
    }
}

#[test]
fn a_child_of_the_iterator_ends_whatever_is_locked() {
    let dispatcher = Dispatcher::builder().workers(1).build().unwrap();
    let files = Files::new(&dispatcher).unwrap();
    let (come, comes) = mpsc::channel();
    let (lock, locked) = mpsc::channel();
    let (end, ended) = mpsc::channel();
    let paths = iter::from_fn(move || {
        come.send(()).unwrap();
        locked.recv().ok()?;
        // SAFETY: the child does what the parent would do, which allocates, as the C library allows
        // it; if it waits for a lock, it is killed.
        let child = unsafe { libc::fork() };
        if child == 0 {
            return Some(PathBuf::from("Cargo.toml"));
        }
        end.send((child > 0).then(|| end_of(child)).flatten()).unwrap();
        None
    });
    let fold = Whole { function: |_| (), limit: 100 };
    let core = RunCore::start(Arc::clone(&files.shared), Box::new(paths), fold, job_for);
    comes.recv_timeout(HANG).unwrap();
    let held = core.scheduler.lock().unwrap();
    lock.send(()).unwrap();
    let end = ended.recv_timeout(2 * HANG).unwrap();
    drop(held);
    assert_eq!(end, Some(0));
}
