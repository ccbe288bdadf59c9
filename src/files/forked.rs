//! A child that the user's code forks, while others hold the locks of the run, comes to its end all
//! the same.

#![expect(unsafe_code, reason = "forks, and waits for the child")]

use std::marker::PhantomData;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use std::{iter, thread};

use super::begin::Begin;
use super::chunk::Chunk;
use super::fold::{Streaming, Whole};
use super::info::FileInfo;
use super::paths::{ListedPath, PathIterator};
use super::run_core::RunCore;
use super::steps::job_for;
use super::{Files, FilesBuilder};
use crate::Dispatcher;
use crate::sync::Mutex;

const HANG: Duration = Duration::from_secs(20);

/// The status that a child ended with; it is killed if it doesn't end.
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

/// A place in the user's code that forks.
struct Fork {
    come: mpsc::Sender<()>,
    locked: Mutex<mpsc::Receiver<()>>,
    end: mpsc::Sender<Option<i32>>,
}

impl Fork {
    /// Forks once a lock is held. True in the child.
    fn fork(&self) -> bool {
        self.come.send(()).unwrap();
        self.locked.lock().unwrap().recv().unwrap();
        // SAFETY: the child does what the parent would do, which allocates, as the C library allows
        // it; if it waits for a lock, it is killed.
        let child = unsafe { libc::fork() };
        if child != 0 {
            self.end.send((child > 0).then(|| end_of(child)).flatten()).unwrap();
        }
        child == 0
    }
}

/// Runs with paths and callbacks that fork, with the scheduler locked meanwhile.
fn assert_child_ends<F: Begin>(
    settings: impl FnOnce(FilesBuilder) -> FilesBuilder,
    user: impl FnOnce(Fork) -> (PathIterator, F),
) {
    let dispatcher = Dispatcher::builder().workers(1).build().unwrap();
    let files = settings(Files::builder(&dispatcher)).build().unwrap();
    let (come, comes) = mpsc::channel();
    let (lock, locked) = mpsc::channel();
    let (end, ended) = mpsc::channel();
    let (paths, fold) = user(Fork { come, locked: Mutex::new(locked), end });
    let core = RunCore::start(Arc::clone(&files.shared), paths, fold, job_for);
    comes.recv_timeout(HANG).unwrap();
    let held = core.scheduler.lock().unwrap();
    lock.send(()).unwrap();
    let end = ended.recv_timeout(2 * HANG).unwrap();
    drop(held);
    assert_eq!(end, Some(0));
}

#[test]
fn a_child_of_the_iterator_ends_whatever_is_locked() {
    assert_child_ends(
        |settings| settings,
        |fork| {
            let paths = iter::from_fn(move || {
                fork.fork().then(|| Ok(ListedPath::source("Cargo.toml".into())))
            });
            (Box::new(paths), Whole { function: |_| (), limit: 100 })
        },
    );
}

#[test]
fn a_child_of_finish_ends_whatever_is_locked() {
    // Read by one worker in one go, and in chunks.
    for chunk in [1 << 20, 4096] {
        let user = |fork: Fork| {
            let paths: PathIterator =
                Box::new(iter::once(Ok(ListedPath::source("src/lib.rs".into()))));
            let finish = move |(), _: &FileInfo| _ = fork.fork();
            let chunk = |_: &mut (), _: Chunk| ();
            (paths, Streaming { begin: |_: &FileInfo| (), chunk, finish, types: PhantomData })
        };
        assert_child_ends(|settings| settings.chunk(chunk), user);
    }
}
