//! Event-loop mode under stress: many producers, tiny counters, every kind of job, every kind of
//! waiting, and each callback runs once.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread;

use reapool::{Builder, Dispatcher, FileHandle, Job, LoopDispatcher, PollEvents, Submitter};

use crate::support::event_loop::TendedLoop;
use crate::support::readiness::{Epoll, Trigger, counter, is_readable};
use crate::support::{
    Drops, eventfd, known_file, make_readable, null, null_read, open_buffered, open_direct, scale,
    scratch, watched,
};

const PRODUCERS: usize = 8;

/// Jobs of each.
fn each() -> usize {
    10_000 / scale()
}

/// One of so many goes on with another in its callback.
const CHAINED: usize = 4;

/// What all jobs share.
struct Ledger {
    runs: Vec<AtomicU8>,
    captures: Drops,
    submitter: Submitter,
    null: FileHandle,
    buffered: FileHandle,
    direct: FileHandle,
    /// Readable.
    ready: Arc<File>,
}

impl Ledger {
    fn new(jobs: &LoopDispatcher, directory: &Path) -> Arc<Self> {
        let path = known_file(directory, "file", 1 << 16);
        let buffered = open_buffered(&path);
        let ready = eventfd();
        make_readable(&ready);
        let count = PRODUCERS * each() * (CHAINED + 1) / CHAINED;
        Arc::new(Self {
            runs: (0..count).map(|_| AtomicU8::new(0)).collect(),
            captures: Drops::default(),
            submitter: jobs.submitter(),
            null: null(),
            direct: open_direct(&path).unwrap_or_else(|| buffered.clone()),
            buffered,
            ready,
        })
    }

    /// The kinds take turns.
    fn job(self: &Arc<Self>, index: usize) -> Job {
        let (ledger, capture) = (Arc::clone(self), self.captures.guard());
        let callback = move || {
            let _capture = capture;
            ledger.runs[index].fetch_add(1, Ordering::Relaxed);
            if index.is_multiple_of(CHAINED) && index < PRODUCERS * each() {
                let next = PRODUCERS * each() + index / CHAINED;
                ledger.submitter.submit(ledger.job(next)).unwrap();
            }
        };
        match index % 13 {
            0..=3 => Job::nop(callback),
            4..=8 => null_read(&self.null, callback),
            9 => Job::read(&self.buffered, vec![0; 16], 100, move |_| callback()),
            10 => Job::poll(&self.ready, PollEvents::READABLE, move |_| callback()),
            11 => Job::blocking(|| (), move |()| callback()),
            _ => Job::read(&self.direct, reapool::AlignedBuf::zeroed(4096), 4096, move |done| {
                assert_eq!(done.result.unwrap(), 4096);
                callback();
            }),
        }
    }

    /// Each producer submits its share, one by one and in batches.
    fn produce(self: &Arc<Self>, producer: usize) {
        let all: Vec<usize> = (0..each()).map(|number| number * PRODUCERS + producer).collect();
        for (number, chunk) in all.chunks(50).enumerate() {
            if number % 2 == 0 {
                chunk.iter().for_each(|&index| self.submitter.submit(self.job(index)).unwrap());
            } else {
                self.submitter.submit_batch(chunk.iter().map(|&index| self.job(index))).unwrap();
            }
        }
    }
}

/// Lets all producers in, and gives the loop its turns as `turn` says until all is done.
fn storm(builder: Builder, mut turn: impl FnMut(&mut TendedLoop)) {
    let directory = scratch();
    let mut jobs = TendedLoop::new(builder);
    let ledger = Ledger::new(&jobs, directory.path());
    let over = Arc::new(AtomicBool::new(false));
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|producer| {
            let ledger = Arc::clone(&ledger);
            thread::spawn(move || ledger.produce(producer))
        })
        .collect();
    let watch = {
        // A loop that waits for an event is not to wait for one after the last job: this is one
        // more.
        let (over, submitter) = (Arc::clone(&over), jobs.submitter());
        thread::spawn(move || {
            producers.into_iter().for_each(|producer| producer.join().unwrap());
            submitter.submit(Job::nop(move || over.store(true, Ordering::SeqCst))).unwrap();
        })
    };
    while !over.load(Ordering::SeqCst) || jobs.stats().outstanding > 0 {
        turn(&mut jobs);
    }
    watch.join().unwrap();
    let count = ledger.runs.len();
    let wrong = ledger.runs.iter().position(|runs| runs.load(Ordering::Relaxed) != 1);
    assert_eq!(wrong, None, "of {count} jobs this one has not run once");
    assert_eq!(ledger.captures.count(), count);
    assert_eq!(jobs.stats().stray_events, 0);
    // At most a late call to fill slots is there.
    assert_eq!(jobs.run(usize::MAX).unwrap(), 0);
    assert!(!is_readable(&*jobs));
}

fn sizes(depth: usize, backlog: usize) -> Builder {
    Dispatcher::builder().depth(depth).backlog(backlog)
}

#[test]
fn level_triggered_one_at_a_time() {
    watched(|| {
        let mut watcher = None;
        storm(sizes(3, 2), |jobs| {
            watcher.get_or_insert_with(|| Epoll::of(jobs.as_fd(), Trigger::Level)).wait();
            jobs.run(1).unwrap();
        });
    });
}

#[test]
fn edge_triggered_with_tiny_bounds() {
    watched(|| {
        let mut watcher = None;
        storm(sizes(2, 0), |jobs| {
            watcher.get_or_insert_with(|| Epoll::of(jobs.as_fd(), Trigger::Edge)).wait();
            jobs.run(2).unwrap();
        });
    });
}

#[test]
fn edge_triggered_with_a_depth_of_one() {
    watched(|| {
        let mut watcher = None;
        storm(sizes(1, 0), |jobs| {
            watcher.get_or_insert_with(|| Epoll::of(jobs.as_fd(), Trigger::Edge)).wait();
            jobs.run(usize::MAX).unwrap();
        });
    });
}

#[test]
fn edge_triggered_with_threads_for_what_blocks() {
    watched(|| {
        let mut watcher = None;
        storm(sizes(16, 16).blocking_threads(3), |jobs| {
            watcher.get_or_insert_with(|| Epoll::of(jobs.as_fd(), Trigger::Edge)).wait();
            jobs.run(5).unwrap();
        });
    });
}

#[test]
fn spurious_calls_in_between() {
    watched(|| {
        let mut number = 0;
        storm(sizes(64, 64).blocking_threads(1), |jobs| {
            number += 1;
            jobs.run(number % 5).unwrap();
        });
    });
}

#[test]
fn the_counter_counts_what_there_is() {
    let mut jobs = TendedLoop::new(sizes(64, 0));
    let null = null();
    for round in 1..=20 {
        for _ in 0..round {
            jobs.try_submit(Job::nop(|| ())).unwrap();
            jobs.try_submit(null_read(&null, || ())).unwrap();
        }
        assert_eq!(counter(&jobs), 2 * round);
        for left in (0..2 * round).rev() {
            assert_eq!(jobs.run(1).unwrap(), 1);
            assert_eq!(counter(&jobs), left);
        }
    }
}
