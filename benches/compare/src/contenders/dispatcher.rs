//! The crate itself: chained in callbacks, and driven by a thread outside.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use reapool::{Completion, Dispatcher, FileHandle, IoBuf, Job, Submitter};

use super::contract::{Contender, because};
use super::recycled::Recycled;
use crate::load::{Load, Numbers, Stamp};
use crate::memory::Buffer;

fn open(load: &Load) -> Result<(Dispatcher, FileHandle), String> {
    let file = FileHandle::from(load.open().map_err(because("open"))?);
    let dispatcher = Dispatcher::builder()
        .depth(load.task.depth)
        .backlog(load.task.depth)
        .workers(load.task.workers)
        .build()
        .map_err(because("dispatcher"))?;
    Ok((dispatcher, file))
}

fn call(load: &Load, number: u64, stamp: Stamp, done: &Completion<impl IoBuf>) {
    done.result.as_ref().expect("the read succeeds");
    load.callback(number, stamp, done.data());
}

/// Runs as many chains as the depth. Each callback submits the next job of its chain.
pub(super) struct Chained<B> {
    load: Arc<Load>,
    dispatcher: Dispatcher,
    file: FileHandle,
    /// The buffers of chains that have ended.
    buffers: Arc<Mutex<Vec<B>>>,
}

/// The state that the callbacks of a run share.
struct Chains<B> {
    load: Arc<Load>,
    submitter: Submitter,
    numbers: Numbers,
    ended: Arc<Mutex<Vec<B>>>,
}

impl<B: Buffer> Chained<B> {
    pub(super) fn new(load: &Arc<Load>) -> Result<Self, String> {
        let (dispatcher, file) = open(load)?;
        let buffers = B::make(load.task.block, load.task.depth)?;
        let buffers = Arc::new(Mutex::new(buffers));
        Ok(Self { load: Arc::clone(load), dispatcher, file, buffers })
    }
}

impl<B: Buffer> Contender for Chained<B> {
    fn run(&mut self, range: Range<u64>) -> Result<(), String> {
        let chains = Arc::new(Chains {
            load: Arc::clone(&self.load),
            submitter: self.dispatcher.submitter(),
            numbers: Numbers::new(range),
            ended: Arc::clone(&self.buffers),
        });
        let buffers: Vec<_> = self.buffers.lock().unwrap().drain(..).collect();
        let first: Vec<_> =
            buffers.into_iter().filter_map(|buffer| next(&chains, &self.file, buffer)).collect();
        self.dispatcher.submit_batch(first).map_err(because("submit_batch"))?;
        self.dispatcher.drain().map_err(because("drain"))
    }
}

/// The next job of a chain, or `None` when its buffer has been put back.
fn next<B: Buffer>(chains: &Arc<Chains<B>>, file: &FileHandle, buffer: B) -> Option<Job> {
    let Some(number) = chains.numbers.take() else {
        chains.ended.lock().unwrap().push(buffer);
        return None;
    };
    let (own, offset) = (Arc::clone(chains), chains.load.offset(number));
    let stamp = chains.load.stamp(number);
    Some(Job::read(file, buffer, offset, move |done| {
        call(&own.load, number, stamp, &done);
        if let Some(job) = next(&own, &done.file, done.buffer) {
            own.submitter.submit(job).expect("is not refused in a callback");
        }
    }))
}

/// A thread that keeps the depth and a backlog of the same size full.
pub(super) struct Outside<B> {
    load: Arc<Load>,
    dispatcher: Dispatcher,
    file: FileHandle,
    recycled: Arc<Recycled<B>>,
    /// Calls `submit` for each job instead of `submit_batch` for all buffers at hand.
    single: bool,
}

impl<B: Buffer> Outside<B> {
    pub(super) fn new(load: &Arc<Load>, single: bool) -> Result<Self, String> {
        let (dispatcher, file) = open(load)?;
        let recycled =
            Recycled::new(B::make(load.task.block, 2 * load.task.depth)?, load.task.depth);
        Ok(Self { load: Arc::clone(load), dispatcher, file, recycled, single })
    }

    fn job(&self, number: u64, buffer: B) -> Job {
        let (load, home) = (Arc::clone(&self.load), Arc::clone(&self.recycled));
        let stamp = load.stamp(number);
        Job::read(&self.file, buffer, load.offset(number), move |done| {
            call(&load, number, stamp, &done);
            home.give(done.buffer);
        })
    }
}

impl<B: Buffer> Contender for Outside<B> {
    fn run(&mut self, range: Range<u64>) -> Result<(), String> {
        let (mut at_hand, mut numbers) = (Vec::new(), range);
        while !numbers.is_empty() {
            if at_hand.is_empty() {
                self.recycled.take(&mut at_hand);
            }
            let count = at_hand.len().min((numbers.end - numbers.start) as usize);
            let rest = at_hand.len() - count;
            let jobs = at_hand
                .drain(rest..)
                .zip(numbers.by_ref())
                .map(|(buffer, number)| self.job(number, buffer));
            if self.single {
                for job in jobs {
                    self.dispatcher.submit(job).map_err(because("submit"))?;
                }
            } else {
                self.dispatcher.submit_batch(jobs).map_err(because("submit_batch"))?;
            }
        }
        at_hand.into_iter().for_each(|buffer| self.recycled.give(buffer));
        self.dispatcher.drain().map_err(because("drain"))
    }
}
