//! Waiting state machines: a job's value and its handle, and tasks that stand in line for room.
//!
//! The files here depend on nothing of the crate but [`sync`], so that models can be made of them
//! with other locks (`tests/model_*.rs`).

pub(crate) mod bell;
pub(crate) mod delivery;
pub(crate) mod headcount;
pub(crate) mod limit;
pub(crate) mod line;
pub(crate) mod room;
pub(crate) mod sleepers;
pub(crate) mod worker_mark;

use std::task::Waker;

use crate::unwind::{catch, discard};

/// Wakes tasks. Never under a lock: waking, like cloning and dropping a waker, runs code of the
/// executor's. That a waker panics must cost no job anything, so it ends here; the panic hook has
/// had its say.
pub(crate) fn wake(called: impl IntoIterator<Item = Waker>) {
    for waker in called {
        if let Err(payload) = catch(|| waker.wake()) {
            discard(payload);
        }
    }
}
