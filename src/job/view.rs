//! A snapshot of a job: everything that the dispatcher has to know to have it performed.

use crate::engine::Transfer;
use crate::job::progress::{JobEnd, Progress};

#[derive(Clone, Copy, Debug)]
pub(crate) struct JobView {
    /// The request for the kernel. If a part of the job is done, it asks for the rest.
    pub(crate) transfer: Transfer,
    pub(crate) progress: Progress,
    /// Whether the operation goes through the page cache.
    pub(crate) buffered: bool,
    pub(crate) route: Route,
}

/// Where a job goes when it is moved into a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// To the engine.
    Engine,
    /// To a worker, which looks into the page cache. From there the job goes to its callback if
    /// everything was cached, and to a blocking thread if not.
    LookInPageCache,
    /// To a blocking thread.
    Blocking,
    /// To a worker, for its callback.
    Worker,
}

impl JobView {
    /// The offset at which the job begins, whatever part of it is done.
    pub(crate) fn offset(&self) -> u64 {
        self.progress.start_of(self.transfer.offset)
    }

    /// How the job ends if this answer of the kernel is its last.
    pub(crate) fn end(&self, res: i64) -> JobEnd {
        self.progress.end(self.transfer.operation, res)
    }
}
