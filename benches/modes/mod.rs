//! The ways of driving a dispatcher that the benchmarks compare, all with recycled buffers.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};

use reapool::{AlignedBuf, Completion, Dispatcher, FileHandle, Job, Submitter};

/// Buffers on their way from callbacks back to the submitting thread.
pub(crate) struct Recycled {
    buffers: Mutex<Vec<AlignedBuf>>,
    returned: Condvar,
    low: usize,
}

impl Recycled {
    pub(crate) fn new(count: usize, block: usize) -> Arc<Self> {
        let buffers = (0..count).map(|_| AlignedBuf::zeroed(block)).collect();
        Arc::new(Self { buffers: Mutex::new(buffers), returned: Condvar::new(), low: count / 4 })
    }

    fn give(&self, buffer: AlignedBuf) {
        let mut buffers = self.buffers.lock().unwrap();
        buffers.push(buffer);
        let enough = buffers.len() == self.low.max(1);
        drop(buffers);
        if enough {
            self.returned.notify_one();
        }
    }

    /// Takes all buffers that are here, waiting for a few.
    fn take(&self, into: &mut Vec<AlignedBuf>) {
        let mut buffers = self.buffers.lock().unwrap();
        while buffers.len() < self.low.max(1) {
            buffers = self.returned.wait(buffers).unwrap();
        }
        into.append(&mut buffers);
    }
}

/// An outside thread that submits `batch` jobs at a time; 1 is `submit`, more `submit_batch`.
pub(crate) fn outside(
    dispatcher: &Dispatcher,
    file: &FileHandle,
    recycled: &Arc<Recycled>,
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

/// What the callbacks of [`chained`] share.
struct Chains<O> {
    submitter: Submitter,
    started: AtomicU64,
    total: u64,
    offset: O,
}

/// As many chains as `depth`, each callback submitting its chain's next job.
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
    let submitter = dispatcher.submitter();
    let chains =
        Arc::new(Chains { submitter, started: AtomicU64::new(depth as u64), total, offset });
    let first = (0..depth as u64).map(|number| {
        let chains = Arc::clone(&chains);
        let offset = (chains.offset)(number);
        Job::read(file, AlignedBuf::zeroed(block), offset, move |done| go_on(chains, done))
    });
    dispatcher.submit_batch(first).unwrap();
    dispatcher.drain().unwrap();
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
