//! What the scripted engine does to memory: fills it, or plays a device that has contents, and keeps a
//! journal of what it was asked and what it answered.

#![expect(unsafe_code, reason = "plays the kernel's part: reads and writes the buffers of jobs")]

use std::collections::HashMap;
use std::os::fd::RawFd;
use std::slice;

use super::{Request, Transfer};
use crate::engine::operation::Operation;

/// The byte that reads put everywhere, if there are no contents.
pub(crate) const FILL: u8 = 0x5a;

/// How much of what a request asks for is done.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Share {
    Full,
    /// Of 256 parts.
    Part(u8),
    Nothing,
    Error(i32),
}

/// What happened, with the names of jobs.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// A batch was submitted, and so many were accepted, or none for this reason.
    Asked(Vec<(usize, Transfer)>, Result<usize, i32>),
    /// A request was completed.
    Answered(usize, i64),
}

#[derive(Default)]
pub(super) struct Device {
    /// Without any, reads fill memory, writes go nowhere, and no journal is kept.
    contents: Option<Vec<u8>>,
    names: HashMap<RawFd, usize>,
    journal: Vec<Entry>,
}

impl Device {
    pub(super) fn new(contents: Vec<u8>) -> Self {
        Self { contents: Some(contents), ..Self::default() }
    }

    pub(super) fn name(&mut self, fd: RawFd, name: usize) {
        self.names.insert(fd, name);
    }

    pub(super) fn contents(&self) -> Vec<u8> {
        self.contents.clone().unwrap_or_default()
    }

    pub(super) fn journal(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.journal)
    }

    pub(super) fn asked(&mut self, batch: &[Request], answer: Result<usize, i32>) {
        if self.contents.is_some() {
            let named = |request: &Request| (self.names[&request.transfer.fd], request.transfer);
            self.journal.push(Entry::Asked(batch.iter().map(named).collect(), answer));
        }
    }

    /// Does what a request asks for, of which the engine says that so much is done. It has been
    /// accepted, and its event has not been returned.
    pub(super) fn perform(&mut self, request: &Request, res: i64) {
        let mut left = usize::try_from(res).unwrap_or(0);
        let mut offset = usize::try_from(request.transfer.offset).unwrap_or(usize::MAX);
        if self.contents.is_some() {
            self.journal.push(Entry::Answered(self.names[&request.transfer.fd], res));
        }
        if !request.transfer.operation.transfers() {
            return;
        }
        for (address, length) in segments(request) {
            let count = left.min(length);
            // SAFETY: `submit`'s caller lends this memory, for reading if it is a write's, else for
            // writing, until the event is returned, which has not happened.
            unsafe { self.copy(request.transfer.operation.reads(), address, count, offset) };
            left -= count;
            offset = offset.saturating_add(count);
        }
    }

    /// # Safety
    ///
    /// At the address there are so many bytes that nobody else touches, to be written to, or to be
    /// read, for which they are initialised.
    unsafe fn copy(&mut self, reads: bool, address: *mut u8, count: usize, offset: usize) {
        match (&mut self.contents, reads) {
            (None, false) => {}
            // SAFETY: the caller's promise.
            (None, true) => unsafe { address.write_bytes(FILL, count) },
            (Some(contents), true) => {
                let source = contents[offset..][..count].as_ptr();
                // SAFETY: the caller's promise, and the source is a slice of this length elsewhere.
                unsafe { address.copy_from_nonoverlapping(source, count) };
            }
            (Some(contents), false) => {
                let target = contents[offset..][..count].as_mut_ptr();
                // SAFETY: the caller's promise, and the target is a slice of this length elsewhere.
                unsafe { target.copy_from_nonoverlapping(address, count) };
            }
        }
    }
}

impl Share {
    /// The result of a request of which so much is done. It has been accepted, and its event has not
    /// been returned.
    pub(super) fn of(self, request: &Request) -> i64 {
        let whole = match request.transfer.operation {
            Operation::Poll => 1,
            operation if operation.transfers() => {
                segments(request).iter().map(|&(_, length)| length).sum()
            }
            _ => 0,
        };
        match self {
            Self::Full => whole as i64,
            Self::Part(part) => (whole * usize::from(part) / 256) as i64,
            Self::Nothing => 0,
            Self::Error(errno) => -i64::from(errno),
        }
    }
}

/// The memory of a read or write that has been accepted, and whose event has not been returned.
fn segments(request: &Request) -> Vec<(*mut u8, usize)> {
    let address = usize::try_from(request.transfer.address).unwrap();
    let length = usize::try_from(request.transfer.length).unwrap();
    match request.transfer.operation {
        Operation::ReadVectored | Operation::WriteVectored => {
            let list = std::ptr::with_exposed_provenance::<libc::iovec>(address);
            // SAFETY: `submit`'s caller lends an array of `length` elements there. This engine reads
            // it only now, and the job that keeps it is still in its slot.
            let list = unsafe { slice::from_raw_parts(list, length) };
            list.iter().map(|segment| (segment.iov_base.cast(), segment.iov_len)).collect()
        }
        _ => vec![(std::ptr::with_exposed_provenance_mut(address), length)],
    }
}
