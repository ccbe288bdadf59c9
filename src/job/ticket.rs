//! What a handle knows its job by.

use std::ptr;
use std::sync::Arc;

/// The address of what a job shares with its handle: nobody else's while either has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ticket(usize);

impl Ticket {
    pub(crate) fn of<T>(shared: &Arc<T>) -> Self {
        Self(ptr::from_ref::<T>(shared).addr())
    }
}
