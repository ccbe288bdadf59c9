//! Counters: what happened since the start, and where the jobs are now.

use std::sync::atomic::Ordering;

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
    /// Jobs that were given up at their [deadline](crate::Job::start_by).
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
            blocking_threads: pipeline.blocking.threads(),
            panics,
            outstanding,
            parked,
            in_flight,
            // Read later than the slots were counted.
            blocking: pipeline.blocking.jobs().min(occupied - in_flight),
            submit_calls: counters.submit_calls.load(Ordering::Relaxed),
            reap_calls: counters.reap_calls.load(Ordering::Relaxed),
            largest_harvest: counters.largest_harvest.load(Ordering::Relaxed),
            worker_wakeups: counters.worker_wakeups.load(Ordering::Relaxed),
            stray_events: counters.stray_events.load(Ordering::Relaxed),
            reap_errors: counters.reap_errors.load(Ordering::Relaxed),
        }
    }
}
