//! The walk: finds the files, and says what can't be walked.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crossbeam_channel::{Sender, bounded};
use walkdir::WalkDir;

use crate::Shared;
use crate::line::{Failure, Line, Outcome};
use crate::open::Task;

/// Finds the files, in the order of their lines.
pub(crate) struct Walker {
    pub(crate) lines: Sender<Line>,
    pub(crate) tasks: Sender<Task>,
    pub(crate) shared: Arc<Shared>,
}

impl Walker {
    pub(crate) fn walk(&self, paths: &[PathBuf]) {
        for path in paths {
            match fs::metadata(path) {
                Err(error) => self.refuse(path, error.into()),
                Ok(metadata) if metadata.is_dir() => self.walk_directory(path),
                Ok(metadata) if metadata.is_file() => self.accept(path.clone(), true),
                // Not to be opened: a FIFO waits for its writer, a device may do something.
                Ok(_) => self.refuse(path, Failure::NotRegular),
            }
            if self.shared.is_stopped() {
                return;
            }
        }
    }

    fn walk_directory(&self, root: &Path) {
        for entry in WalkDir::new(root).sort_by_file_name() {
            match entry {
                Ok(entry) if entry.file_type().is_file() => self.accept(entry.into_path(), false),
                Ok(_) => {}
                Err(error) => {
                    let path = error.path().unwrap_or(root).to_owned();
                    let loops = || io::Error::other("leads back to a directory above");
                    self.refuse(&path, error.into_io_error().unwrap_or_else(loops).into());
                }
            }
            if self.shared.is_stopped() {
                return;
            }
        }
    }

    /// Waits while the openers are behind.
    fn accept(&self, path: PathBuf, named: bool) {
        let path: Arc<Path> = path.into();
        let outcome = self.announce(&path);
        // Without openers, the outcome's sender is dropped with the task, and heard of.
        let _ = self.tasks.send(Task { path, named, outcome });
    }

    fn refuse(&self, path: &Path, failure: Failure) {
        let _ = self.announce(&path.into()).send(Err(failure).into());
    }

    /// Waits while the printed lines are too far behind. If nobody wants lines any more, the walk
    /// is about to be stopped.
    fn announce(&self, path: &Arc<Path>) -> Sender<Outcome> {
        let (sender, outcome) = bounded(1);
        let _ = self.lines.send(Line { path: Arc::clone(path), outcome });
        sender
    }
}
