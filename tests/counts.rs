//! What a job costs, in numbers that don't depend on the clock: allocations, system calls, wake-ups,
//! and memory for each slot.

#![expect(unsafe_code, reason = "counts what the allocator is asked for")]

mod util;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reapool::{AlignedBuf, Completion, Dispatcher, FileHandle, Job, Stats, Submitter};
use util::{SCALE, null, watched};

const DEPTH: usize = 64;
const JOBS: u64 = 100_000 / SCALE as u64;

/// The system's allocator, counted.
struct Counting;

static CALLS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator with the arguments as they came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        BYTES.fetch_add(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The allocator is the whole process's.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn dispatcher(workers: usize) -> Dispatcher {
    Dispatcher::builder().depth(DEPTH).workers(workers).build().unwrap()
}

/// What was needed for `JOBS` jobs.
struct Cost {
    allocations: u64,
    before: Stats,
    after: Stats,
}

impl Cost {
    /// Runs some jobs to warm up, and then `JOBS` that are counted.
    fn of(dispatcher: &Dispatcher, run: impl Fn(u64)) -> Self {
        run(JOBS / 4);
        dispatcher.drain().unwrap();
        let (before, calls) = (dispatcher.stats(), CALLS.load(Ordering::Relaxed));
        run(JOBS);
        dispatcher.drain().unwrap();
        let allocations = CALLS.load(Ordering::Relaxed) - calls;
        Self { allocations, before, after: dispatcher.stats() }
    }

    fn jobs(&self) -> u64 {
        self.after.finished - self.before.finished
    }

    fn per_job(&self, counter: impl Fn(&Stats) -> u64) -> f64 {
        (counter(&self.after) - counter(&self.before)) as f64 / self.jobs() as f64
    }
}

/// What callbacks of chains share.
struct Chains {
    submitter: Submitter,
    left: AtomicU64,
}

fn go_on(chains: Arc<Chains>, done: Completion<AlignedBuf>) {
    let one_less = |left: u64| left.checked_sub(1);
    if chains.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok() {
        let next = Arc::clone(&chains);
        let job = Job::read(done.file, done.buffer, 0, move |done| go_on(next, done));
        chains.submitter.submit(job).unwrap();
    }
}

/// As many chains as the depth, `jobs` jobs in all.
fn chained(dispatcher: &Dispatcher, file: &FileHandle, jobs: u64) {
    let left = AtomicU64::new(jobs - DEPTH as u64);
    let chains = Arc::new(Chains { submitter: dispatcher.submitter(), left });
    let first = (0..DEPTH).map(|_| {
        let chains = Arc::clone(&chains);
        Job::read(file, AlignedBuf::zeroed(512), 0, move |done| go_on(chains, done))
    });
    dispatcher.submit_batch(first).unwrap();
}

/// One thread that submits job after job, with buffers that callbacks give back.
fn outside(
    dispatcher: &Dispatcher,
    file: &FileHandle,
    home: &Arc<Mutex<Vec<AlignedBuf>>>,
    jobs: u64,
) {
    for _ in 0..jobs {
        let buffer = loop {
            if let Some(buffer) = home.lock().unwrap().pop() {
                break buffer;
            }
            std::thread::yield_now();
        };
        let home = Arc::clone(home);
        let job = Job::read(file, buffer, 0, move |done| home.lock().unwrap().push(done.buffer));
        dispatcher.submit(job).unwrap();
    }
}

#[test]
fn a_job_takes_one_allocation() {
    let _alone = alone();
    watched(|| {
        let (dispatcher, file) = (dispatcher(2), null());
        // The first jobs of the chains have buffers to allocate, and lists grow at first.
        let slack = 4 * DEPTH as u64;
        let cost = Cost::of(&dispatcher, |jobs| chained(&dispatcher, &file, jobs));
        assert_eq!(cost.jobs(), JOBS);
        let (allocations, most) = (cost.allocations, JOBS + slack);
        assert!(allocations <= most, "{allocations} allocations for {JOBS} jobs in chains");

        let buffers = (0..4 * DEPTH).map(|_| AlignedBuf::zeroed(512)).collect();
        let home = Arc::new(Mutex::new(buffers));
        let cost = Cost::of(&dispatcher, |jobs| outside(&dispatcher, &file, &home, jobs));
        let (allocations, most) = (cost.allocations, JOBS + slack);
        assert!(allocations <= most, "{allocations} allocations for {JOBS} jobs from outside");
    });
}

/// Of `io_submit` and `io_getevents` together, and wake-ups of workers, for each job in chains.
fn calls_and_wake_ups(dispatcher: &Dispatcher) -> (f64, f64) {
    let file = null();
    let cost = Cost::of(dispatcher, |jobs| chained(dispatcher, &file, jobs));
    (
        cost.per_job(|stats| stats.submit_calls + stats.reap_calls),
        cost.per_job(|stats| stats.worker_wakeups),
    )
}

#[test]
fn chains_take_few_system_calls_and_wake_ups() {
    /// How many it is depends on how the threads meet, so it is not asked of each run.
    const TRIES: usize = 5;
    let _alone = alone();
    watched(|| {
        for workers in [1, 2] {
            let dispatcher = dispatcher(workers);
            let runs: Vec<_> = (0..TRIES).map(|_| calls_and_wake_ups(&dispatcher)).collect();
            let few = |&(calls, wake_ups): &(f64, f64)| calls <= 0.15 && wake_ups <= 0.02;
            assert!(runs.iter().any(few), "calls and wake-ups a job: {runs:?}");
        }
    });
}

#[test]
fn a_slot_takes_little_memory() {
    let _alone = alone();
    let bytes = |depth: usize| {
        let before = BYTES.load(Ordering::Relaxed);
        drop(Dispatcher::builder().depth(depth).workers(1).build().unwrap());
        BYTES.load(Ordering::Relaxed) - before
    };
    bytes(1);
    let (small, large) = (bytes(24), bytes(1024));
    let slot = (large - small) / 1000;
    assert!(slot <= 256, "{slot} bytes for each slot");
    assert!(slot >= 64, "{slot} bytes can't even hold a control block: this doesn't count all");
}
