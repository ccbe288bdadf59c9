//! A request to the blocking threads, and where its result goes.

use crate::engine::Request;

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
