//! The locks of the state machines beside this file.

pub(crate) use std::sync::{Arc, Condvar, Mutex, MutexGuard};
