//! Every accepted job ends exactly once: a million of them, submitted in every way at the same
//! time.

use std::fs::OpenOptions;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

use reapool::{FileHandle, Job, Stats, Submitter};

use crate::support::{self, Drops, HANG, Tended, scale, watched};

/// Submitted one by one from outside.
fn single() -> usize {
    50_000 / scale()
}

/// Submitted in batches from outside.
fn batched() -> usize {
    650_000 / scale()
}

fn outside() -> usize {
    single() + batched()
}

/// Submitted by the callbacks of the first ones of those, some single and some batched.
fn chained() -> usize {
    300_000 / scale()
}

fn jobs() -> usize {
    outside() + chained()
}

/// Jobs in a batch, and outside jobs that share a file.
const BATCH: usize = 1000;
const LENGTH: usize = 16;

/// What all callbacks share.
struct Ledger {
    submitter: Submitter,
    /// How often each job's callback has run.
    runs: Vec<AtomicU8>,
    buffers: Drops,
    captures: Drops,
    files: Drops,
}

impl Ledger {
    fn new(submitter: Submitter) -> Arc<Self> {
        Arc::new(Self {
            submitter,
            runs: (0..jobs()).map(|_| AtomicU8::new(0)).collect(),
            buffers: Drops::default(),
            captures: Drops::default(),
            files: Drops::default(),
        })
    }

    fn file(&self) -> FileHandle {
        self.files.file(OpenOptions::new().read(true).write(true).open("/dev/null").unwrap())
    }

    /// Its index is the job's offset. Reads and writes take turns, as their results differ.
    fn job(self: &Arc<Self>, file: FileHandle, index: usize) -> Job {
        let buffer = self.buffers.buffer(vec![0; LENGTH]);
        let (ledger, capture) = (Arc::clone(self), self.captures.guard());
        let callback = move |file: FileHandle, offset: u64, result: usize, expected: usize| {
            let _capture = capture;
            assert_eq!((offset, result), (index as u64, expected));
            ledger.runs[index].fetch_add(1, Ordering::Relaxed);
            if index < chained() {
                ledger.submitter.submit(ledger.job(file, outside() + index)).unwrap();
            }
        };
        if index.is_multiple_of(2) {
            Job::read(file, buffer, index as u64, move |done| {
                callback(done.file, done.offset, done.result.unwrap(), 0);
            })
        } else {
            Job::write(file, buffer, index as u64, move |done| {
                callback(done.file, done.offset, done.result.unwrap(), LENGTH);
            })
        }
    }

    fn submit_singles(self: &Arc<Self>) {
        for first in (0..single()).step_by(BATCH) {
            let file = self.file();
            for index in first..first + BATCH {
                self.submitter.submit_timeout(self.job(file.clone(), index), HANG).unwrap();
            }
        }
    }

    fn submit_batches(self: &Arc<Self>) {
        for first in (single()..outside()).step_by(BATCH) {
            let file = self.file();
            let jobs = (first..first + BATCH).map(|index| self.job(file.clone(), index));
            self.submitter.submit_batch(jobs).unwrap();
        }
    }

    /// Nothing ran, or was dropped, less or more than once.
    fn check(&self) {
        for (index, runs) in self.runs.iter().enumerate() {
            assert_eq!(runs.load(Ordering::Relaxed), 1, "runs of job {index}");
        }
        assert_eq!(self.buffers.count(), jobs(), "buffers dropped");
        assert_eq!(self.captures.count(), jobs(), "callbacks dropped");
        assert_eq!(self.files.count(), outside() / BATCH, "files closed");
    }
}

/// The counters of a dispatcher that did all `jobs`, and nothing else.
fn check_stats(stats: &Stats, jobs: u64) {
    assert_eq!((stats.accepted, stats.finished), (jobs, jobs), "{stats:?}");
    assert_eq!((stats.submitted, stats.completed), (jobs, jobs), "{stats:?}");
    assert_eq!((stats.outstanding, stats.in_flight, stats.parked), (0, 0, 0), "{stats:?}");
    assert_eq!((stats.refused, stats.failed, stats.panics), (0, 0, 0), "{stats:?}");
    assert_eq!((stats.stray_events, stats.reap_errors), (0, 0), "{stats:?}");
}

#[test]
fn a_million_jobs_end_once_each() {
    let dispatcher = Tended::new(support::builder().depth(128).workers(2));
    let ledger = Ledger::new(dispatcher.submitter());
    let shared = Arc::clone(&ledger);
    watched(move || {
        thread::scope(|scope| {
            scope.spawn(|| shared.submit_singles());
            scope.spawn(|| shared.submit_batches());
        });
    });
    dispatcher.quiesce();
    ledger.check();
    let stats = dispatcher.stats();
    check_stats(&stats, jobs() as u64);
    assert!(stats.short > 0 && stats.buffered == 0, "{stats:?}");
}

#[test]
fn none_is_lost_where_everything_is_scarce() {
    const SMALL: usize = 3000;
    // More workers than slots, and no backlog: every path is one that waits.
    let dispatcher = Tended::new(support::builder().depth(1).backlog(0).workers(4));
    let ledger = Ledger::new(dispatcher.submitter());
    let shared = Arc::clone(&ledger);
    watched(move || {
        let file = shared.file();
        shared
            .submitter
            .submit_batch((0..SMALL).map(|index| shared.job(file.clone(), index)))
            .unwrap();
    });
    dispatcher.quiesce();
    let runs = |range: std::ops::Range<usize>| {
        ledger.runs[range].iter().all(|runs| runs.load(Ordering::Relaxed) == 1)
    };
    assert!(runs(0..SMALL) && runs(outside()..outside() + SMALL));
    assert_eq!((ledger.buffers.count(), ledger.captures.count()), (2 * SMALL, 2 * SMALL));
    assert_eq!(ledger.files.count(), 1);
    check_stats(&dispatcher.stats(), 2 * SMALL as u64);
}
