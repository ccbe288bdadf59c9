//! A job whose operation has been performed, on its way to the worker that runs its callback.

use crate::job::Job;

pub(crate) struct Completed {
    /// Names its slot, which is occupied until the callback has returned or the job goes on.
    pub(crate) token: u64,
    /// The result as the kernel encodes it.
    pub(crate) res: i64,
    pub(crate) job: Job,
}
