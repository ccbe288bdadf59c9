//! Counters: what happened since the start, and where the jobs are now.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::completion::Operation;
use crate::engine::Request;
use crate::job::Job;
use crate::pipeline::Pipeline;

/// A snapshot of a dispatcher's counters.
///
/// In every snapshot:
///
/// - `accepted == finished + outstanding`;
/// - `outstanding == parked + ` the occupied slots, which are at most the depth, ` + ` the jobs that
///   were withdrawn or timed out before they had a slot and whose callback has not returned;
/// - `in_flight + blocking <= outstanding - parked`;
/// - `failed`, `short` and `panics` are each at most `finished`, but that a callback's panic is
///   counted a moment before its job is finished.
///
/// When nothing is outstanding, with AIO, `submitted + ` the requests that the kernel refused at
/// submission `+ cached + blocking_transfers + nops + blocking_calls == finished + resumed`, less the
/// jobs that were withdrawn or timed out while they waited for the first of these, or for the next.
///
/// # Examples
///
/// ```
/// use reapool::{Dispatcher, Job};
///
/// let dispatcher = Dispatcher::new()?;
/// let file = std::fs::File::open("Cargo.toml")?;
/// dispatcher.submit(Job::read(file, vec![0; 1 << 16], 0, |_| ()))?;
/// dispatcher.drain()?;
/// let stats = dispatcher.stats();
/// assert_eq!((stats.accepted, stats.finished, stats.outstanding), (1, 1, 0));
/// assert_eq!(stats.short, 1, "the file is shorter than the buffer");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Jobs accepted.
    pub accepted: u64,
    /// Jobs handed back to the caller: no room, or too late.
    pub refused: u64,
    /// Requests that the kernel accepted: one a job, and one more each time that a job is resumed.
    /// Without AIO, those that were left to threads as if to it; the same holds below for what is said
    /// of the kernel and its calls.
    pub submitted: u64,
    /// Requests whose completion was reaped.
    pub completed: u64,
    /// Jobs whose callback has returned, or panicked.
    pub finished: u64,
    /// Finished jobs whose result was an error.
    pub failed: u64,
    /// Finished jobs that transferred fewer bytes than they asked for, without an error.
    pub short: u64,
    /// How often the rest of an [exact](crate::Job::exact) job was submitted.
    pub resumed: u64,
    /// Jobs that were [withdrawn](crate::JobHandle::cancel). Once their callbacks have returned they
    /// are finished, and failed, as are those that timed out.
    pub cancelled: u64,
    /// Jobs that were given up at their [deadline](crate::Job::deadline).
    pub timed_out: u64,
    /// Reads and writes that went through the page cache.
    pub buffered: u64,
    /// Reads of these that the page cache answered at once.
    pub cached: u64,
    /// Operations that were performed by a thread for what blocks: all but polls, if the
    /// [`backend`](crate::Dispatcher::backend) is threads.
    pub blocking_transfers: u64,
    /// Jobs of which there was nothing to do but the callback: [`Job::nop`](crate::Job::nop).
    pub nops: u64,
    /// Jobs whose work was given to a thread for what blocks:
    /// [`Job::blocking`](crate::Job::blocking).
    pub blocking_calls: u64,
    /// How many threads for what blocks there are now.
    pub blocking_threads: usize,
    /// Callbacks that panicked, and work of blocking jobs.
    pub panics: u64,
    /// Jobs accepted and not finished.
    pub outstanding: u64,
    /// Of these, jobs that wait for a slot.
    pub parked: usize,
    /// Of these, jobs that are in the kernel.
    pub in_flight: usize,
    /// Of these, jobs that a thread for what blocks has or is to get.
    pub blocking: usize,
    /// Calls of io_submit(2).
    pub submit_calls: u64,
    /// Calls of io_getevents(2), the one that is waiting included.
    pub reap_calls: u64,
    /// The most completions that one of these calls returned.
    pub largest_harvest: usize,
    /// How often a worker that had found nothing to do woke up.
    pub worker_wakeups: u64,
    /// Events that belong to no job in flight. The kernel doesn't produce such.
    pub stray_events: u64,
    /// Errors of io_getevents(2) other than an interruption. The kernel has none for a live context.
    pub reap_errors: u64,
}

/// The counters that are not kept under the admission lock. They order nothing, so all accesses are
/// relaxed.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) submit_calls: AtomicU64,
    submitted: AtomicU64,
    pub(crate) completed: AtomicU64,
    pub(crate) reap_calls: AtomicU64,
    pub(crate) reap_errors: AtomicU64,
    pub(crate) worker_wakeups: AtomicU64,
    pub(crate) cached: AtomicU64,
    pub(crate) blocking_transfers: AtomicU64,
    /// Polls in the kernel.
    polls: AtomicU64,
    largest_harvest: AtomicUsize,
    stray_events: AtomicU64,
}

impl Counters {
    /// About how many requests are in the kernel that don't wait for others to do something.
    pub(crate) fn in_flight(&self) -> usize {
        let others = self.completed.load(Ordering::Relaxed) + self.polls.load(Ordering::Relaxed);
        let in_flight = self.submitted.load(Ordering::Relaxed).saturating_sub(others);
        usize::try_from(in_flight).unwrap_or(usize::MAX)
    }

    /// How many polls are in the kernel.
    pub(crate) fn polls(&self) -> u64 {
        self.polls.load(Ordering::Relaxed)
    }

    /// Counts a batch that the kernel is about to get.
    pub(crate) fn submitted(&self, batch: &[Request]) {
        self.submitted.fetch_add(batch.len() as u64, Ordering::Relaxed);
        self.polls.fetch_add(polls(batch), Ordering::Relaxed);
    }

    /// Counts what it did not take of it: mostly nothing.
    pub(crate) fn taken_back(&self, rest: &[Request]) {
        if !rest.is_empty() {
            self.submitted.fetch_sub(rest.len() as u64, Ordering::Relaxed);
            self.polls.fetch_sub(polls(rest), Ordering::Relaxed);
        }
    }

    /// Takes note of a job that has completed, if it was a poll.
    pub(crate) fn polled(&self, job: &Job) {
        let polls = self.polls.load(Ordering::Relaxed);
        if polls > 0 && job.operation() == Operation::Poll {
            self.polls.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Counts what one call of the reaper brought.
    pub(crate) fn harvested(&self, count: usize) {
        self.completed.fetch_add(count as u64, Ordering::Relaxed);
        // The reaper alone writes this one.
        if count > self.largest_harvest.load(Ordering::Relaxed) {
            self.largest_harvest.store(count, Ordering::Relaxed);
        }
    }

    /// Counts an event among these that belongs to no job.
    pub(crate) fn strayed(&self) {
        self.completed.fetch_sub(1, Ordering::Relaxed);
        self.stray_events.fetch_add(1, Ordering::Relaxed);
    }
}

fn polls(batch: &[Request]) -> u64 {
    batch.iter().filter(|request| request.transfer.operation == Operation::Poll).count() as u64
}

impl Stats {
    /// Takes a snapshot. In a forked child, where the lock may be held by a thread that doesn't
    /// exist, all is zero.
    pub(crate) fn of(pipeline: &Pipeline) -> Self {
        if pipeline.is_forked() {
            return Self::default();
        }
        let counters = &pipeline.counters;
        let state = pipeline.admission.lock();
        let tally = state.tally;
        let outstanding = state.outstanding();
        let parked = state.waiting();
        // Read in this order, and bounded by the slots in use: a launch that the kernel has not
        // answered yet counts as submitted.
        let completed = counters.completed.load(Ordering::Relaxed);
        let submitted = counters.submitted.load(Ordering::Relaxed);
        let occupied = pipeline.admission.limits().depth as usize - state.free_slots();
        // Under the lock, so that it is ahead only by callbacks that have not been finished yet.
        let panics = pipeline.panics.count();
        drop(state);
        let in_flight = usize::try_from(submitted.saturating_sub(completed)).unwrap_or(usize::MAX);
        let in_flight = in_flight.min(occupied);
        Self {
            accepted: tally.accepted,
            refused: tally.refused,
            submitted,
            completed,
            finished: tally.finished,
            failed: tally.failed,
            short: tally.short,
            resumed: tally.resumed,
            cancelled: tally.cancelled,
            timed_out: tally.timed_out,
            buffered: tally.buffered,
            cached: counters.cached.load(Ordering::Relaxed),
            blocking_transfers: counters.blocking_transfers.load(Ordering::Relaxed),
            nops: tally.nops,
            blocking_calls: tally.blocking_calls,
            blocking_threads: pipeline.lane.threads(),
            panics,
            outstanding,
            parked,
            in_flight,
            // Read later than the slots were counted.
            blocking: pipeline.lane.jobs().min(occupied - in_flight),
            submit_calls: counters.submit_calls.load(Ordering::Relaxed),
            reap_calls: counters.reap_calls.load(Ordering::Relaxed),
            largest_harvest: counters.largest_harvest.load(Ordering::Relaxed),
            worker_wakeups: counters.worker_wakeups.load(Ordering::Relaxed),
            stray_events: counters.stray_events.load(Ordering::Relaxed),
            reap_errors: counters.reap_errors.load(Ordering::Relaxed),
        }
    }
}
