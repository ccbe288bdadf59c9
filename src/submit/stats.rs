//! The counters of a dispatcher: the events since its start, and the places where its jobs are now.

use std::sync::atomic::Ordering;

use crate::pipeline::Pipeline;

/// A snapshot of a dispatcher's counters.
///
/// In every snapshot:
///
/// - `accepted == finished + outstanding`.
/// - `outstanding` is `parked`, plus the occupied slots, which are at most the depth, plus the jobs
///   that were cancelled or timed out before they had a slot and whose callback has not returned.
/// - `in_flight + blocking <= outstanding - parked`.
/// - `failed`, `short` and `panics` are each at most `finished`. But a callback's panic is counted
///   a moment before its job is finished.
///
/// When nothing is outstanding, with AIO, two sums are equal. The first is `submitted`, plus the
/// requests that the kernel refused at submission, plus `cached + blocking_transfers + nops +
/// blocking_calls`. The second is `finished + resumed`, less the jobs that were cancelled or timed
/// out while they waited for their first or next of these steps.
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
    /// Jobs handed back to the caller, as there was no room or the dispatcher was shut down.
    pub refused: u64,
    /// Requests that the kernel accepted: one a job, and one more each time that a job is resumed.
    /// Without AIO, blocking threads stand in for the kernel, here and in the counters below that
    /// name the kernel and its calls.
    pub submitted: u64,
    /// Requests whose completion was reaped.
    pub completed: u64,
    /// Jobs whose callback has returned, or panicked.
    pub finished: u64,
    /// Finished jobs whose result was an error.
    pub failed: u64,
    /// Finished jobs that transferred fewer bytes than they asked for, without an error.
    pub short: u64,
    /// How often the rest of an [exact](crate::Job::exact) job was submitted, or a read that was
    /// refused as a direct one was submitted once more.
    pub resumed: u64,
    /// Jobs that were [cancelled](crate::JobHandle::cancel). When their callbacks have returned,
    /// they are finished and failed, as are those that timed out.
    pub cancelled: u64,
    /// Jobs that were ended at their [deadline](crate::Job::start_by).
    pub timed_out: u64,
    /// Reads and writes that went through the page cache.
    pub buffered: u64,
    /// Reads among these that the page cache answered at once.
    pub cached: u64,
    /// Reads by [automatic](crate::FileHandle::open_automatic) handles whose data was not all in
    /// the page cache, and that were submitted as direct ones.
    pub automatic_direct: u64,
    /// Operations that a blocking thread performed. If the
    /// [`backend`](crate::Dispatcher::backend) is threads, these are all but polls.
    pub blocking_transfers: u64,
    /// Jobs that only had a callback to run: [`Job::nop`](crate::Job::nop).
    pub nops: u64,
    /// Jobs whose work was given to a blocking thread: [`Job::blocking`](crate::Job::blocking).
    pub blocking_calls: u64,
    /// The number of blocking threads that there are now.
    pub blocking_threads: usize,
    /// Panics of callbacks, and of the work of blocking jobs.
    pub panics: u64,
    /// Jobs accepted and not finished.
    pub outstanding: u64,
    /// Outstanding jobs that wait for a slot.
    pub parked: usize,
    /// Outstanding jobs that are in the kernel.
    pub in_flight: usize,
    /// Outstanding jobs that a blocking thread has or is to get.
    pub blocking: usize,
    /// Calls of io_submit(2).
    pub submit_calls: u64,
    /// Calls of io_getevents(2), including the one that is waiting.
    pub reap_calls: u64,
    /// The largest number of completions that one of these calls returned.
    pub largest_harvest: usize,
    /// How often a worker woke up that had found nothing to do.
    pub worker_wakeups: u64,
    /// Events that belong to no job in flight. The kernel doesn't produce any.
    pub stray_events: u64,
    /// Errors of io_getevents(2) other than an interruption. The kernel has none for a live
    /// context.
    pub reap_errors: u64,
}

impl Stats {
    /// Takes a snapshot. In a forked child all counters are zero, as the lock may be held there by
    /// a thread that doesn't exist.
    pub(crate) fn of(pipeline: &Pipeline) -> Self {
        if pipeline.is_forked() {
            return Self::default();
        }
        let launcher = pipeline.launcher();
        let counters = launcher.counters();
        let automatic_direct = counters.automatic_direct.load(Ordering::Relaxed);
        let books = pipeline.admission().lock();
        let tally = books.tally();
        let outstanding = books.outstanding();
        let parked = books.waiting().for_a_slot();
        // Read in this order, so that the difference is not negative, and bounded by the slots in
        // use, as a launch that the kernel has not answered yet counts as submitted.
        let completed = counters.completed.load(Ordering::Relaxed);
        let submitted = counters.submitted.load(Ordering::Relaxed);
        // A job that is to be resumed has a slot as good as taken.
        let occupied = books.slots().occupied() + books.waiting().resumed();
        // Read under the lock, so that it is ahead only by callbacks that have not been finished.
        let panics = pipeline.panics().count();
        drop(books);
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
            // Each was counted as buffered before.
            buffered: tally.buffered.saturating_sub(automatic_direct),
            automatic_direct,
            cached: counters.cached.load(Ordering::Relaxed),
            blocking_transfers: counters.blocking_transfers.load(Ordering::Relaxed),
            nops: tally.nops,
            blocking_calls: tally.blocking_calls,
            blocking_threads: launcher.blocking().threads(),
            panics,
            outstanding,
            parked,
            in_flight,
            // Bounded, as the slots were counted before.
            blocking: launcher.blocking().jobs().min(occupied - in_flight),
            submit_calls: counters.submit_calls.load(Ordering::Relaxed),
            reap_calls: counters.reap_calls.load(Ordering::Relaxed),
            largest_harvest: counters.largest_harvest.load(Ordering::Relaxed),
            worker_wakeups: counters.worker_wakeups.load(Ordering::Relaxed),
            stray_events: counters.stray_events.load(Ordering::Relaxed),
            reap_errors: counters.reap_errors.load(Ordering::Relaxed),
        }
    }
}
