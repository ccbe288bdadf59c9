//! The identity by which a handle finds its job.

use std::ptr;
use std::sync::Arc;

/// The address of the value that a job shares with its handle. No other job has the same as long
/// as job or handle lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ticket(usize);

impl Ticket {
    pub(crate) fn of<T>(shared: &Arc<T>) -> Self {
        Self(ptr::from_ref::<T>(shared).addr())
    }
}
