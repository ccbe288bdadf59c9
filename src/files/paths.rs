//! The user's iterator of paths.

use std::io;
use std::path::PathBuf;
use std::sync::TryLockError;

use crate::sync::{Mutex, lock};
use crate::unwind::{catch, discard};

/// An error stands in the place of a path.
pub(crate) type PathIterator = Box<dyn Iterator<Item = io::Result<ListedPath>> + Send>;

/// A path as the iterator has given it.
#[derive(Debug)]
pub(crate) struct ListedPath {
    pub(crate) path: PathBuf,
    /// Of the file that is made of it, if one is.
    pub(crate) target: Option<PathBuf>,
}

/// A path, and its position among the run's paths.
#[derive(Debug)]
pub(crate) struct IndexedPath {
    pub(crate) index: u64,
    pub(crate) path: PathBuf,
    pub(crate) target: Option<PathBuf>,
}

impl ListedPath {
    /// To be read.
    pub(crate) fn source(path: PathBuf) -> Self {
        Self { path, target: None }
    }

    /// To be converted.
    pub(crate) fn pair((path, target): (PathBuf, PathBuf)) -> Self {
        Self { path, target: Some(target) }
    }
}

impl IndexedPath {
    /// What stands in the place of a path that was not given.
    pub(crate) fn none(index: u64) -> Self {
        Self { index, path: PathBuf::new(), target: None }
    }
}

/// The iterator; `None` once it was dropped.
pub(crate) struct Paths(Mutex<Option<PathIterator>>);

impl Paths {
    pub(crate) fn new(iterator: PathIterator) -> Self {
        Self(Mutex::new(Some(iterator)))
    }

    /// Runs the user's iterator, which may take its time and may panic. `None` if it has ended.
    pub(crate) fn next(&self) -> Option<io::Result<ListedPath>> {
        lock(&self.0).as_mut()?.next()
    }

    /// Drops the iterator, unless a thread is in it at this moment: then that thread calls this
    /// when it comes out.
    pub(crate) fn close(&self) {
        let mut place = match self.0.try_lock() {
            Ok(place) => place,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let iterator = place.take();
        drop(place);
        // Its destructor is the user's code too.
        if let Err(payload) = catch(|| drop(iterator)) {
            discard(payload);
        }
    }
}
