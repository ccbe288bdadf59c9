//! The jobs that were just moved into slots and are to be handed on: where each goes, by the token
//! of its slot.

use std::os::fd::RawFd;

use crate::blocking::{BlockingRequest, ReplyTo};
use crate::engine::{Request, Transfer};
use crate::file::residency::CacheLook;
use crate::job::task::{JobHead, Route};

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
    pub(crate) ready: Vec<u64>,
}

/// A read that is to be looked for in the page cache.
#[derive(Clone, Copy)]
pub(crate) struct CacheRequest {
    pub(crate) request: Request,
    /// In bytes.
    pub(crate) requested: usize,
    pub(crate) look: CacheLook,
}

impl Batch {
    /// Adds a job that goes into the slot with this token.
    #[inline]
    pub(super) fn push(&mut self, token: u64, head: &JobHead, route: Route) {
        let JobHead { transfer, progress, meta } = head;
        // A job that is done in part has started.
        let deadline = if progress.done() == 0 { meta.deadline() } else { None };
        let request = Request { token, transfer: *transfer, deadline };
        match route {
            Route::Engine => {
                if transfer.operation.writes() {
                    self.written = Some(transfer.fd);
                }
                self.requests.push(request);
            }
            Route::LookInPageCache(look) => {
                self.look = Some(CacheRequest { request, requested: progress.rest(), look });
            }
            Route::Blocking => {
                self.blocking.push(BlockingRequest {
                    request,
                    done: 0,
                    reply_to: ReplyTo::Workers,
                });
            }
            Route::Worker => self.ready.push(token),
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
