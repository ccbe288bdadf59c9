//! A dispatcher that has been dropped or shut down leaves no context, thread or descriptor behind.

use std::fs;

use reapool::{AlignedBuf, Job, PollEvents};

use crate::support::alone::{self, alone};
use crate::support::{
    self, HANG, contents, eventfd, eventually, known_file, make_readable, null, null_read,
    open_direct, proc, scratch, watched,
};

const CYCLES: usize = 100;
const DEPTH: usize = 512;

/// What all processes of the system have reserved.
fn reserved() -> usize {
    fs::read_to_string("/proc/sys/fs/aio-nr").unwrap().trim().parse().unwrap()
}

fn use_and_end(cycle: usize, path: &std::path::Path) {
    let dispatcher = support::builder().depth(DEPTH).workers(1 + cycle % 3).build().unwrap();
    for _ in 0..50 {
        dispatcher.submit(null_read(&null(), || ())).unwrap();
    }
    let eventfd = eventfd();
    dispatcher.submit(Job::poll(&eventfd, PollEvents::READABLE, |_| ())).unwrap();
    if let Some(file) = open_direct(path) {
        let job = Job::read(file, AlignedBuf::zeroed(4096), 0, |done| done.buffer);
        let read = dispatcher.spawn(job).unwrap().join_timeout(HANG).unwrap();
        assert_eq!(*read, contents(0..4096));
    }
    make_readable(&eventfd);
    match cycle % 4 {
        0 => drop(dispatcher),
        1 => drop(dispatcher.shutdown().unwrap()),
        2 => dispatcher.drain().unwrap(),
        _ => {
            // The submitter is left, and the dispatcher's end is in a callback.
            let submitter = dispatcher.submitter();
            submitter.submit(null_read(&null(), move || drop(dispatcher))).unwrap();
            eventually("all jobs end", || submitter.stats().outstanding == 0);
        }
    }
}

#[test]
fn a_hundred_cycles_leave_nothing() {
    let _alone = alone();
    watched(|| {
        let directory = scratch();
        let path = known_file(directory.path(), "known", 4096);
        // The first one makes what is made once.
        use_and_end(0, &path);
        eventually("the first one's threads end", || proc::threads().is_empty());
        for _ in 0..10 {
            let dispatcher = support::builder().depth(DEPTH).build().unwrap();
            dispatcher.submit(null_read(&null(), || ())).unwrap();
            dispatcher.shutdown().unwrap();
            assert_eq!(proc::contexts(), 0, "nothing is left to be ended");
        }
        let (descriptors, threads) = (proc::descriptors(), alone::threads());
        let before = reserved();
        for cycle in 0..CYCLES {
            use_and_end(cycle, &path);
        }
        eventually("all threads end", || alone::threads() <= threads);
        eventually("all descriptors close", || proc::descriptors() <= descriptors);
        proc::wait_for_the_end("after a hundred cycles");
        // Exact is only what the process itself has; others may have set up something meanwhile.
        let left = reserved().saturating_sub(before);
        assert!(left < CYCLES * DEPTH / 4, "{left} more requests are reserved than before");
    });
}
