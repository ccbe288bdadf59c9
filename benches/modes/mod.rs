//! The ways of driving a dispatcher that the benchmarks compare, all with recycled buffers.

mod recycled;

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reapool::{AlignedBuf, Completion, Dispatcher, FileHandle, Job, Submitter};

pub(crate) use recycled::Recycled;

/// Allocates `count` buffers.
pub(crate) fn buffers(count: usize, block: usize) -> Vec<AlignedBuf> {
    (0..count).map(|_| AlignedBuf::zeroed(block)).collect()
}

/// Drives the dispatcher from an outside thread with up to `batch` jobs at a time: a single one by
/// `submit`, several by `submit_batch`.
pub(crate) fn outside(
    dispatcher: &Dispatcher,
    file: &FileHandle,
    recycled: &Arc<Recycled<AlignedBuf>>,
    total: u64,
    batch: usize,
    offset: impl Fn(u64) -> u64,
) {
    let mut at_hand = Vec::new();
    let mut started = 0;
    while started < total {
        if at_hand.is_empty() {
            recycled.take(&mut at_hand);
        }
        let count = batch.min(at_hand.len()).min((total - started) as usize);
        let jobs = at_hand.drain(at_hand.len() - count..).zip(started..).map(|(buffer, number)| {
            let home = Arc::clone(recycled);
            Job::read(file, buffer, offset(number), move |done| {
                black_box(done.result.unwrap());
                home.give(done.buffer);
            })
        });
        if batch == 1 {
            jobs.for_each(|job| dispatcher.submit(job).unwrap());
        } else {
            dispatcher.submit_batch(jobs).unwrap();
        }
        started += count as u64;
    }
    at_hand.into_iter().for_each(|buffer| recycled.give(buffer));
    dispatcher.drain().unwrap();
}

/// The state that the callbacks of [`chains`] share.
struct Chains<O> {
    submitter: Submitter,
    started: AtomicU64,
    total: u64,
    offset: O,
}

/// Runs `depth` chains of jobs: each callback submits the next job of its chain.
pub(crate) fn chained<O>(
    dispatcher: &Dispatcher,
    file: &FileHandle,
    depth: usize,
    block: usize,
    total: u64,
    offset: O,
) where
    O: Fn(u64) -> u64 + Send + Sync + 'static,
{
    let first = chains(dispatcher.submitter(), file, depth, block, total, offset);
    dispatcher.submit_batch(first).unwrap();
    dispatcher.drain().unwrap();
}

/// The first jobs of `depth` chains.
pub(crate) fn chains<O>(
    submitter: Submitter,
    file: &FileHandle,
    depth: usize,
    block: usize,
    total: u64,
    offset: O,
) -> impl Iterator<Item = Job>
where
    O: Fn(u64) -> u64 + Send + Sync + 'static,
{
    let started = AtomicU64::new(depth as u64);
    let chains = Arc::new(Chains { submitter, started, total, offset });
    (0..depth as u64).map(move |number| {
        let chains = Arc::clone(&chains);
        let offset = (chains.offset)(number);
        Job::read(file, AlignedBuf::zeroed(block), offset, move |done| go_on(chains, done))
    })
}

fn go_on<O>(chains: Arc<Chains<O>>, done: Completion<AlignedBuf>)
where
    O: Fn(u64) -> u64 + Send + Sync + 'static,
{
    black_box(done.result.unwrap());
    let number = chains.started.fetch_add(1, Ordering::Relaxed);
    if number < chains.total {
        let (next, offset) = (Arc::clone(&chains), (chains.offset)(number));
        let job = Job::read(done.file, done.buffer, offset, move |done| go_on(next, done));
        chains.submitter.submit(job).unwrap();
    }
}
