//! Syncs of directories, each for all files that got their names in it before.
//!
//! A sync takes about as long for one new name as for many. So while a directory is being synced,
//! the files that get names in it wait for the next sync, which is one for all of them.

use std::collections::HashMap;
use std::io;

use crate::file::metadata::{FileId, Metadata};
use crate::file::replacement::Renamed;
use crate::files::convert::same_error::same;
use crate::sync::{Mutex, lock};
use crate::sys::descriptor::sync;

/// What is done when a directory was synced, or could not be.
type Then = Box<dyn FnOnce(io::Result<()>) + Send>;

/// The directories that are being synced.
#[derive(Default)]
pub(crate) struct DirectorySyncs {
    /// The files that wait for the next sync of each.
    waiting: Mutex<HashMap<FileId, Vec<(Renamed, Then)>>>,
}

impl DirectorySyncs {
    /// Has the directory of a file synced that has its name now. That is done by the calling
    /// thread, for other files too, unless another thread is at it.
    pub(crate) fn sync(&self, file: Renamed, then: Then) {
        let id = match Metadata::of(file.directory()) {
            Ok(metadata) => metadata.id(),
            Err(error) => return then(Err(file.sync_failed(error))),
        };
        let mut waiting = lock(&self.waiting);
        if let Some(files) = waiting.get_mut(&id) {
            return files.push((file, then));
        }
        waiting.insert(id, Vec::new());
        drop(waiting);
        let mut files = vec![(file, then)];
        while !files.is_empty() {
            let failed = sync(files[0].0.directory()).err();
            for (file, then) in files {
                then(failed.as_ref().map_or(Ok(()), |error| Err(file.sync_failed(same(error)))));
            }
            files = self.next(id);
        }
    }

    /// Those that have come during the last sync. If there are none, nobody is at it any more.
    fn next(&self, id: FileId) -> Vec<(Renamed, Then)> {
        let mut waiting = lock(&self.waiting);
        let files = waiting.get_mut(&id).map(std::mem::take).unwrap_or_default();
        if files.is_empty() {
            waiting.remove(&id);
        }
        files
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::path::Path;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, mpsc};
    use std::{io, thread};

    use super::DirectorySyncs;
    use crate::file::durability::Durability;
    use crate::file::existing::Existing;
    use crate::file::options::OpenOptions;
    use crate::file::replacement::{Renamed, Replacement};

    fn renamed(target: &Path) -> Renamed {
        let (replacement, _file) =
            Replacement::begin(target, &OpenOptions::new(), Existing::Replace, Durability::Synced)
                .unwrap();
        replacement.take_name().unwrap().unwrap()
    }

    #[test]
    fn files_that_come_during_a_sync_wait_for_the_next_which_is_one_for_all() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| renamed(&directory.path().join(name));
        let syncs = Arc::new(DirectorySyncs::default());
        let (sender, done) = mpsc::channel();
        let others: Vec<_> = ["b", "c", "d"].map(|name| (name, file(name))).into();
        let (own, own_sender) = (Arc::clone(&syncs), sender.clone());
        let first = move |outcome: io::Result<()>| {
            outcome.unwrap();
            // This thread is still at it.
            let others = others.into_iter().map(|(name, file)| {
                let (own, sender) = (Arc::clone(&own), own_sender.clone());
                let by = thread::current().id();
                let then = move |outcome: io::Result<()>| {
                    outcome.unwrap();
                    sender.send((name, thread::current().id() == by)).unwrap();
                };
                thread::spawn(move || own.sync(file, Box::new(then)))
            });
            others.for_each(|thread| thread.join().unwrap());
            own_sender.send(("a", true)).unwrap();
        };
        syncs.sync(file("a"), Box::new(first));
        drop(syncs);
        drop(sender);
        let mut done: Vec<_> = done.iter().collect();
        assert_eq!(done.remove(0), ("a", true), "the others were not synced before");
        done.sort_unstable();
        assert_eq!(done, [("b", true), ("c", true), ("d", true)]);
    }

    #[test]
    fn when_nobody_waits_the_next_file_is_synced_by_its_own_thread() {
        let directory = tempfile::tempdir().unwrap();
        let (syncs, count) = (DirectorySyncs::default(), Arc::new(AtomicUsize::new(0)));
        for name in ["a", "b"] {
            let count = Arc::clone(&count);
            let then = move |outcome: io::Result<()>| {
                outcome.unwrap();
                count.fetch_add(1, Ordering::Relaxed);
            };
            syncs.sync(renamed(&directory.path().join(name)), Box::new(then));
        }
        assert_eq!(count.load(Ordering::Relaxed), 2);
        assert!(syncs.waiting.lock().unwrap().is_empty());
    }
}
