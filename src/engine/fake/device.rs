//! The device that the scripted engine plays: it has contents, and keeps a journal of the requests
//! and of the answers to them.

#![expect(unsafe_code, reason = "plays the kernel's part: reads and writes the buffers of jobs")]

use std::collections::HashMap;
use std::os::fd::RawFd;

use crate::engine::lent::{fill, lent, whole};
use crate::engine::{Request, Transfer};

/// The part of a request that is done.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Share {
    Full,
    /// Of 256 parts.
    Part(u8),
    Nothing,
    Error(i32),
}

/// An event in the journal. Jobs have the names that the test has given them.
#[derive(Clone, Debug)]
pub(crate) enum JournalEntry {
    /// A batch was submitted, and so many were accepted, or none for this reason.
    Asked(Vec<(usize, Transfer)>, Result<usize, i32>),
    /// A request was completed.
    Answered(usize, i64),
}

#[derive(Default)]
pub(super) struct Device {
    /// Without contents, reads fill memory, writes go nowhere, and there is no journal.
    contents: Option<Vec<u8>>,
    names: HashMap<RawFd, usize>,
    journal: Vec<JournalEntry>,
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

    pub(super) fn journal(&mut self) -> Vec<JournalEntry> {
        std::mem::take(&mut self.journal)
    }

    pub(super) fn asked(&mut self, batch: &[Request], answer: Result<usize, i32>) {
        if self.contents.is_some() {
            let named = |request: &Request| (self.names[&request.transfer.fd], request.transfer);
            self.journal.push(JournalEntry::Asked(batch.iter().map(named).collect(), answer));
        }
    }

    /// Does the part of a request that `res` says. The request has been accepted, and its event has
    /// not been returned.
    pub(super) fn perform(&mut self, request: &Request, res: i64) {
        let count = usize::try_from(res).unwrap_or(0);
        let Some(contents) = &mut self.contents else { return fill(request, count) };
        self.journal.push(JournalEntry::Answered(self.names[&request.transfer.fd], res));
        if request.transfer.operation.transfers() {
            copy(contents, request, count);
        }
    }
}

/// Copies the first `count` bytes of a read from the contents, or of a write to them. The request
/// has been accepted, and its event has not been returned.
fn copy(contents: &mut [u8], request: &Request, count: usize) {
    let mut left = count;
    let mut offset = usize::try_from(request.transfer.offset).unwrap_or(usize::MAX);
    for (address, length) in lent(request) {
        let part = left.min(length);
        if request.transfer.operation.reads() {
            let source = contents[offset..][..part].as_ptr();
            // SAFETY: `submit`'s caller lends this memory for writing until the event is returned,
            // which has not happened; the source is a slice of this length elsewhere.
            unsafe { address.copy_from_nonoverlapping(source, part) };
        } else {
            let target = contents[offset..][..part].as_mut_ptr();
            // SAFETY: `submit`'s caller lends this memory, initialised, for reading until the event
            // is returned, which has not happened; the target is a slice of this length elsewhere.
            unsafe { target.copy_from_nonoverlapping(address, part) };
        }
        left -= part;
        offset = offset.saturating_add(part);
    }
}

impl Share {
    /// The result of a request of which this part is done. The request has been accepted, and its
    /// event has not been returned.
    pub(super) fn of(self, request: &Request) -> i64 {
        let whole = whole(request);
        match self {
            Self::Full => whole as i64,
            Self::Part(part) => (whole * usize::from(part) / 256) as i64,
            Self::Nothing => 0,
            Self::Error(errno) => -i64::from(errno),
        }
    }
}
