//! The objects that are kept open between calls: the ones that were used last.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;

use crate::object::{Object, Reason, Version};

/// What is remembered of a path.
#[derive(Clone)]
pub(crate) enum Known {
    Object(Arc<Object>),
    NotOurs(Reason),
}

pub(crate) struct Objects(Mutex<LruCache<PathBuf, Known>>);

impl Objects {
    pub(crate) fn new(most: NonZeroUsize) -> Self {
        Self(Mutex::new(LruCache::new(most)))
    }

    /// What is known of a path. An object that the path does not lead to any more, or that has
    /// changed, is forgotten.
    pub(crate) fn get(&self, path: &Path) -> Option<Known> {
        let known = self.lock(|objects| objects.get(path).cloned())?;
        if let Known::Object(object) = &known
            && !Version::at(path).is_ok_and(|version| version == object.version)
        {
            self.forget(path);
            return None;
        }
        Some(known)
    }

    /// Remembers this of a path, and forgets the path that was used longest ago if there are too
    /// many. What was known before is closed when its last reader is done.
    pub(crate) fn put(&self, path: PathBuf, known: Known) {
        let before = self.lock(|objects| objects.push(path, known));
        // Closing a file may take its time, so it is done without the lock.
        drop(before);
    }

    /// Closes what is open at a path, so that a file that was removed takes no more room.
    pub(crate) fn forget(&self, path: &Path) {
        let before = self.lock(|objects| objects.pop(path));
        drop(before);
    }

    pub(crate) fn count(&self) -> usize {
        self.lock(|objects| objects.len())
    }

    fn lock<T>(&self, use_objects: impl FnOnce(&mut LruCache<PathBuf, Known>) -> T) -> T {
        // The cache's own code does not panic, and no other runs under the lock.
        use_objects(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
