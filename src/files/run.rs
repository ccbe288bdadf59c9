//! A run over many files, as its user sees it: an iterator of results.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::file::access::Access;
use crate::files::error::FileError;
use crate::files::progress::FilesProgress;

/// The result of one file.
pub(crate) type FileResult<T> = Result<Processed<T>, FileError>;

/// The run as its user controls it, whatever its callbacks are.
pub(crate) trait RunControl<T>: Send + Sync {
    /// Waits for results and takes them; empty when no more will come. `None` if the calling thread
    /// must not wait.
    fn take_results(self: Arc<Self>) -> Option<VecDeque<FileResult<T>>>;

    /// Takes results; empty when no more will come. If there are none yet, the task is woken when
    /// there are, and none that polled before.
    fn poll_results(self: Arc<Self>, context: &mut Context<'_>) -> Poll<VecDeque<FileResult<T>>>;

    /// Forgets the task that waits for results, if one does.
    fn forget_task(&self);

    /// The user has got `count` results, and others may take their places.
    fn results_taken(self: Arc<Self>, count: usize);

    /// Takes no more paths and ends the files in progress.
    fn stop(self: Arc<Self>);

    /// Stops it; nobody takes results any more.
    fn abandon(self: Arc<Self>);

    fn progress(&self) -> FilesProgress;
}

/// A run over many files: an iterator over the result of each, in the order that was asked for.
///
/// Getting the next result blocks until there is one; tasks wait for it by
/// [`into_stream`](Self::into_stream). Files are read whether or not somebody waits
/// for results, but only as far ahead as [`results`](crate::FilesBuilder::results) allows: a run
/// whose results nobody takes comes to rest.
///
/// Dropping it [stops](FilesStopper::stop) the run and doesn't wait for files in progress.
///
/// # Examples
///
/// ```
/// use reapool::{Dispatcher, Files};
///
/// let dispatcher = Dispatcher::new()?;
/// let run = Files::new(&dispatcher)?.read(["Cargo.toml", "gone"], |file| file.contents().len());
/// let (mut bytes, mut failed) = (0, Vec::new());
/// for result in run {
///     match result {
///         Ok(done) => bytes += done.value,
///         Err(error) => failed.push(error.path),
///     }
/// }
/// assert_eq!(bytes as u64, std::fs::metadata("Cargo.toml")?.len());
/// assert_eq!(failed, [std::path::Path::new("gone")]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # In a callback
///
/// A callback of the same dispatcher that waits for results occupies a worker while it waits; a
/// blocking job, or an iterator of paths, occupies a blocking thread. If all of them waited, nobody
/// would be left to read the files. So the last worker and the last blocking thread don't wait: if
/// no result is there, the next item is an error of the kind
/// [`InCallback`](crate::FileErrorKind::InCallback), and the iteration ends after it. The run is as
/// it was, and its results can be taken on in another thread. With one worker, results can't be
/// waited for in callbacks at all.
///
/// A run also stands still while the waiting code keeps chunks of this run that use up all of its
/// memory.
#[must_use = "a run goes on only while its results are taken"]
pub struct FilesRun<T> {
    control: Arc<dyn RunControl<T>>,
    at_hand: VecDeque<FileResult<T>>,
    /// Results that the user has got and that the run doesn't know to be taken.
    unreported: usize,
    /// The last item said that the calling thread must not wait. The iteration ends after it, so
    /// that no loop gets such items for ever.
    was_refused: bool,
}

/// The run is told of taken results when there are this many, or when none are at hand.
const REPORT_AT: usize = 16;

impl<T> FilesRun<T> {
    pub(crate) fn new(control: Arc<dyn RunControl<T>>) -> Self {
        Self { control, at_hand: VecDeque::new(), unreported: 0, was_refused: false }
    }

    /// Reports results that the user has got, if there are enough of them or none are at hand.
    fn report_taken(&mut self) {
        if self.unreported >= REPORT_AT || self.at_hand.is_empty() && self.unreported > 0 {
            Arc::clone(&self.control).results_taken(self.unreported);
            self.unreported = 0;
        }
    }

    fn take_at_hand(&mut self) -> Option<FileResult<T>> {
        let result = self.at_hand.pop_front()?;
        self.unreported += 1;
        Some(result)
    }

    /// The next result for a task; see [`RunControl::poll_results`].
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<FileResult<T>>> {
        self.report_taken();
        if self.at_hand.is_empty() {
            self.at_hand = ready!(Arc::clone(&self.control).poll_results(context));
        }
        Poll::Ready(self.take_at_hand())
    }

    /// Forgets the task that waits for the next result, if one does.
    pub(crate) fn forget_task(&self) {
        self.control.forget_task();
    }

    /// Tells how far the run has come: from any thread, and also after the run was dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Files};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let mut run = Files::new(&dispatcher)?.read(["Cargo.toml", "README.md"], |_file| ());
    /// let progress = run.progress();
    /// for taken in 1..=2 {
    ///     run.next().unwrap()?;
    ///     assert!(progress.snapshot().done >= taken);
    /// }
    /// drop(run);
    /// assert_eq!(progress.snapshot().done, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn progress(&self) -> FilesProgress {
        self.control.progress()
    }
}

impl<T: 'static> FilesRun<T> {
    /// A handle that stops this run from any thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, FileErrorKind, Files};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let paths = ["gone"].into_iter().chain(std::iter::repeat("Cargo.toml"));
    /// let run = Files::new(&dispatcher)?.read(paths, |file| file.contents().len());
    /// let stopper = run.stopper();
    /// let mut failures = 0;
    /// for error in run.filter_map(Result::err) {
    ///     // After the first failure, the run ends.
    ///     stopper.stop();
    ///     failures += u32::from(error.kind() != FileErrorKind::Stopped);
    /// }
    /// assert_eq!(failures, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn stopper(&self) -> FilesStopper {
        let control = Arc::downgrade(&self.control);
        let stop = move || control.upgrade().into_iter().for_each(|control| control.stop());
        FilesStopper { stop: Arc::new(stop) }
    }
}

impl<T> Iterator for FilesRun<T> {
    type Item = FileResult<T>;

    fn next(&mut self) -> Option<FileResult<T>> {
        self.report_taken();
        if self.at_hand.is_empty() {
            let Some(results) = Arc::clone(&self.control).take_results() else {
                self.was_refused = !self.was_refused;
                return self.was_refused.then(|| Err(FileError::in_callback()));
            };
            self.at_hand = results;
            self.was_refused = false;
        }
        self.take_at_hand()
    }
}

impl<T> Drop for FilesRun<T> {
    fn drop(&mut self) {
        Arc::clone(&self.control).abandon();
    }
}

impl<T> fmt::Debug for FilesRun<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilesRun").field("progress", &self.progress()).finish_non_exhaustive()
    }
}

/// Stops a [`FilesRun`] from any thread: from a signal's thread, a timer's, or a callback.
///
/// # Examples
///
/// ```
/// use std::thread;
/// use reapool::{Dispatcher, FileErrorKind, Files};
///
/// let dispatcher = Dispatcher::new()?;
/// let paths = std::iter::repeat("Cargo.toml");
/// let run = Files::new(&dispatcher)?.read(paths, |file| file.contents().len());
/// let stopper = run.stopper();
/// let other = thread::spawn(move || stopper.stop());
/// // These are all the results that there are.
/// for error in run.filter_map(Result::err) {
///     assert_eq!(error.kind(), FileErrorKind::Stopped);
/// }
/// # other.join().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct FilesStopper {
    stop: Arc<dyn Fn() + Send + Sync>,
}

impl FilesStopper {
    /// Stops the run: it takes no more paths. Files in progress end with
    /// [`FileErrorKind::Stopped`](crate::FileErrorKind::Stopped) at their next chunk, and the run
    /// ends when their results have been taken. The iterator of paths is dropped before that; if it
    /// is being asked for a path, that path is dropped, and the iterator after it. Doesn't block.
    /// Further calls do nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, FileErrorKind, Files, Listing};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let endless = std::iter::repeat("Cargo.toml");
    /// let mut run = Files::new(&dispatcher)?.read(endless, |file| file.contents().len());
    /// assert!(run.next().unwrap()?.value > 0);
    /// run.stopper().stop();
    /// // Files that had been begun have a result, too.
    /// let mut errors = run.by_ref().filter_map(Result::err);
    /// assert!(errors.all(|error| error.kind() == FileErrorKind::Stopped));
    /// assert_ne!(run.progress().snapshot().listing, Listing::Complete);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stop(&self) {
        (self.stop)();
    }
}

impl fmt::Debug for FilesStopper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilesStopper").finish_non_exhaustive()
    }
}

/// A file that was read to its end, and the value that the user's callback returned for it.
///
/// # Examples
///
/// ```
/// use std::path::Path;
/// use reapool::{Dispatcher, Files};
///
/// let dispatcher = Dispatcher::new()?;
/// let files = Files::new(&dispatcher)?;
/// let mut run = files.read(["Cargo.toml"], |file| blake3::hash(file.contents()));
/// let done = run.next().unwrap()?;
/// assert_eq!((done.index, &*done.path), (0, Path::new("Cargo.toml")));
/// assert_eq!(done.value, blake3::hash(&std::fs::read("Cargo.toml")?));
/// assert_eq!(done.bytes, done.size, "all of it was read");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Processed<T> {
    /// The file's position among the run's paths, from 0.
    pub index: u64,
    /// The path, as it was given.
    pub path: PathBuf,
    /// The value that the user's callback returned.
    pub value: T,
    /// How many bytes the user's callbacks were given.
    pub bytes: u64,
    /// The file's size when it had been opened. It differs from `bytes` if the file was changed
    /// while it was being read, if the user's callback ended the file early, and for files in
    /// `/proc` that don't tell their size.
    pub size: u64,
    /// How the file was read in the end.
    pub access: Access,
    /// If the file was to be read with `O_DIRECT`, why it was not, or not all of it.
    pub fallback: Option<io::Error>,
}
