//! Programs of jobs on one file, and the model of it.

use std::ops::Range;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::prop_oneof;

/// Units in a region, and regions in a file.
pub(crate) const UNITS: usize = 8;
pub(crate) const REGIONS: usize = 5;
/// Bytes behind the last region, where the file ends.
pub(crate) const TAIL: usize = 77;
/// What one is, in bytes, of a buffered file.
pub(crate) const ODD: usize = 601;

#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) depth: usize,
    pub(crate) backlog: usize,
    pub(crate) workers: usize,
    /// One after the other, with nothing under way in between.
    pub(crate) rounds: Vec<Round>,
}

#[derive(Clone, Debug)]
pub(crate) struct Round {
    pub(crate) how: How,
    /// By region.
    pub(crate) chains: Vec<Vec<Op>>,
    /// A read across the end of the file, so many bytes before it, exact or not.
    pub(crate) end: (usize, bool),
}

/// How the first jobs of the chains are submitted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum How {
    Single,
    Batch,
    Spawn,
    Async,
}

/// In units of the file, from the beginning of the region.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Read {
        at: usize,
        len: usize,
        exact: bool,
        limited: bool,
    },
    Write {
        at: usize,
        len: usize,
        exact: bool,
        byte: u8,
    },
    ReadVectored {
        at: usize,
        lens: Vec<usize>,
        exact: bool,
    },
    WriteVectored {
        at: usize,
        lens: Vec<usize>,
        exact: bool,
        byte: u8,
    },
    /// In 1000ths of the region.
    ReadRange {
        at: usize,
        len: usize,
        exact: bool,
    },
    Sync {
        all: bool,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let place = || (0..UNITS, 0..=UNITS).prop_map(|(at, len)| (at, len.min(UNITS - at)));
    let places = || {
        (0..UNITS, vec(0..3_usize, 0..4)).prop_map(|(at, mut lens)| {
            while at + lens.iter().sum::<usize>() > UNITS {
                lens.pop();
            }
            (at, lens)
        })
    };
    prop_oneof![
        4 => (place(), any::<bool>(), any::<bool>())
            .prop_map(|((at, len), exact, limited)| Op::Read { at, len, exact, limited }),
        6 => (place(), any::<bool>(), any::<u8>())
            .prop_map(|((at, len), exact, byte)| Op::Write { at, len, exact, byte }),
        2 => (places(), any::<bool>())
            .prop_map(|((at, lens), exact)| Op::ReadVectored { at, lens, exact }),
        3 => (places(), any::<bool>(), any::<u8>())
            .prop_map(|((at, lens), exact, byte)| Op::WriteVectored { at, lens, exact, byte }),
        3 => (0..1000_usize, 0..1000_usize, any::<bool>())
            .prop_map(|(at, len, exact)| Op::ReadRange { at, len: len.min(1000 - at), exact }),
        1 => any::<bool>().prop_map(|all| Op::Sync { all }),
    ]
}

pub(crate) fn program() -> impl Strategy<Value = Program> {
    let how = prop_oneof![Just(How::Single), Just(How::Batch), Just(How::Spawn), Just(How::Async)];
    let round = (how, vec(vec(op(), 0..5), REGIONS), (0..3000_usize, any::<bool>()))
        .prop_map(|(how, chains, end)| Round { how, chains, end });
    (1..7_usize, 0..5_usize, 1..4_usize, vec(round, 1..3))
        .prop_map(|(depth, backlog, workers, rounds)| Program { depth, backlog, workers, rounds })
}

/// What is on the disk, as it should be.
pub(crate) struct Model {
    pub(crate) unit: usize,
    pub(crate) bytes: Vec<u8>,
}

impl Model {
    fn region(&self, region: usize) -> usize {
        region * UNITS * self.unit
    }

    /// Does what a job is to do.
    pub(crate) fn step(&mut self, region: usize, op: &Op) -> (usize, Vec<u8>) {
        let (unit, begin) = (self.unit, self.region(region));
        let range = |at: usize, len: usize| begin + at * unit..begin + (at + len) * unit;
        match op {
            Op::Read { at, len, limited, .. } => {
                let mut range = range(*at, *len);
                range.end = range.end.min(range.start + limit(*limited, range.len(), unit));
                (range.len(), self.bytes[range].to_vec())
            }
            Op::Write { at, len, byte, .. } => self.write(range(*at, *len), *byte),
            Op::ReadVectored { at, lens, .. } => {
                let range = range(*at, lens.iter().sum());
                (range.len(), self.bytes[range].to_vec())
            }
            Op::WriteVectored { at, lens, byte, .. } => {
                self.write(range(*at, lens.iter().sum()), *byte)
            }
            Op::ReadRange { at, len, .. } => {
                let range = thousandths(begin, unit, *at, *len);
                (range.len(), self.bytes[range].to_vec())
            }
            Op::Sync { .. } => (0, Vec::new()),
        }
    }

    fn write(&mut self, range: Range<usize>, byte: u8) -> (usize, Vec<u8>) {
        let bytes = data(byte, range.len());
        self.bytes[range].copy_from_slice(&bytes);
        (bytes.len(), Vec::new())
    }
}

/// What is written: no byte like its neighbours.
pub(crate) fn data(byte: u8, len: usize) -> Vec<u8> {
    (0..len).map(|at| byte.wrapping_add((at % 241) as u8)).collect()
}

/// How many bytes a read is limited to.
pub(crate) fn limit(limited: bool, len: usize, unit: usize) -> usize {
    if limited { len / 2 / unit * unit } else { len }
}

pub(crate) fn thousandths(begin: usize, unit: usize, at: usize, len: usize) -> Range<usize> {
    let whole = UNITS * unit;
    begin + whole * at / 1000..begin + whole * (at + len) / 1000
}

impl Op {
    pub(crate) fn is_exact(&self) -> bool {
        match self {
            Self::Read { exact, .. }
            | Self::Write { exact, .. }
            | Self::ReadVectored { exact, .. }
            | Self::WriteVectored { exact, .. }
            | Self::ReadRange { exact, .. } => *exact,
            Self::Sync { .. } => true,
        }
    }
}
