//! Jobs of every kind, of which each has a number, and the books of what became of them: what was
//! accepted has run once, what was refused has not, and what callbacks captured was dropped once.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use reapool::{AlignedBuf, FileHandle, Job, PollEvents, Submitter};

use crate::support::{
    Drops, byte_at, eventfd, known_file, make_readable, null, null_read, open_buffered, open_direct,
};

const BLOCK: usize = 4096;
const BLOCKS: usize = 16;

pub(crate) struct Traffic {
    submitter: Submitter,
    made: AtomicUsize,
    accepted: Vec<AtomicU8>,
    runs: Vec<AtomicU8>,
    captures: Drops,
    null: FileHandle,
    buffered: FileHandle,
    direct: FileHandle,
    /// Readable.
    ready: Arc<File>,
    /// Readable from [`release`](Self::release) on.
    stalled: Arc<File>,
}

impl Traffic {
    /// No more than `most` jobs.
    pub(crate) fn new(submitter: Submitter, directory: &Path, most: usize) -> Arc<Self> {
        let path = known_file(directory, "traffic", (BLOCK * BLOCKS) as u64);
        let (buffered, ready) = (open_buffered(&path), eventfd());
        make_readable(&ready);
        let zeroes = || (0..most).map(|_| AtomicU8::new(0)).collect();
        Arc::new(Self {
            submitter,
            made: AtomicUsize::new(0),
            accepted: zeroes(),
            runs: zeroes(),
            captures: Drops::default(),
            null: null(),
            direct: open_direct(&path).unwrap_or_else(|| buffered.clone()),
            buffered,
            ready,
            stalled: eventfd(),
        })
    }

    /// How many jobs have been made.
    pub(crate) fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }

    /// Lets the polls go that wait for that.
    pub(crate) fn release(&self) {
        make_readable(&self.stalled);
    }

    /// Takes note of what was submitted.
    pub(crate) fn accept(&self, number: usize) {
        self.accepted[number].fetch_add(1, Ordering::SeqCst);
    }

    /// A job, and its number. Its callback submits the next of a chain of so many, and returns its
    /// number. The kinds take turns; only with `stalls` there are polls that wait for `release`.
    pub(crate) fn job(self: &Arc<Self>, chain: usize, stalls: bool) -> (usize, Job<usize>) {
        let number = self.made.fetch_add(1, Ordering::SeqCst);
        let (traffic, capture) = (Arc::clone(self), self.captures.guard());
        let callback = move || {
            let _capture = capture;
            traffic.runs[number].fetch_add(1, Ordering::SeqCst);
            if chain > 0 {
                let (next, job) = traffic.job(chain - 1, stalls);
                // Counted first: it may be over before this goes on.
                traffic.accept(next);
                traffic.submitter.spawn(job).map(drop).unwrap();
            }
            number
        };
        let block = (number % BLOCKS * BLOCK) as u64;
        let job = match number % 10 {
            0 | 1 => Job::nop(callback),
            2..=4 => null_read(&self.null, callback),
            5 => Job::read(&self.buffered, vec![0; 100], block, move |done| {
                assert!(done.result.is_err() || done.data()[7] == byte_at(block + 7));
                callback()
            }),
            6 => Job::read(&self.direct, AlignedBuf::zeroed(BLOCK), block, move |done| {
                assert!(done.result.is_err() || done.data()[7] == byte_at(block + 7));
                callback()
            })
            .exact(),
            7 => Job::blocking(|| (), move |()| callback()),
            8 => Job::write(&self.null, vec![1; 9], 0, move |_| callback()),
            _ => {
                let file = if stalls { &self.stalled } else { &self.ready };
                Job::poll(file, PollEvents::READABLE, move |_| callback())
            }
        };
        (number, job)
    }

    /// When nothing is outstanding and nobody submits: each job ran once if it was accepted, and
    /// nothing of any is left.
    pub(crate) fn check(&self) {
        let made = self.made();
        for number in 0..made {
            let count = |list: &[AtomicU8]| list[number].load(Ordering::SeqCst);
            let (runs, accepted) = (count(&self.runs), count(&self.accepted));
            assert_eq!(runs, accepted, "job {number} was accepted so often, and ran so often");
        }
        assert_eq!(self.captures.count(), made, "what callbacks captured is dropped once");
    }
}

/// Numbers that look random, and are the same each time.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    /// One below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    /// An index below `end`.
    pub(crate) fn index(&mut self, end: usize) -> usize {
        self.below(end as u64) as usize
    }
}
