//! Which bytes of a device a plan is about, and what they are when they are written.

use super::plan::{Op, Plan};
use super::program::Kind;

/// The alignment of direct files.
pub(super) const UNIT: usize = 512;
/// The size of a device in bytes: no plan is about bytes behind it.
pub(super) const DEVICE: usize = 16 * UNIT;

#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    /// How many bytes one unit of the plan has.
    pub(super) unit: usize,
    /// Where the transfer begins.
    pub(super) offset: u64,
    /// How many bytes the transfer has.
    pub(super) whole: usize,
    /// How many bytes at its front nobody asked for.
    pub(super) skip: usize,
    pub(super) requested: usize,
}

impl Extent {
    pub(super) fn of(plan: &Plan, kind: Kind) -> Self {
        let unit = if kind == Kind::Plain { 7 } else { UNIT };
        let most = plan.limit.unwrap_or(usize::MAX);
        let (at, whole) = match &plan.operation {
            Op::Read { at, len } | Op::Write { at, len } => (*at, (len * unit).min(most)),
            Op::ReadVectored { at, lens } | Op::WriteVectored { at, lens } => {
                (*at, lens.iter().sum::<usize>() * unit)
            }
            &Op::Range { at, len } => return Self::of_range(unit, at, len, kind),
            _ => (0, 0),
        };
        Self { unit, offset: at * unit as u64, whole, skip: 0, requested: whole }
    }

    fn of_range(unit: usize, at: u64, len: usize, kind: Kind) -> Self {
        if kind == Kind::Plain || len == 0 {
            let skip = if kind == Kind::Plain { 0 } else { at as usize % UNIT };
            return Self { unit, offset: at - skip as u64, whole: len, skip, requested: len };
        }
        let skip = at as usize % UNIT;
        let whole = (skip + len).next_multiple_of(UNIT);
        Self { unit, offset: at - skip as u64, whole, skip, requested: len }
    }
}

/// The byte that a job writes at a place of its buffer.
pub(super) fn written(name: usize, at: usize) -> u8 {
    (name * 37 + at * 11 + 1) as u8
}

/// The bytes that a device holds at first.
pub(super) fn contents() -> Vec<u8> {
    (0..DEVICE).map(|at| (at % 251) as u8).collect()
}
