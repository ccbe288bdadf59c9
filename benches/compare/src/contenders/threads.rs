//! Plain threads with `pread`.

use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use reapool::AlignedBuf;

use super::contract::{Contender, because};
use super::crew::{Crew, Member};
use crate::load::{Load, Numbers, Stamp};
use crate::memory;

/// As many threads as the depth. Each reads and runs the callback.
pub(super) struct Threads(Crew);

impl Threads {
    pub(super) fn new(load: &Arc<Load>) -> Result<Self, String> {
        let (load, depth) = (Arc::clone(load), load.task.depth);
        let file = Arc::new(load.open().map_err(because("open"))?);
        let make = move |_| {
            let (load, file) = (Arc::clone(&load), Arc::clone(&file));
            let mut buffer = memory::buffer(&load.task)?;
            Ok(Box::new(move |numbers: &Arc<Numbers>| {
                while let Some(number) = numbers.take() {
                    let stamp = load.stamp(number);
                    let read = file.read_at(&mut buffer, load.offset(number));
                    load.callback(number, stamp, &buffer[..read.expect("the read succeeds")]);
                }
            }) as Member)
        };
        Crew::new(depth, make).map(Self)
    }
}

impl Contender for Threads {
    fn run(&mut self, range: Range<u64>) -> Result<(), String> {
        let numbers = Arc::new(Numbers::new(range));
        self.0.run((0..self.0.len()).map(|_| Arc::clone(&numbers)))
    }
}

/// A read on its way to a callback.
struct Done {
    number: u64,
    stamp: Stamp,
    count: usize,
    buffer: AlignedBuf,
}

/// As many reading threads as the depth, and a pool that runs the callbacks. There are twice as
/// many buffers as readers, so the readers may be ahead of the pool by the depth.
pub(super) struct ReadersPool {
    crew: Crew,
    home: Sender<AlignedBuf>,
    free: Receiver<AlignedBuf>,
}

impl ReadersPool {
    pub(super) fn new(load: &Arc<Load>) -> Result<Self, String> {
        let depth = load.task.depth;
        let (done, to_call) = bounded::<Done>(2 * depth);
        let (home, free) = bounded(2 * depth);
        for buffer in memory::buffers(&load.task, 2 * depth)? {
            home.send(buffer).map_err(because("buffers"))?;
        }
        for _ in 0..load.task.workers {
            let (load, to_call, home) = (Arc::clone(load), to_call.clone(), home.clone());
            thread::spawn(move || {
                for Done { number, stamp, count, buffer } in to_call {
                    load.callback(number, stamp, &buffer[..count]);
                    let _ = home.send(buffer);
                }
            });
        }
        let file = Arc::new(load.open().map_err(because("open"))?);
        let (load, to_read) = (Arc::clone(load), free.clone());
        let make = move |_| {
            let (load, file) = (Arc::clone(&load), Arc::clone(&file));
            let (done, to_read) = (done.clone(), to_read.clone());
            Ok(Box::new(move |numbers: &Arc<Numbers>| {
                while let Some(number) = numbers.take() {
                    let mut buffer: AlignedBuf = to_read.recv().expect("the pool lives");
                    let stamp = load.stamp(number);
                    let read = file.read_at(&mut buffer, load.offset(number));
                    let count = read.expect("the read succeeds");
                    done.send(Done { number, stamp, count, buffer }).expect("the pool lives");
                }
            }) as Member)
        };
        Ok(Self { crew: Crew::new(depth, make)?, home, free })
    }
}

impl Contender for ReadersPool {
    fn run(&mut self, range: Range<u64>) -> Result<(), String> {
        let numbers = Arc::new(Numbers::new(range));
        self.crew.run((0..self.crew.len()).map(|_| Arc::clone(&numbers)))?;
        // All buffers are back only when all callbacks have returned.
        let all: Result<Vec<_>, _> = (0..2 * self.crew.len()).map(|_| self.free.recv()).collect();
        for buffer in all.map_err(because("buffers"))? {
            self.home.send(buffer).map_err(because("buffers"))?;
        }
        Ok(())
    }
}
