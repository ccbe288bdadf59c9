//! A completed job, on its way to the worker that runs its callback.

use crate::job::Job;

pub(crate) struct Completed {
    /// Its slot, occupied until the callback has returned.
    pub(crate) index: u32,
    /// The result as the kernel encodes it.
    pub(crate) res: i64,
    pub(crate) job: Job,
}
