//! The floor: native AIO loops with the callback inline, and no hand-off at all.

#![expect(unsafe_code, reason = "requests whose buffers the kernel fills")]

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use io_engine_aio_bindings::{io_event, iocb};
use reapool::AlignedBuf;

use super::contract::{Contender, because};
use super::crew::Crew;
use crate::aio::Aio;
use crate::load::{Load, Numbers, Stamp};
use crate::memory;

/// The request that a slot holds.
#[derive(Clone, Copy, Default)]
struct Request {
    number: u64,
    stamp: Stamp,
}

/// Reads in a closed loop: `depth` reads at a time, and each completion starts the next read.
struct AioLoop {
    load: Arc<Load>,
    file: File,
    /// Dropped before the buffers.
    aio: Aio,
    iocbs: Vec<iocb>,
    requests: Vec<Request>,
    buffers: Vec<AlignedBuf>,
}

impl AioLoop {
    fn new(load: &Arc<Load>, depth: usize) -> Result<Self, String> {
        let file = load.open().map_err(because("open"))?;
        let buffers = memory::buffers(&load.task, depth)?;
        let aio = Aio::new(depth).map_err(because("io_setup"))?;
        Ok(Self {
            load: Arc::clone(load),
            file,
            aio,
            iocbs: vec![iocb::default(); depth],
            requests: vec![Request::default(); depth],
            buffers,
        })
    }

    fn run(&mut self, numbers: &Numbers) {
        let depth = self.iocbs.len();
        let mut events = vec![io_event::default(); depth];
        let mut pointers = Vec::with_capacity(depth);
        let mut ready: Vec<usize> = (0..depth).collect();
        loop {
            self.fill(&mut ready, numbers, &mut pointers);
            // SAFETY: the buffers are touched again only after their events, and outlive the
            // context.
            unsafe { self.aio.submit(&mut pointers) };
            if ready.len() == depth {
                return;
            }
            for event in self.aio.wait(&mut events) {
                assert!(
                    event.res >= 0,
                    "read: {}",
                    io::Error::from_raw_os_error(-event.res as i32)
                );
                let slot = event.data as usize;
                let Request { number, stamp } = self.requests[slot];
                self.load.callback(number, stamp, &self.buffers[slot][..event.res as usize]);
                ready.push(slot);
            }
        }
    }

    /// Prepares a read for each slot that is ready, while there are numbers left.
    fn fill(&mut self, ready: &mut Vec<usize>, numbers: &Numbers, pointers: &mut Vec<*mut iocb>) {
        while let Some(&slot) = ready.last() {
            let Some(number) = numbers.take() else { return };
            ready.pop();
            let buffer = &mut self.buffers[slot];
            self.iocbs[slot] = iocb {
                aio_data: slot as u64,
                aio_fildes: self.file.as_raw_fd().cast_unsigned(),
                aio_buf: buffer.as_mut_ptr().expose_provenance() as u64,
                aio_nbytes: buffer.len() as u64,
                aio_offset: self.load.offset(number).cast_signed(),
                ..iocb::default()
            };
            self.requests[slot] = Request { number, stamp: self.load.stamp(number) };
            pointers.push(&raw mut self.iocbs[slot]);
        }
    }
}

/// One loop on one thread.
pub(super) struct Raw(AioLoop);

impl Raw {
    pub(super) fn new(load: &Arc<Load>) -> Result<Self, String> {
        AioLoop::new(load, load.task.depth).map(Self)
    }
}

impl Contender for Raw {
    fn run(&mut self, range: Range<u64>) -> Result<(), String> {
        self.0.run(&Numbers::new(range));
        Ok(())
    }
}

/// A loop for each worker, each with a context of its own and its share of requests and depth.
pub(super) struct Sharded(Crew);

impl Sharded {
    pub(super) fn new(load: &Arc<Load>) -> Result<Self, String> {
        let (load, depth) = (Arc::clone(load), load.task.depth);
        let shards = load.task.workers.min(depth);
        Crew::new(shards, move |index| {
            let mut own = AioLoop::new(&load, (depth + index) / shards)?;
            Ok(Box::new(move |numbers| own.run(numbers)))
        })
        .map(Self)
    }
}

impl Contender for Sharded {
    fn run(&mut self, range: Range<u64>) -> Result<(), String> {
        self.0.run(shares(range, self.0.len()))
    }
}

/// Cuts a range into parts that differ by one number at most.
pub(super) fn shares(range: Range<u64>, count: usize) -> impl Iterator<Item = Arc<Numbers>> {
    let (len, count) = (range.end - range.start, count as u64);
    let bound = move |index| range.start + len * index / count;
    (0..count).map(move |index| Arc::new(Numbers::new(bound(index)..bound(index + 1))))
}
