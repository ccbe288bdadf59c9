//! Locks, atomics, threads, time and the channel of completed jobs.
//!
//! In every build but one they are those of the standard library and of crossbeam
//! ([`standard`]). The tests built with `--cfg loom` get loom's in their place (`modelled`): loom
//! then runs the crate's own code in every order that its threads can take, in the models of
//! `src/pipeline/models`. So everything that takes part in a model has its primitives from here.
//! Counters and estimates that order nothing keep the standard library's: loom would only try
//! more schedules for them.
//!
//! `Arc` is the standard library's in both builds. Loom's panics once more when it is dropped
//! after loom has found a deadlock.

#[cfg(all(test, loom))]
mod modelled;
#[cfg(not(all(test, loom)))]
mod standard;

#[cfg(all(test, loom))]
use modelled as primitives;
#[cfg(not(all(test, loom)))]
use standard as primitives;

#[cfg(all(test, loom))]
pub(crate) use modelled::pass;
pub(crate) use primitives::{
    Arc, Condvar, Instant, Mutex, MutexGuard, atomic, channel, thread, thread_local,
};

use std::sync::PoisonError;

/// Locks a mutex whose critical sections don't panic between two related changes, so that a
/// poisoned one is as good as any.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
