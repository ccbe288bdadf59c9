//! The user's iterator of paths, whose paths get their numbers here.

use std::path::PathBuf;
use std::sync::TryLockError;

use crate::sync::{Mutex, lock};
use crate::unwind::{catch, discard};

pub(crate) type PathIterator = Box<dyn Iterator<Item = PathBuf> + Send>;

/// A path, and its position among the run's paths.
#[derive(Debug)]
pub(crate) struct IndexedPath {
    pub(crate) index: u64,
    pub(crate) path: PathBuf,
}

pub(crate) struct Paths {
    state: Mutex<State>,
}

struct State {
    /// `None` once it was dropped.
    iterator: Option<PathIterator>,
    next_index: u64,
}

impl Paths {
    pub(crate) fn new(iterator: PathIterator) -> Self {
        Self { state: Mutex::new(State { iterator: Some(iterator), next_index: 0 }) }
    }

    /// Runs the user's iterator, which may take its time and may panic. `None` if it has ended.
    pub(crate) fn next(&self) -> Option<IndexedPath> {
        let mut state = lock(&self.state);
        let path = state.iterator.as_mut()?.next()?;
        let index = state.next_index;
        state.next_index += 1;
        Some(IndexedPath { index, path })
    }

    /// Drops the iterator, unless a thread is in it at this moment: then that thread calls this
    /// when it comes out.
    pub(crate) fn close(&self) {
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let iterator = state.iterator.take();
        drop(state);
        // Its destructor is the user's code too.
        if let Err(payload) = catch(|| drop(iterator)) {
            discard(payload);
        }
    }
}
