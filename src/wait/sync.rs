//! The locks, atomics, threads and time of the state machines beside this file, and of the books, slots
//! and sleepers: models of these have others in their place.

pub(crate) use std::sync::{Arc, Condvar, Mutex, MutexGuard, atomic};
pub(crate) use std::thread;
pub(crate) use std::time::Instant;
