//! The primitives of the standard library and of crossbeam.

pub(crate) use std::sync::{Arc, Condvar, Mutex, MutexGuard, atomic};
pub(crate) use std::thread;
pub(crate) use std::thread_local;
pub(crate) use std::time::Instant;

pub(crate) use crossbeam_channel as channel;
