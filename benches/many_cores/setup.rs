//! What is simulated: how many threads, what callbacks and the device take, and how the crate keeps
//! its books.

use crate::parameters::{
    Cost, DESCRIBE, DESCRIBE_UNSEEN, FILL_JOB, FILL_JOB_UNSEEN, LINE, LINE_OF_TWO_CORES, SPIN,
    SUBMIT_DEVICE, SUBMIT_NULL, SYSTEM_CALL,
};

#[derive(Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) workers: usize,
    /// Threads that submit from outside. Without any, callbacks submit: there are as many chains as
    /// slots.
    pub(crate) submitters: usize,
    /// The time of a callback, beside what the crate does for it.
    pub(crate) callback: f64,
    pub(crate) depth: usize,
    pub(crate) latency: f64,
    pub(crate) iops: Option<f64>,
    /// The kernel's part of a submission.
    pub(crate) submit_job: f64,
    /// To move a cache line.
    pub(crate) line: f64,
    pub(crate) booking: Booking,
    /// One takes this part of the time that it would take: as if several shared the work, and never
    /// met.
    pub(crate) reapers: usize,
    pub(crate) jobs_seen: JobsSeen,
    /// How long a thread spins for the lock before it sleeps.
    pub(crate) spin: f64,
    pub(crate) jobs: usize,
}

/// When a worker takes the lock for the jobs of its callbacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Booking {
    /// For each that is parked, and for each that is finished: as the crate does it.
    Each,
    /// For each that is parked. Those that ended are finished at the end of the run.
    FinishTogether,
    /// At the end of the run alone.
    AllTogether,
}

/// When a thread that fills slots looks at the memory of the jobs, to know where each goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobsSeen {
    /// As the crate does it.
    UnderLock,
    Later,
}

/// The most jobs of a batch from outside.
pub(crate) const BATCH: usize = 64;

impl Setup {
    /// Chains on a device without a limit, with 80 us a read.
    pub(crate) fn chained(workers: usize, callback: f64) -> Self {
        Self {
            workers,
            submitters: 0,
            callback,
            depth: 1024,
            latency: 80_000.0,
            iops: None,
            submit_job: SUBMIT_DEVICE,
            line: LINE,
            booking: Booking::Each,
            reapers: 1,
            jobs_seen: JobsSeen::UnderLock,
            spin: SPIN,
            jobs: 100_000,
        }
    }

    /// Batches from outside, twice as many jobs as slots.
    pub(crate) fn outside(workers: usize, submitters: usize, callback: f64) -> Self {
        Self { submitters, ..Self::chained(workers, callback) }
    }

    /// Chains on the null device, as the benchmark `handoff` runs them.
    pub(crate) fn null(workers: usize, callback: f64) -> Self {
        Self {
            depth: 64,
            latency: 0.0,
            submit_job: SUBMIT_NULL,
            line: LINE_OF_TWO_CORES,
            ..Self::chained(workers, callback)
        }
    }

    /// What it takes to put a job into a slot, under the lock.
    pub(crate) fn fill_job(&self) -> Cost {
        match self.jobs_seen {
            JobsSeen::UnderLock => FILL_JOB,
            JobsSeen::Later => FILL_JOB_UNSEEN,
        }
    }

    /// How long a thread is in the kernel with so many requests, and describes them before.
    pub(crate) fn submission(&self, jobs: usize) -> f64 {
        let describe = match self.jobs_seen {
            JobsSeen::UnderLock => DESCRIBE,
            JobsSeen::Later => DESCRIBE_UNSEEN,
        };
        SYSTEM_CALL + describe.times(jobs).time(self.line) + self.submit_job * jobs as f64
    }

    /// How many jobs a thread outside has out at most.
    pub(crate) fn own(&self) -> usize {
        (2 * self.depth / self.submitters.max(1)).max(1)
    }
}
