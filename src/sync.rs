//! Locks, atomics, threads, time and the channel of completed jobs, as the standard library and
//! crossbeam have them.
//!
//! The state machines take them from here, so that a build for models can put others in their place.

pub(crate) use std::sync::{Arc, Condvar, Mutex, MutexGuard, atomic};
pub(crate) use std::thread;
pub(crate) use std::time::Instant;

use std::sync::PoisonError;

/// Locks a mutex whose critical sections don't panic between two related changes, so that a
/// poisoned one is as good as any.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
