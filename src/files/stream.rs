//! A run over many files, for tasks: they wait for results without a thread.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::files::progress::FilesProgress;
use crate::files::run::{FileResult, FilesRun, FilesStopper};

/// The results of a run over many files, for a task: [`next`](Self::next) resolves to them one by
/// one. It belongs to no runtime.
///
/// Made by [`FilesRun::into_stream`]. The results are those that the run's iterator would give, in
/// the order that was asked for. A poll never blocks, so an executor may poll it in callbacks of
/// the dispatcher too; to block there until it is ready, with `block_on`, may last for ever.
///
/// With the feature `futures-core` it is a `Stream`.
///
/// # Examples
///
/// ```
/// use reapool::{Dispatcher, Files};
///
/// let dispatcher = Dispatcher::new()?;
/// let paths = ["Cargo.toml", "README.md"];
/// let run = Files::new(&dispatcher)?.read(paths, |file| file.contents().len());
/// let bytes = futures::executor::block_on(async {
///     let (mut results, mut bytes) = (run.into_stream(), 0);
///     while let Some(result) = results.next().await {
///         bytes += result?.value;
///     }
///     Ok::<_, reapool::FileError>(bytes)
/// })?;
/// assert!(bytes > 1000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Dropping it
///
/// Dropping it [stops](FilesStopper::stop) the run and doesn't wait for files in progress. A future
/// of the next result may be dropped at any time: no result is lost, as it takes none before it is
/// ready.
#[must_use = "a run goes on only while its results are taken"]
pub struct FilesStream<T> {
    run: FilesRun<T>,
}

impl<T> FilesRun<T> {
    /// Gives the results to a task, which waits for them without blocking a thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Files};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let run = Files::new(&dispatcher)?.read(["Cargo.toml", "README.md"], |_file| ());
    /// let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// let done = runtime.block_on(async {
    ///     let (mut results, mut done) = (run.into_stream(), 0);
    ///     while let Some(Ok(_)) = results.next().await {
    ///         done += 1;
    ///     }
    ///     done
    /// });
    /// assert_eq!(done, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_stream(self) -> FilesStream<T> {
        FilesStream { run: self }
    }
}

impl<T> FilesStream<T> {
    /// The next result; `None` when there are no more, and in a forked child.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::{FutureExt, executor::block_on};
    /// use reapool::{Dispatcher, Files};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let run = Files::new(&dispatcher)?.read(["Cargo.toml"], |file| file.contents().len());
    /// let mut results = run.into_stream();
    /// // If there is none yet, this future is dropped, and the next one has the result.
    /// let early = results.next().now_or_never();
    /// let result = early.unwrap_or_else(|| block_on(results.next()));
    /// assert!(result.unwrap()?.value > 1000);
    /// assert!(block_on(results.next()).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[expect(clippy::should_implement_trait, reason = "as in `StreamExt` of the crate futures")]
    pub fn next(&mut self) -> NextFile<'_, T> {
        NextFile { run: &mut self.run, waits: false }
    }

    /// Polls for the next result, as a `Stream` does. If there is none yet, the task of `context`
    /// is woken when there is, and none that polled before.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<FileResult<T>>> {
        self.run.poll_next(context)
    }

    /// Tells how far the run has come: from any thread, and also after the run was dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Files};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let run = Files::new(&dispatcher)?.read(["Cargo.toml", "gone"], |_file| ());
    /// let mut results = run.into_stream();
    /// let progress = results.progress();
    /// futures::executor::block_on(async { while results.next().await.is_some() {} });
    /// let end = progress.snapshot();
    /// assert_eq!((end.done, end.failed), (1, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn progress(&self) -> FilesProgress {
        self.run.progress()
    }
}

impl<T: 'static> FilesStream<T> {
    /// A handle that stops this run from any thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Files, Listing};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let paths = std::iter::repeat("Cargo.toml");
    /// let run = Files::new(&dispatcher)?.read(paths, |file| file.contents().len());
    /// let mut results = run.into_stream();
    /// let stopper = results.stopper();
    /// futures::executor::block_on(async {
    ///     while results.next().await.is_some() {
    ///         stopper.stop();
    ///     }
    /// });
    /// assert_eq!(results.progress().snapshot().listing, Listing::Stopped);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn stopper(&self) -> FilesStopper {
        self.run.stopper()
    }
}

/// Nothing in it is pinned.
impl<T> Unpin for FilesStream<T> {}

#[cfg(feature = "futures-core")]
impl<T> futures_core::Stream for FilesStream<T> {
    type Item = FileResult<T>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<FileResult<T>>> {
        self.run.poll_next(context)
    }
}

impl<T> fmt::Debug for FilesStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilesStream").field("progress", &self.progress()).finish_non_exhaustive()
    }
}

/// The future of [`FilesStream::next`].
#[must_use = "nothing is taken until the future is polled"]
pub struct NextFile<'a, T> {
    run: &'a mut FilesRun<T>,
    /// The run has the waker of a task that polled this.
    waits: bool,
}

impl<T> Future for NextFile<'_, T> {
    type Output = Option<FileResult<T>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // Until the poll says otherwise, as it may panic with the waker of an earlier one left.
        self.waits = true;
        let polled = self.run.poll_next(context);
        self.waits = polled.is_pending();
        polled
    }
}

impl<T> Drop for NextFile<'_, T> {
    fn drop(&mut self) {
        if self.waits {
            self.run.forget_task();
        }
    }
}

impl<T> fmt::Debug for NextFile<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NextFile").finish_non_exhaustive()
    }
}
