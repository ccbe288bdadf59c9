//! What one filling of slots has to hand on: where each job goes, by the token of its slot.

use crate::engine::Request;
use crate::task::{Brief, Route};

/// Kept by each thread that fills slots, so that its lists are allocated once.
pub(crate) struct Batch {
    pub(crate) requests: Vec<Request>,
    /// For the blocking lane.
    pub(crate) lane: Vec<Request>,
    /// For workers, at once.
    pub(crate) ready: Vec<u64>,
}

impl Batch {
    pub(crate) const fn new() -> Self {
        Self { requests: Vec::new(), lane: Vec::new(), ready: Vec::new() }
    }

    pub(crate) fn push(&mut self, token: u64, brief: &Brief) {
        let request = Request { token, transfer: brief.transfer };
        match brief.route {
            Route::Engine | Route::Buffered => self.requests.push(request),
            Route::Lane => self.lane.push(request),
            Route::Worker => self.ready.push(token),
        }
    }

    /// Empties the lists.
    pub(crate) fn clear(&mut self) {
        self.requests.clear();
        self.lane.clear();
        self.ready.clear();
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}
