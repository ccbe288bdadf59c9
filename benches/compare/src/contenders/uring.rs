//! io_uring on one thread, with the callback inline.

#![expect(unsafe_code, reason = "pushes requests that point to buffers")]

use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use io_uring::{IoUring, opcode, squeue, types};
use reapool::AlignedBuf;

use super::contract::{Contender, because};
use crate::load::{Load, Numbers, Stamp};
use crate::memory;

/// A closed loop like the raw one.
pub(super) struct Uring {
    load: Arc<Load>,
    file: File,
    ring: IoUring,
    /// Never freed, so that a panic frees no buffer that the kernel is still using.
    slots: ManuallyDrop<Vec<Slot>>,
}

struct Slot {
    number: u64,
    stamp: Stamp,
    buffer: AlignedBuf,
}

impl Uring {
    pub(super) fn new(load: &Arc<Load>) -> Result<Self, String> {
        let file = load.open().map_err(because("open"))?;
        let depth = load.task.depth;
        // This is the cheapest way of completing for one thread, from Linux 6.1 on.
        let ring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .build(depth as u32)
            .or_else(|_| IoUring::new(depth as u32))
            .map_err(because("io_uring"))?;
        let slot = |buffer| Slot { number: 0, stamp: Stamp::default(), buffer };
        let slots = memory::buffers(&load.task, depth)?.into_iter().map(slot).collect();
        let slots = ManuallyDrop::new(slots);
        Ok(Self { load: Arc::clone(load), file, ring, slots })
    }

    /// Pushes a read for each slot that is ready, while there are numbers left.
    fn fill(&mut self, ready: &mut Vec<usize>, numbers: &Numbers) {
        let mut queue = self.ring.submission();
        while let Some(&index) = ready.last() {
            let Some(number) = numbers.take() else { return };
            ready.pop();
            let slot = &mut self.slots[index];
            (slot.number, slot.stamp) = (number, self.load.stamp(number));
            let offset = self.load.offset(number);
            let entry = read_into(&self.file, &mut slot.buffer, offset).user_data(index as u64);
            // SAFETY: the buffer is never freed, and it is touched again only after its completion.
            // The kernel holds the file from the submission on, and `run` submits before it
            // returns.
            unsafe { queue.push(&entry) }.expect("the queue holds the depth");
        }
    }
}

/// A read of the whole buffer.
pub(super) fn read_into(file: &File, buffer: &mut AlignedBuf, offset: u64) -> squeue::Entry {
    let fd = types::Fd(file.as_raw_fd());
    opcode::Read::new(fd, buffer.as_mut_ptr(), buffer.len() as u32).offset(offset).build()
}

/// The bytes that a completion reports.
pub(super) fn transferred(result: i32) -> usize {
    assert!(result >= 0, "read: {}", io::Error::from_raw_os_error(-result));
    result as usize
}

impl Contender for Uring {
    fn run(&mut self, range: Range<u64>) -> Result<(), String> {
        let numbers = Numbers::new(range);
        let mut ready: Vec<usize> = (0..self.slots.len()).collect();
        loop {
            self.fill(&mut ready, &numbers);
            if ready.len() == self.slots.len() {
                return Ok(());
            }
            match self.ring.submit_and_wait(1) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    return Err(format!("io_uring_enter: {error}"));
                }
                _ => {}
            }
            for event in self.ring.completion() {
                let index = event.user_data() as usize;
                let Slot { number, stamp, buffer } = &self.slots[index];
                let count = transferred(event.result());
                self.load.callback(*number, *stamp, &buffer[..count]);
                ready.push(index);
            }
        }
    }
}
