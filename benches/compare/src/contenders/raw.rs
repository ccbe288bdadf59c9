//! The floor: native AIO loops with the callback inline, and no hand-off at all.

#![expect(unsafe_code, reason = "raw system calls, independent of the crate's own")]

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::ptr;
use std::sync::Arc;

use io_engine_aio_bindings::{io_event, iocb};
use reapool::AlignedBuf;

use super::contract::{Contender, because};
use super::crew::Crew;
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
    context: libc::c_ulong,
    iocbs: Vec<iocb>,
    requests: Vec<Request>,
    buffers: Vec<AlignedBuf>,
}

impl AioLoop {
    fn new(load: &Arc<Load>, depth: usize) -> Result<Self, String> {
        let file = load.open().map_err(because("open"))?;
        let buffers = memory::buffers(&load.task, depth)?;
        let mut context: libc::c_ulong = 0;
        // SAFETY: the kernel writes one context id through the pointer, which is to a live local.
        let ret = unsafe { libc::syscall(libc::SYS_io_setup, depth, &raw mut context) };
        if ret != 0 {
            return Err(format!("io_setup: {}", io::Error::last_os_error()));
        }
        Ok(Self {
            load: Arc::clone(load),
            file,
            context,
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
            self.submit(&mut pointers);
            if ready.len() == depth {
                return;
            }
            for event in self.wait(&mut events) {
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

    fn submit(&self, pointers: &mut Vec<*mut iocb>) {
        let mut rest = &mut pointers[..];
        while !rest.is_empty() {
            // SAFETY: the pointers lead to initialised control blocks. Their buffers are touched
            // again only after their events.
            let ret = unsafe {
                libc::syscall(libc::SYS_io_submit, self.context, rest.len(), rest.as_mut_ptr())
            };
            assert!(ret > 0, "io_submit: {}", io::Error::last_os_error());
            rest = &mut rest[ret as usize..];
        }
        pointers.clear();
    }

    fn wait<'a>(&self, events: &'a mut [io_event]) -> &'a [io_event] {
        let no_timeout = ptr::null_mut::<libc::timespec>();
        // SAFETY: the kernel writes at most as many events as the slice has.
        let ret = unsafe {
            libc::syscall(
                libc::SYS_io_getevents,
                self.context,
                1_i64,
                events.len(),
                events.as_mut_ptr(),
                no_timeout,
            )
        };
        assert!(ret > 0, "io_getevents: {}", io::Error::last_os_error());
        &events[..ret as usize]
    }
}

impl Drop for AioLoop {
    fn drop(&mut self) {
        // SAFETY: the context is passed by value. The call waits for all requests in flight, so the
        // buffers outlive them.
        unsafe { libc::syscall(libc::SYS_io_destroy, self.context) };
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
