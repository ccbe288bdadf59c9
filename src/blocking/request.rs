//! What the threads of a dispatcher do that may wait.

use std::collections::VecDeque;

use super::pool::{PoolRequest, ThreadPool};
use super::threads::{ThreadKind, ThreadSettings};
use crate::engine::Request;
use crate::sync::{Arc, Instant};

/// The blocking threads. Jobs that are queued for them occupy slots, so the number of slots bounds
/// the queue.
pub(crate) type BlockingPool = ThreadPool<BlockingRequest>;

/// Something for a blocking thread to do, for the job in the slot with the request's token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockingRequest {
    pub(crate) request: Request,
    /// How many bytes of a plain read have been read already, from the page cache.
    pub(crate) done: usize,
    pub(crate) reply_to: ReplyTo,
}

/// The receiver of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReplyTo {
    /// The workers get the job.
    Workers,
    /// The engine gets the event: it had accepted the request.
    Engine,
}

impl BlockingRequest {
    /// Whether it is to be ended instead of begun.
    pub(crate) fn is_overdue(&self, now: Instant) -> bool {
        self.done == 0 && self.request.deadline.is_some_and(|deadline| deadline <= now)
    }
}

impl PoolRequest for BlockingRequest {
    fn is_job(&self) -> bool {
        self.reply_to == ReplyTo::Workers
    }
}

impl BlockingPool {
    pub(crate) fn new(limit: usize, settings: ThreadSettings) -> Arc<Self> {
        Self::of_kind(ThreadKind::Blocking, limit, settings)
    }

    /// The tokens of the requests in the queue of which nothing has been done.
    pub(crate) fn unbegun(&self) -> Vec<u64> {
        let token = |request: &BlockingRequest| request.request.token;
        self.queued(|queue| queue.filter(|request| request.done == 0).map(token).collect())
    }

    /// Takes the request with this token out of the queue, if it is there.
    pub(crate) fn take_unbegun(&self, token: u64) -> Option<BlockingRequest> {
        self.take_queued(|request| request.request.token == token)
    }

    /// Takes all requests out of the queue that are overdue by now.
    pub(crate) fn take_overdue(&self, now: Instant) -> VecDeque<BlockingRequest> {
        self.take_all_queued(|request| request.is_overdue(now))
    }
}

/// Work that may wait for jobs of the dispatcher, and that occupies none of their slots.
pub(crate) struct Errand(Box<dyn FnOnce() + Send>);

impl Errand {
    pub(crate) fn new(work: impl FnOnce() + Send + 'static) -> Self {
        Self(Box::new(work))
    }

    pub(crate) fn run(self) {
        (self.0)();
    }
}

impl PoolRequest for Errand {
    fn is_job(&self) -> bool {
        false
    }
}
