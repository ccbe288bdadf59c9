//! Computes how each job has to end, from the requests that the engine got and its answers.

use super::extent::{Extent, UNIT, contents, written};
use super::ledger::{Ledger, Why};
use super::plan::{JobDeadline, Op, Plan};
use super::program::Kind;
use crate::engine::Transfer;
use crate::engine::fake::JournalEntry;
use crate::engine::operation::Operation;

pub(super) struct Model {
    kind: Kind,
    pub(super) contents: Vec<u8>,
    /// The jobs that the engine has been asked for, by name.
    tracks: Vec<Option<Track>>,
    /// The names of jobs, in the order in which the engine first took them.
    pub(super) order: Vec<usize>,
    /// How often the engine was asked.
    pub(super) calls: u64,
}

/// How far a job has come.
#[derive(Clone, Debug)]
pub(super) struct Track {
    pub(super) extent: Extent,
    operation: Operation,
    exact: bool,
    pub(super) phase: Phase,
    /// How many bytes at the front are done, and where its present or next request begins.
    done: usize,
    begin: usize,
    /// The bytes that were read.
    pub(super) buffer: Vec<u8>,
    pub(super) requests: u64,
    pub(super) resumed: u64,
    /// How often in a row this job was the first of a batch and the engine had no request for it.
    pub(super) starved: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Backlog,
    InKernel,
    Ended(Ending),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) result: Result<usize, Why>,
    /// How many bytes at the front are there.
    pub(super) filled: usize,
    /// The engine refused it.
    pub(super) refused: bool,
}

impl Model {
    pub(super) fn new(kind: Kind) -> Self {
        let (tracks, order) = (Vec::new(), Vec::new());
        Self { kind, contents: contents(), tracks, order, calls: 0 }
    }

    /// The track of a job. If the engine was not asked for the job, the beginning of its track.
    pub(super) fn track(&self, name: usize, plan: &Plan) -> Track {
        let known = self.tracks.get(name).cloned().flatten();
        known.unwrap_or_else(|| Track::new(plan, self.kind))
    }

    /// How many requests the engine has.
    pub(super) fn in_kernel(&self) -> usize {
        let is_there = |track: &&Track| track.phase == Phase::InKernel;
        self.tracks.iter().flatten().filter(is_there).count()
    }

    pub(super) fn replay(&mut self, journal: Vec<JournalEntry>, ledger: &Ledger) {
        for entry in journal {
            match entry {
                JournalEntry::Asked(batch, answer) => self.asked(&batch, answer, ledger),
                JournalEntry::Answered(name, res) => self.answered(name, res),
            }
        }
    }

    fn asked(&mut self, batch: &[(usize, Transfer)], answer: Result<usize, i32>, ledger: &Ledger) {
        self.calls += 1;
        for (name, transfer) in batch {
            if self.tracks.len() <= *name {
                self.tracks.resize(name + 1, None);
            }
            let plan = &ledger.records[*name].plan;
            assert_ne!(plan.due, JobDeadline::Past, "job {name} was late before it was submitted");
            let track = &mut self.tracks[*name];
            let track = track.get_or_insert_with(|| Track::new(plan, self.kind));
            track.check(*name, transfer);
        }
        let accepted = answer.unwrap_or(0);
        for (name, _) in &batch[..accepted] {
            let track = self.tracks[*name].as_mut().expect("it is a request's");
            (track.phase, track.starved) = (Phase::InKernel, 0);
            if track.requests == 0 {
                self.order.push(*name);
            }
            track.requests += 1;
        }
        let first = self.tracks[batch[0].0].as_mut().expect("it is a request's");
        match answer {
            Ok(0) | Err(libc::EAGAIN) => first.starved += 1,
            Ok(_) | Err(libc::EINTR) => {}
            Err(errno) => first.end(-i64::from(errno), true),
        }
    }

    fn answered(&mut self, name: usize, res: i64) {
        let track = self.tracks[name].as_mut().expect("it is a request's");
        assert_eq!(track.phase, Phase::InKernel, "job {name}");
        let (begin, at) = (track.begin, track.extent.offset as usize);
        let count = usize::try_from(res).unwrap_or(0);
        match track.operation {
            operation if operation.reads() => {
                let bytes = &self.contents[at + begin..][..count];
                track.buffer[begin..begin + count].copy_from_slice(bytes);
            }
            operation if operation.transfers() => {
                for place in begin..begin + count {
                    self.contents[at + place] = written(name, place);
                }
            }
            _ => {}
        }
        track.end_or_go_on(res, self.kind);
    }
}

impl Track {
    fn new(plan: &Plan, kind: Kind) -> Self {
        let (extent, operation) = (Extent::of(plan, kind), operation(&plan.operation));
        Self {
            extent,
            operation,
            exact: plan.exact && operation.transfers(),
            phase: Phase::Backlog,
            done: 0,
            begin: 0,
            buffer: vec![0; extent.whole],
            requests: 0,
            resumed: 0,
            starved: 0,
        }
    }

    /// Checks that the engine has to be asked for this transfer next.
    fn check(&self, name: usize, transfer: &Transfer) {
        assert_eq!(self.phase, Phase::Backlog, "job {name} was submitted");
        assert_eq!(transfer.operation, self.operation, "job {name}");
        assert_eq!(transfer.offset, self.extent.offset + self.begin as u64, "job {name}");
        if matches!(self.operation, Operation::Read | Operation::Write) {
            let rest = self.extent.whole - self.begin;
            assert_eq!(transfer.length, rest as u64, "job {name}");
        }
    }

    /// How many of the bytes at the front were asked for.
    fn wanted(&self, filled: usize) -> usize {
        filled.saturating_sub(self.extent.skip).min(self.extent.requested)
    }

    fn end_or_go_on(&mut self, res: i64, kind: Kind) {
        let reached = self.begin + usize::try_from(res).unwrap_or(0);
        let is_all = self.wanted(reached) == self.extent.requested;
        if res < 0 || !self.exact || is_all || reached <= self.done {
            return self.end(res, false);
        }
        let step = if kind == Kind::Plain { 1 } else { UNIT };
        let begin = reached - reached % step;
        if begin < reached && kind == Kind::Append && !self.operation.reads() {
            // Appended bytes can't be written again.
            return self.end(res, false);
        }
        (self.done, self.begin, self.phase) = (reached, begin, Phase::Backlog);
        self.resumed += 1;
    }

    fn end(&mut self, res: i64, refused: bool) {
        let (filled, result) = match usize::try_from(res) {
            Err(_) => {
                let filled = if self.operation.reads() { self.begin } else { self.done };
                (filled, Err(Why::Errno(-res as i32)))
            }
            Ok(count) if !self.operation.transfers() => (0, Ok(count)),
            Ok(count) => self.end_of_transfer(self.begin + count),
        };
        self.phase = Phase::Ended(Ending { result, filled, refused });
    }

    fn end_of_transfer(&self, reached: usize) -> (usize, Result<usize, Why>) {
        let reads = self.operation.reads();
        let filled = if reads { reached } else { reached.max(self.done) };
        let transferred = self.wanted(filled);
        let result = match () {
            () if !self.exact || transferred == self.extent.requested => Ok(transferred),
            () if reads => Err(Why::EndOfFile),
            () if reached <= self.done => Err(Why::WroteNothing),
            () => Err(Why::Unaligned),
        };
        (filled, result)
    }

    /// How it ends if its rest is not asked for any more.
    pub(super) fn left_off(&self, errno: i32) -> Ending {
        Ending { result: Err(Why::Errno(errno)), filled: self.done, refused: false }
    }

    /// How it ends if the kernel never has a request for it.
    pub(super) fn refused(&self, errno: i32) -> Ending {
        let filled = if self.operation.reads() { self.begin } else { self.done };
        Ending { result: Err(Why::Errno(errno)), filled, refused: true }
    }

    /// How many bytes were transferred that were asked for.
    pub(super) fn transferred(&self, ending: &Ending) -> usize {
        if self.operation.transfers() { self.wanted(ending.filled) } else { 0 }
    }
}

pub(super) fn operation(operation: &Op) -> Operation {
    match operation {
        Op::Read { .. } | Op::Range { .. } => Operation::Read,
        Op::Write { .. } => Operation::Write,
        Op::ReadVectored { .. } => Operation::ReadVectored,
        Op::WriteVectored { .. } => Operation::WriteVectored,
        Op::SyncAll => Operation::SyncAll,
        Op::SyncData => Operation::SyncData,
        Op::Poll => Operation::Poll,
        Op::Nop => Operation::Nop,
        Op::Blocking { .. } => Operation::Blocking,
    }
}
