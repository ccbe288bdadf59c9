//! The fate of each job of a program, as the program's own threads and callbacks saw it.

use std::io::ErrorKind;

use super::plan::Plan;
use crate::admission::refusal::Refusal;
use crate::engine::operation::Operation;
use crate::job::completion::Completion;
use crate::submit::handle::JobHandle;

#[derive(Default)]
pub(super) struct Ledger {
    /// The records of all jobs, by name.
    pub(super) records: Vec<Record>,
    /// The names and handles of jobs that were spawned and not forgotten.
    pub(super) handles: Vec<(usize, JobHandle<usize>)>,
    /// How many were accepted so far.
    pub(super) accepted: usize,
}

pub(super) struct Record {
    pub(super) plan: Plan,
    pub(super) fate: Fate,
    /// An entry for each run of its callback: the values that it was given.
    pub(super) seen: Vec<Seen>,
    /// How often its callback was dropped.
    pub(super) dropped: usize,
    /// How often a blocking job's work was done.
    pub(super) worked: usize,
    pub(super) cancelled: bool,
    /// Its callback ran elsewhere than on a worker, or its handle gave an impossible answer.
    pub(super) astray: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is being submitted, or waits for room.
    Offered,
    /// It was accepted, with this place in the order of accepted jobs.
    Accepted(usize),
    Refused(Refusal),
    /// The program gave it up before it was accepted.
    Dropped,
}

/// The values that a callback was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) operation: Operation,
    pub(super) offset: u64,
    pub(super) requested: usize,
    pub(super) transferred: usize,
    pub(super) result: Result<usize, Why>,
    /// The bytes that it was shown.
    pub(super) data: Vec<u8>,
    pub(super) short: bool,
    pub(super) eof: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Errno(i32),
    EndOfFile,
    WroteNothing,
    Unaligned,
}

impl Ledger {
    pub(super) fn add(&mut self, plan: Plan) -> usize {
        self.records.push(Record {
            plan,
            fate: Fate::Offered,
            seen: Vec::new(),
            dropped: 0,
            worked: 0,
            cancelled: false,
            astray: false,
        });
        self.records.len() - 1
    }

    pub(super) fn accept(&mut self, name: usize) {
        self.settle(name, Fate::Accepted(self.accepted));
        self.accepted += 1;
    }

    pub(super) fn settle(&mut self, name: usize, fate: Fate) {
        let before = std::mem::replace(&mut self.records[name].fate, fate);
        assert_eq!(before, Fate::Offered, "job {name}");
    }
}

impl Seen {
    /// The values for the callback of a job that transfers nothing.
    pub(super) fn nothing(operation: Operation) -> Self {
        Self {
            operation,
            offset: 0,
            requested: 0,
            transferred: 0,
            result: Ok(0),
            data: Vec::new(),
            short: false,
            eof: false,
        }
    }

    pub(super) fn of<B>(
        done: &Completion<B>,
        data: impl FnOnce(&Completion<B>) -> Vec<u8>,
    ) -> Self {
        let result = done.result.as_ref().map_err(|error| match error.raw_os_error() {
            Some(errno) => Why::Errno(errno),
            None if error.kind() == ErrorKind::UnexpectedEof => Why::EndOfFile,
            None if error.kind() == ErrorKind::WriteZero => Why::WroteNothing,
            None => Why::Unaligned,
        });
        Self {
            operation: done.operation,
            offset: done.offset,
            requested: done.requested,
            transferred: done.transferred,
            result: result.copied(),
            data: data(done),
            short: done.is_short(),
            eof: done.is_eof(),
        }
    }
}
