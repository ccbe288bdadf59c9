//! What a job costs, in numbers that don't depend on the clock: allocations, system calls,
//! wake-ups, and memory for each slot.

#[path = "../../benches/modes/mod.rs"]
mod modes;

use reapool::{Dispatcher, Stats};

use crate::support::allocator::Counting;
use crate::support::alone::alone;
use crate::support::{self, null, scale, watched};

const DEPTH: usize = 64;
const BLOCK: usize = 512;
fn jobs() -> u64 {
    100_000 / scale() as u64
}

fn dispatcher(workers: usize) -> Dispatcher {
    support::builder().depth(DEPTH).workers(workers).build().unwrap()
}

/// What was needed for so many jobs.
struct Cost {
    allocations: u64,
    before: Stats,
    after: Stats,
}

impl Cost {
    /// Runs some jobs to warm up, and then `jobs()` that are counted. Each time all have ended when
    /// `run` returns.
    fn of(dispatcher: &Dispatcher, run: impl Fn(u64)) -> Self {
        run(jobs() / 4);
        let (before, calls) = (dispatcher.stats(), Counting::allocations());
        run(jobs());
        let allocations = Counting::allocations() - calls;
        Self { allocations, before, after: dispatcher.stats() }
    }

    /// The cost in chains, as many as the depth.
    fn chained(dispatcher: &Dispatcher) -> Self {
        let file = null();
        Self::of(dispatcher, |jobs| modes::chained(dispatcher, &file, DEPTH, BLOCK, jobs, |_| 0))
    }

    /// The cost of a thread that submits one job after the other, with buffers that come back.
    fn outside(dispatcher: &Dispatcher) -> Self {
        let buffers = modes::buffers(4 * DEPTH, BLOCK);
        let (file, recycled) = (null(), modes::Recycled::new(buffers, DEPTH));
        Self::of(dispatcher, |jobs| {
            modes::outside(dispatcher, &file, &recycled, jobs, 1, |_| 0);
        })
    }

    fn jobs(&self) -> u64 {
        self.after.finished - self.before.finished
    }

    fn per_job(&self, counter: impl Fn(&Stats) -> u64) -> f64 {
        (counter(&self.after) - counter(&self.before)) as f64 / self.jobs() as f64
    }
}

#[test]
fn a_job_takes_one_allocation() {
    let _alone = alone();
    watched(|| {
        let dispatcher = dispatcher(2);
        // The first jobs of the chains have buffers to allocate, and lists grow at first.
        let slack = 4 * DEPTH as u64;
        let cost = Cost::chained(&dispatcher);
        assert_eq!(cost.jobs(), jobs());
        let (allocations, most) = (cost.allocations, jobs() + slack);
        assert!(allocations <= most, "{allocations} allocations, not {most}, for jobs in chains");

        let cost = Cost::outside(&dispatcher);
        let (allocations, most) = (cost.allocations, jobs() + slack);
        assert!(
            allocations <= most,
            "{allocations} allocations, not {most}, for jobs from outside"
        );
    });
}

/// Of `io_submit` and `io_getevents` together, and wake-ups of workers, for each job in chains.
fn calls_and_wake_ups(dispatcher: &Dispatcher) -> (f64, f64) {
    let cost = Cost::chained(dispatcher);
    (
        cost.per_job(|stats| stats.submit_calls + stats.reap_calls),
        cost.per_job(|stats| stats.worker_wakeups),
    )
}

#[test]
fn chains_take_few_system_calls_and_wake_ups() {
    /// How many it is depends on how the threads meet, so it is not asked of each run.
    const TRIES: usize = 5;
    /// Both workers for each harvest, with 32 in it, the most that the reaper waits for. Whether
    /// that is worth it depends on how long the machine takes for the callbacks; one a job never
    /// is.
    const WAKE_UPS: f64 = 2.0 / 32.0;
    /// Without optimization callbacks take longer than the null device, and fewer come together.
    const CALLS: f64 = if cfg!(debug_assertions) { 0.3 } else { 0.15 };
    let _alone = alone();
    watched(|| {
        for workers in [1, 2] {
            let dispatcher = dispatcher(workers);
            let runs: Vec<_> = (0..TRIES).map(|_| calls_and_wake_ups(&dispatcher)).collect();
            let few = |&(calls, wake_ups): &(f64, f64)| calls <= CALLS && wake_ups <= WAKE_UPS;
            assert!(runs.iter().any(few), "calls and wake-ups a job: {runs:?}");
        }
    });
}

#[test]
fn a_slot_takes_little_memory() {
    let _alone = alone();
    let bytes = |depth: usize| {
        let before = Counting::bytes();
        let _dispatcher = support::builder().depth(depth).workers(1).build().unwrap();
        Counting::bytes() - before
    };
    bytes(1);
    let (small, large) = (bytes(24), bytes(1024));
    let slot = (large - small) / 1000;
    assert!(slot <= 256, "{slot} bytes for each slot");
    assert!(slot >= 64, "{slot} bytes can't even hold a control block: this doesn't count all");
}
