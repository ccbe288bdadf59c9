//! The jobs that were just moved into slots and are to be handed on: where each goes, by the token
//! of its slot.

use std::os::fd::RawFd;

use crate::blocking::{BlockingRequest, ReplyTo};
use crate::engine::{Request, Transfer};
use crate::file::residency::CacheLook;
use crate::job::Job;
use crate::job::completed::Completed;
use crate::job::task::Route;

/// Each thread that fills slots keeps one, so that its lists are allocated once.
#[derive(Default)]
pub(crate) struct Batch {
    /// For the engine, in one call. Behind a write there are only writes to the same file.
    pub(crate) requests: Vec<Request>,
    /// The file of these writes, if there are any.
    written: Option<RawFd>,
    /// For the blocking threads.
    pub(crate) blocking: Vec<BlockingRequest>,
    /// A read for which this thread looks into the page cache.
    pub(crate) look: Option<CacheRequest>,
    /// For the workers, at once.
    pub(crate) ready: Vec<Completed>,
}

/// A read that is to be looked for in the page cache.
pub(crate) struct CacheRequest {
    /// Without a result yet.
    pub(crate) read: Completed,
    pub(crate) look: CacheLook,
}

impl Batch {
    /// Adds a job that goes into the slot with this token. It comes back to be put there, unless it
    /// is on its way through this thread.
    #[inline]
    pub(super) fn push(&mut self, token: u64, job: Job, route: Route) -> Option<Job> {
        match route {
            Route::Engine => {
                let head = job.head();
                if head.operation().writes() {
                    self.written = Some(head.transfer.fd);
                }
                self.requests.push(head.request(token));
                Some(job)
            }
            Route::Blocking => {
                let (request, reply_to) = (job.head().request(token), ReplyTo::Workers);
                self.blocking.push(BlockingRequest { request, done: 0, reply_to });
                Some(job)
            }
            Route::LookInPageCache(look) => {
                self.look = Some(CacheRequest { read: Completed { token, res: 0, job }, look });
                None
            }
            Route::Worker => {
                self.ready.push(Completed { token, res: 0, job });
                None
            }
        }
    }

    /// Whether this job, if it were added, would wait behind a write to another file.
    pub(super) fn holds_up(&self, transfer: &Transfer, route: Route) -> bool {
        let Some(written) = self.written else { return false };
        match route {
            Route::Engine => !transfer.operation.writes() || transfer.fd != written,
            Route::LookInPageCache(_) => true,
            // These are handed on before the thread enters the kernel.
            Route::Blocking | Route::Worker => false,
        }
    }

    /// Empties the lists.
    pub(crate) fn clear(&mut self) {
        self.requests.clear();
        self.written = None;
        self.blocking.clear();
        self.look = None;
        self.ready.clear();
    }
}
