//! As many jobs as possible on the null device: nothing but the crate itself. Each has a number,
//! and a bit of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use reapool::{FileHandle, Job, Stats, Submitter};

use crate::dice::Dice;
use crate::realm::built;
use crate::realms::turn;
use crate::support::{self, HANG};
use crate::trouble::{Trouble, Troubles};

/// Jobs under way at a time.
const CHAINS: u64 = 128;
/// In a batch from outside.
const BATCH: u64 = 512;
/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(20);

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Nulls {
    pub(crate) asked: u64,
    pub(crate) submitted: u64,
    /// Bits set.
    pub(crate) marked: u64,
    pub(crate) duration: Duration,
}

struct Count {
    bits: Vec<AtomicU64>,
    is_over: AtomicBool,
    troubles: Arc<Troubles>,
    submitter: Submitter,
    null: FileHandle,
}

/// Runs so many jobs in one go, or until `is_over` says so. Tells how many are over now and then.
pub(crate) fn run(
    jobs: u64,
    troubles: &Arc<Troubles>,
    is_over: &dyn Fn() -> bool,
    tell: &dyn Fn(u64),
) -> Nulls {
    let start = Instant::now();
    let mut nulls = Nulls { asked: jobs, ..Nulls::default() };
    let mut parts = vec![Part::Chains, Part::Batches];
    // There is none without AIO.
    if !support::on_threads() {
        parts.push(Part::Loop);
    }
    for (index, part) in parts.iter().enumerate() {
        let before = nulls.submitted;
        let count = jobs * (index as u64 + 1) / parts.len() as u64
            - jobs * index as u64 / parts.len() as u64;
        let (submitted, marked) = part.run(count, troubles, is_over, &|count| tell(before + count));
        nulls.submitted += submitted;
        nulls.marked += marked;
    }
    nulls.duration = start.elapsed();
    nulls
}

#[derive(Clone, Copy, Debug)]
enum Part {
    /// Callbacks submit the next job.
    Chains,
    /// Two threads submit batches.
    Batches,
    /// Chains again, on an event loop.
    Loop,
}

impl Part {
    fn run(
        self,
        jobs: u64,
        troubles: &Arc<Troubles>,
        is_over: &dyn Fn() -> bool,
        tell: &dyn Fn(u64),
    ) -> (u64, u64) {
        let builder =
            || support::builder().depth(CHAINS as usize).backlog(2 * BATCH as usize).workers(2);
        let count = |submitter| Count::new(jobs, submitter, troubles);
        let (count, stats) = if let Self::Loop = self {
            let mut dispatcher = built(|| builder().build_loop());
            let count = count(dispatcher.submitter());
            count.chains(jobs);
            let mut dice = Dice::new(jobs);
            let mut watch = Watch::new(&count, is_over, tell);
            while dispatcher.stats().outstanding > 0 && watch.goes_on() {
                turn(&mut dispatcher, &mut dice).unwrap();
            }
            (count, dispatcher.shutdown().unwrap().stats)
        } else {
            let dispatcher = built(|| builder().build());
            let count = count(dispatcher.submitter());
            let feeders = self.feed(&count, jobs);
            let mut watch = Watch::new(&count, is_over, tell);
            while feeders.iter().any(|feeder| !feeder.is_finished())
                || dispatcher.stats().outstanding > 0
            {
                if !watch.goes_on() {
                    break;
                }
                thread::sleep(LOOK);
            }
            match dispatcher.shutdown_timeout(HANG) {
                Ok(report) => (count, report.stats),
                Err(error) => {
                    troubles.tell(Trouble::Stuck, error);
                    return (0, 0);
                }
            }
        };
        (stats.accepted, count.agree(self, &stats))
    }

    fn feed(self, count: &Arc<Count>, jobs: u64) -> Vec<thread::JoinHandle<()>> {
        if let Self::Chains = self {
            count.chains(jobs);
            return Vec::new();
        }
        let halves = [(0, jobs / 2), (jobs / 2, jobs)];
        let feeders = halves.into_iter().map(|(first, end)| {
            let count = Arc::clone(count);
            thread::spawn(move || count.batches(first, end))
        });
        feeders.collect()
    }
}

impl Count {
    fn new(jobs: u64, submitter: Submitter, troubles: &Arc<Troubles>) -> Arc<Self> {
        Arc::new(Self {
            bits: (0..jobs.div_ceil(64)).map(|_| AtomicU64::new(0)).collect(),
            is_over: AtomicBool::new(false),
            troubles: Arc::clone(troubles),
            submitter,
            null: support::null(),
        })
    }

    fn mark(&self, number: u64) {
        let bit = 1 << (number % 64);
        if self.bits[(number / 64) as usize].fetch_or(bit, Ordering::Relaxed) & bit != 0 {
            self.troubles.tell(Trouble::Doubled, format_args!("job {number} on the null device"));
        }
    }

    /// Starts chains that share the numbers.
    fn chains(self: &Arc<Self>, jobs: u64) {
        for chain in 0..CHAINS {
            let (first, end) = (jobs * chain / CHAINS, jobs * (chain + 1) / CHAINS);
            if first < end {
                self.submit(self.link(vec![0; 16], first, end));
            }
        }
    }

    fn submit(&self, job: Job) {
        if let Err(error) = self.submitter.submit(job) {
            self.troubles.tell(Trouble::Surprise, error);
        }
    }

    /// A job, and those behind it. Its number is its offset, too.
    fn link(self: &Arc<Self>, buffer: Vec<u8>, number: u64, end: u64) -> Job {
        let count = Arc::clone(self);
        let reads = number.is_multiple_of(2);
        let callback = move |done: reapool::Completion<Vec<u8>>| {
            count.mark(number);
            let expected = if reads { 0 } else { done.requested };
            if done.offset != number || done.result.as_ref().ok() != Some(&expected) {
                let what = format!("job {number}: {:?} at {}", done.result, done.offset);
                count.troubles.tell(Trouble::Surprise, what);
            }
            if number + 1 < end && !count.is_over.load(Ordering::Relaxed) {
                let mut buffer = done.buffer;
                buffer.resize(16, 0);
                count.submit(count.link(buffer, number + 1, end));
            }
        };
        if reads {
            Job::read(&self.null, buffer, number, callback)
        } else {
            Job::write(&self.null, buffer, number, callback)
        }
    }

    fn batches(self: &Arc<Self>, first: u64, end: u64) {
        let mut next = first;
        while next < end && !self.is_over.load(Ordering::Relaxed) {
            let last = end.min(next + BATCH);
            let jobs = (next..last).map(|number| self.link(vec![0; 16], number, number + 1));
            if let Err(error) = self.submitter.submit_batch(jobs) {
                return self.troubles.tell(Trouble::Surprise, error);
            }
            next = last;
        }
    }

    /// Compares bits and books. Returns how many bits are set.
    fn agree(&self, part: Part, stats: &Stats) -> u64 {
        let marked =
            self.bits.iter().map(|bits| u64::from(bits.load(Ordering::Relaxed).count_ones()));
        let marked = marked.sum();
        let jobs = [("accepted", stats.accepted), ("finished", stats.finished)];
        for (what, count) in jobs {
            self.troubles.compare(format_args!("null device, {part:?}, {what}"), count, marked);
        }
        let bad = stats.panics + stats.failed + stats.stray_events + stats.refused;
        self.troubles.compare(format_args!("null device, {part:?}, failed"), bad, 0);
        marked
    }
}

/// Looks whether there is progress.
struct Watch<'a> {
    count: &'a Count,
    is_over: &'a dyn Fn() -> bool,
    tell: &'a dyn Fn(u64),
    finished: u64,
    since: Instant,
}

impl<'a> Watch<'a> {
    fn new(count: &'a Count, is_over: &'a dyn Fn() -> bool, tell: &'a dyn Fn(u64)) -> Self {
        Self { count, is_over, tell, finished: 0, since: Instant::now() }
    }

    /// False, and told, if nothing has happened for too long.
    fn goes_on(&mut self) -> bool {
        let finished = self.count.submitter.stats().finished;
        (self.tell)(finished);
        if (self.is_over)() {
            self.count.is_over.store(true, Ordering::Relaxed);
        }
        if finished > self.finished {
            (self.finished, self.since) = (finished, Instant::now());
        }
        let goes_on = self.since.elapsed() < HANG;
        if !goes_on {
            let stats = self.count.submitter.stats();
            self.count.troubles.tell(Trouble::Stuck, format_args!("null device: {stats:?}"));
        }
        goes_on
    }
}
