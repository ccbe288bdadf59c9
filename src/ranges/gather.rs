//! The place where the reads of one call bring their results. The last read that ends delivers
//! them.

use std::io;
use std::mem;
use std::ops::Range;
use std::sync::Arc;

use crate::job::completion::{Completion, OperationError};
use crate::job::ranged::Ranged;
use crate::pool::pool_buf::PoolBuf;
use crate::ranges::bytes::RangeBytes;
use crate::sync::{Mutex, lock};
use crate::wait::delivery::{Delivered, Delivery};
use crate::wait::wake;

/// The results of all ranges, or the error of one of the reads.
pub(super) type Results = Result<Vec<RangeBytes>, OperationError>;

/// Each read's callback has a share of it. When the last share is dropped, all reads have ended.
pub(super) struct Gather {
    state: Mutex<GatherState>,
    delivery: Arc<Delivery<Results>>,
}

struct GatherState {
    /// By the index of the range. Those that are empty, or have not been read, have no bytes.
    results: Vec<RangeBytes>,
    /// The first error.
    error: Option<OperationError>,
    /// How many reads have neither succeeded nor failed.
    missing: usize,
}

impl Gather {
    /// For so many ranges and reads.
    pub(super) fn new(ranges: usize, reads: usize, delivery: Arc<Delivery<Results>>) -> Self {
        let results = vec![RangeBytes::default(); ranges];
        Self { state: Mutex::new(GatherState { results, error: None, missing: reads }), delivery }
    }

    /// Takes a read's result: that of `span`, for the ranges in `parts`.
    pub(super) fn arrived(
        &self,
        span: &Range<u64>,
        parts: Vec<(usize, Range<u64>)>,
        mut done: Completion<Ranged<PoolBuf>>,
    ) {
        if done.result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::UnexpectedEof) {
            // The file ends before the range does, which is no error here.
            done.result = Ok(done.transferred);
        }
        // The buffer is dropped here if no range has bytes in it, which may wake a task that waits
        // for one: not under the lock.
        let read = done.into_success().map(|(_, buffer)| slices(span, parts, &Arc::new(buffer)));
        let mut state = lock(&self.state);
        state.missing -= 1;
        match read {
            Ok(slices) => {
                for (index, bytes) in slices {
                    state.results[index] = bytes;
                }
            }
            Err(error) => {
                state.error.get_or_insert(error);
            }
        }
    }
}

/// The bytes of each range, by its index, in the buffer that has those of the `span`.
fn slices(
    span: &Range<u64>,
    parts: Vec<(usize, Range<u64>)>,
    buffer: &Arc<Ranged<PoolBuf>>,
) -> Vec<(usize, RangeBytes)> {
    let place = |at: u64| usize::try_from(at - span.start).unwrap_or(usize::MAX);
    let slice = |(index, range): (usize, Range<u64>)| {
        (index, RangeBytes::new(buffer, place(range.start)..place(range.end)))
    };
    parts.into_iter().map(slice).collect()
}

impl Drop for Gather {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        let end = match state.error.take() {
            // A read was dropped that nobody accepted.
            _ if state.missing > 0 => Delivered::Abandoned,
            Some(error) => Delivered::Returned(Err(error)),
            None => Delivered::Returned(Ok(mem::take(&mut state.results))),
        };
        drop(state);
        wake(self.delivery.end(end));
    }
}
