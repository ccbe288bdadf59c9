//! The bounds on jobs, and how long a caller waits for room.

use crate::wait::limit::WaitLimit;

/// How long a caller is ready to wait for room.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Patience {
    None,
    Until(WaitLimit),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Slots.
    pub(crate) depth: u32,
    /// Jobs beyond the depth that may be outstanding while one more is let in from outside.
    pub(crate) backlog: usize,
    /// Jobs beyond the backlog that may be waiting while one more of a callback's is parked.
    pub(crate) parked: usize,
}
