//! A run over many files, as its user sees it: an iterator of results.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::files::outbox::FileResult;
use crate::files::policy::Access;
use crate::files::progress::FilesProgress;

/// What a run is to its user, whatever is done with the files.
pub(crate) trait Shift<T>: Send + Sync {
    /// Waits for results and takes them; nothing when no more will come.
    fn take(self: Arc<Self>) -> VecDeque<FileResult<T>>;

    /// So many results are in the user's hands, and others may take their places.
    fn taken(self: Arc<Self>, count: usize);

    /// Takes no more paths and ends the files in progress.
    fn stop(self: Arc<Self>);

    /// Stops it; nobody takes results any more.
    fn abandon(self: Arc<Self>);

    fn progress(&self) -> FilesProgress;
}

/// Files on their way: an iterator over what comes of each, in the order that was asked for.
///
/// Getting the next result blocks until there is one. Files are read meanwhile, whoever waits, but
/// only as far ahead as [`results`](crate::FilesBuilder::results) allows: a run whose results nobody
/// takes comes to rest.
///
/// Dropping it [stops](FilesStopper::stop) it and waits for nobody.
///
/// In a callback of the same dispatcher, waiting for results takes a worker's time, or in a blocking
/// job that of a blocking thread, and with all of them doing so nothing goes on. Nor does it while
/// whoever waits keeps chunks of its own, and with them all of the memory.
#[must_use = "a run goes on only while its results are taken"]
pub struct FilesRun<T> {
    shift: Arc<dyn Shift<T>>,
    at_hand: VecDeque<FileResult<T>>,
    /// Results that the user has and that still count as not taken.
    handed_out: usize,
}

/// For so many results the run is told at once that they were taken.
const HANDFUL: usize = 16;

impl<T> FilesRun<T> {
    pub(crate) fn new(shift: Arc<dyn Shift<T>>) -> Self {
        Self { shift, at_hand: VecDeque::new(), handed_out: 0 }
    }

    /// Tells how far it has come; from any thread, also after the run was dropped.
    #[must_use]
    pub fn progress(&self) -> FilesProgress {
        self.shift.progress()
    }
}

impl<T: 'static> FilesRun<T> {
    /// Stops it, from any thread.
    #[must_use]
    pub fn stopper(&self) -> FilesStopper {
        let shift = Arc::downgrade(&self.shift);
        FilesStopper {
            stop: Arc::new(move || shift.upgrade().into_iter().for_each(|it| it.stop())),
        }
    }
}

impl<T> Iterator for FilesRun<T> {
    type Item = FileResult<T>;

    fn next(&mut self) -> Option<FileResult<T>> {
        if self.handed_out >= HANDFUL || self.at_hand.is_empty() && self.handed_out > 0 {
            Arc::clone(&self.shift).taken(self.handed_out);
            self.handed_out = 0;
        }
        if self.at_hand.is_empty() {
            self.at_hand = Arc::clone(&self.shift).take();
        }
        let result = self.at_hand.pop_front()?;
        self.handed_out += 1;
        Some(result)
    }
}

impl<T> Drop for FilesRun<T> {
    fn drop(&mut self) {
        Arc::clone(&self.shift).abandon();
    }
}

impl<T> fmt::Debug for FilesRun<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilesRun").field("progress", &self.progress()).finish_non_exhaustive()
    }
}

/// Stops a [`FilesRun`] from any thread: a signal's, a timer's, a callback's.
#[derive(Clone)]
pub struct FilesStopper {
    stop: Arc<dyn Fn() + Send + Sync>,
}

impl FilesStopper {
    /// Takes no more paths. Files in progress end with
    /// [`FileErrorKind::Stopped`](crate::FileErrorKind::Stopped) at their next chunk, and the run
    /// ends when their results have been taken. A path that the iterator is only then coming up with
    /// is dropped. Doesn't block; more than once is as good as once.
    pub fn stop(&self) {
        (self.stop)();
    }
}

impl fmt::Debug for FilesStopper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilesStopper").finish_non_exhaustive()
    }
}

/// A file that was read to its end, and what came of it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Processed<T> {
    /// The file's position among the run's paths, from 0.
    pub index: u64,
    /// The path, as it was given.
    pub path: PathBuf,
    /// What the user's function returned.
    pub value: T,
    /// How many bytes the user's functions were given.
    pub bytes: u64,
    /// The file's size when it had been opened. If it is not `bytes`, the file was changed while it
    /// was being read, or the user's function broke off, or it is one of those in `/proc` that don't
    /// tell.
    pub size: u64,
    /// Which way it was read in the end.
    pub access: Access,
    /// If it was to be read with `O_DIRECT`, why it was not, or not all of it.
    pub fallback: Option<io::Error>,
}
