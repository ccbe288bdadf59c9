//! Loom's primitives, and what loom lacks.
//!
//! - Loom takes sequentially consistent accesses for weaker ones, and finds schedules that don't
//!   exist ("What is not supported" of its documentation, and its issue 180). It takes fences for
//!   what they are, so [`atomic`] puts each such access between two fences.
//! - Loom forgets the `unpark` of a thread that waits for a lock before it parks. In `parking` the
//!   token is a flag under a lock.
//! - Loom has no clock. That of [`time`] stands still until the model says that it is late.
//! - A wait on a condition never ends by its limit.

pub(crate) mod atomic;
pub(crate) mod channel;
mod parking;
pub(crate) mod thread;
mod time;

pub(crate) use std::sync::Arc;

pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};
pub(crate) use thread::thread_local;
pub(crate) use time::{Instant, pass};
