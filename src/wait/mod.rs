//! Waiting: limits, lines, parking spots and bells, all of which know nothing of jobs.
//!
//! A job's value gets to its handle by a `delivery`. Callers wait for `room`, tasks among them in a
//! line. Workers wait as `sleepers`, a scope's owner for its `headcount`. `src/pipeline/models` runs all of these with loom's primitives in every order that a
//! few threads can take.

pub(crate) mod delivery;
pub(crate) mod headcount;
pub(crate) mod limit;
pub(crate) mod room;
pub(crate) mod sleepers;
pub(crate) mod worker_mark;

use std::task::Waker;

use crate::unwind::ignore_panic;

/// Wakes tasks.
///
/// Never under a lock: to wake, clone or drop a waker runs code of the executor's. A waker that
/// panics must cost no job anything, so the panic ends here. The panic hook has been called then.
pub(crate) fn wake(wakers: impl IntoIterator<Item = Waker>) {
    for waker in wakers {
        ignore_panic(|| waker.wake());
    }
}
