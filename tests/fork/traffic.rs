//! Forks in the middle of heavy traffic: by a thread beside it, and by callbacks. Each child gives
//! its parent's dispatcher up, makes one of its own, and ends; the parent loses nothing.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use reapool::{Dispatcher, Submitter};

use crate::support::alone::alone;
use crate::support::child::{exit, fork, in_child, status_of};
use crate::support::files::{files_of, modest};
use crate::support::traffic::Traffic;
use crate::support::{self, HANG, null, null_read, scale, scratch, watched};

fn build() -> Dispatcher {
    support::builder().depth(4).backlog(4).workers(2).blocking_threads(2).build().unwrap()
}

/// A dispatcher of the child's own works as any does.
fn works(directory: &Path) -> i32 {
    let own = build();
    let traffic = Traffic::new(own.submitter(), directory, 400);
    for _ in 0..50 {
        let (number, job) = traffic.job(2, false);
        drop(own.spawn(job).unwrap());
        traffic.accept(number);
    }
    assert_eq!(own.shutdown_timeout(HANG).unwrap().jobs, 150);
    traffic.check();
    0
}

/// Submits jobs of all kinds until it is told to stop, and waits for some.
fn hammer(submitter: &Submitter, traffic: &Arc<Traffic>, stop: &AtomicBool) {
    while !stop.load(Ordering::SeqCst) && traffic.made() < MOST / 2 {
        for wait in [false, false, false, true] {
            let (number, job) = traffic.job(1, false);
            let handle = submitter.spawn(job).unwrap();
            traffic.accept(number);
            if wait {
                assert_eq!(handle.join_timeout(HANG).unwrap(), number);
            }
        }
    }
}

/// Most jobs of the parent's.
const MOST: usize = 2_000_000;

#[test]
fn children_of_a_thread_beside_it_end_and_nothing_is_lost() {
    let children = 100 / scale();
    let _alone = alone();
    watched(move || {
        let (directory, childs) = (scratch(), scratch());
        let mut owner = Some(build());
        let submitter = owner.as_ref().unwrap().submitter();
        let traffic = Traffic::new(submitter.clone(), directory.path(), MOST);
        let stop = Arc::new(AtomicBool::new(false));
        let start = |_| {
            let (submitter, traffic) = (submitter.clone(), Arc::clone(&traffic));
            let stop = Arc::clone(&stop);
            thread::spawn(move || hammer(&submitter, &traffic, &stop))
        };
        let hammers: Vec<_> = (0..2).map(start).collect();
        for round in 0..children {
            let ended = in_child(&mut || {
                match round % 3 {
                    0 => owner = None,
                    1 => assert!(owner.take().unwrap().shutdown().is_err()),
                    _ => {}
                }
                works(childs.path())
            });
            assert_eq!(ended, Some(0), "round {round}");
            if round % 5 == 0 {
                // With others that submit it may never be so.
                let _ = owner.as_ref().unwrap().drain_timeout(Duration::from_millis(12));
            }
        }
        stop.store(true, Ordering::SeqCst);
        hammers.into_iter().for_each(|thread| thread.join().unwrap());
        owner.take().unwrap().shutdown_timeout(HANG).unwrap();
        traffic.check();
    });
}

#[test]
fn children_of_callbacks_end_and_nothing_is_lost() {
    let children = 40 / scale();
    let _alone = alone();
    watched(move || {
        let (directory, childs) = (scratch(), Arc::new(scratch()));
        let dispatcher = build();
        let traffic = Traffic::new(dispatcher.submitter(), directory.path(), MOST);
        let stop = Arc::new(AtomicBool::new(false));
        let (submitter, hammered) = (dispatcher.submitter(), Arc::clone(&traffic));
        let stopped = Arc::clone(&stop);
        let hammers = thread::spawn(move || hammer(&submitter, &hammered, &stopped));
        for round in 0..children {
            let childs = Arc::clone(&childs);
            let forks = null_read(&null(), move || match fork() {
                0 => exit(works(childs.path())),
                child => status_of(child),
            });
            let handle = dispatcher.spawn(forks).unwrap();
            assert_eq!(handle.join_timeout(HANG).unwrap(), Some(0), "round {round}");
        }
        stop.store(true, Ordering::SeqCst);
        hammers.join().unwrap();
        dispatcher.shutdown_timeout(HANG).unwrap();
        traffic.check();
    });
}

#[test]
fn children_of_an_iterator_of_paths_end_and_all_files_are_read() {
    let children = 100 / scale();
    /// So many files keep the workers busy while the next child comes.
    const BURST: usize = 30;
    let _alone = alone();
    watched(move || {
        let directory = scratch();
        let paths = files_of(directory.path(), &[100; BURST]);
        let dispatcher = support::builder().workers(4).build().unwrap();
        let files = modest(&dispatcher).build().unwrap();
        let source = (0..children * BURST).map(move |number| {
            if number % BURST == BURST - 1 {
                // The child goes on as if it were the parent, and comes to its end all the same.
                let child = fork();
                assert!(child == 0 || status_of(child) == Some(0));
            }
            paths[number % BURST].clone()
        });
        let run = files.read(source, |_| ());
        assert_eq!(run.filter(Result::is_ok).count(), children * BURST);
    });
}
