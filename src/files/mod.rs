//! A run turns an iterator of paths into an iterator of results. A scheduler decides who lists,
//! opens or reads next; all work happens in callbacks of the dispatcher; memory, open files and
//! results are bounded.
//!
//! A file's way through the files here:
//!
//! ```text
//! steps (list) ─> scheduler ─┬─> inline: a worker has all in memory ───┬─> callbacks ─> results
//!                            └─> steps (open) ─> streams/read_ahead ───┘   (reading)
//! ```
//!
//! What a run does with a file that was opened is its `consumer`'s affair: `begin` is where it
//! begins. A `fold` hands its chunks to callbacks; `convert` makes another file of it.
//!
//! `fold_file` keeps the reads and `reading` under one lock; `run` is what the user sees.
//!
//! A run needs no thread of its own, and nothing in it waits: the thread that ends a file, or takes
//! a result, tells the scheduler, and begins the steps that it answers with (`RunCore::tell`).
//! `RunCore` is the part of a run that its threads share; `steps` carries out the steps.

mod begin;
pub(crate) mod builder;
pub(crate) mod chunk;
mod consumer;
pub(crate) mod convert;
pub(crate) mod entry;
pub(crate) mod error;
pub(crate) mod fold;
mod fold_file;
#[cfg(test)]
mod forked;
pub(crate) mod info;
mod inline;
mod open;
mod opener;
mod paths;
pub(crate) mod progress;
mod reading;
mod results;
pub(crate) mod run;
mod run_core;
mod scheduler;
pub(crate) mod settings;
mod shared;
pub(crate) mod stats;
mod steps;
pub(crate) mod stream;

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::dispatcher::Dispatcher;
use begin::Begin;
use builder::FilesBuilder;
use chunk::Chunk;
use convert::Convert;
use convert::converted::Converted;
use convert::pair::PairEntry;
use convert::source_file::SourceFile;
use convert::target_file::TargetFile;
use entry::PathEntry;
use error::FilesError;
use fold::{IntoFlow, Streaming, Whole};
use info::{FileInfo, WholeFile};
use paths::{ListedPath, PathIterator};
use run::FilesRun;
use run_core::RunCore;
use shared::FilesShared;
use stats::FilesStats;
use steps::job_for;

/// Reads many files and has a dispatcher's workers run callbacks on their contents: from an
/// iterator of paths to an iterator of results, in bounded memory.
///
/// [`read`](Self::read) reads files whole, [`stream`](Self::stream) in chunks. Paths are taken from
/// the iterator when there is room. Workers open the files that can be opened without waiting, and
/// the dispatcher's [blocking threads](crate::Builder::blocking_threads) open the others. Many
/// files are read at a time, and of each large file several chunks are read ahead of the callback.
/// Small files don't wait behind large ones: memory and workers are shared chunk by chunk.
///
/// All limits are settings: [`FilesBuilder`]. A clone shares memory and counters.
///
/// The iterator of paths runs on a blocking thread. It may wait as long as it likes, also for
/// results of paths that it gave before: each path is begun before the next is asked for. While it
/// waits it occupies that thread, so the dispatcher needs others.
///
/// # Examples
///
/// The checksums of all files in a directory:
///
/// ```
/// use reapool::{Dispatcher, Files};
///
/// let dispatcher = Dispatcher::new()?;
/// let paths = std::fs::read_dir("src")?.filter_map(|entry| Some(entry.ok()?.path()));
/// let run = Files::new(&dispatcher)?.stream(
///     paths,
///     |_file| blake3::Hasher::new(),
///     |hasher, chunk| {
///         hasher.update(&chunk);
///     },
///     |hasher, _file| hasher.finalize(),
/// );
/// for result in run {
///     match result {
///         Ok(done) => println!("{}  {}", done.value, done.path.display()),
///         Err(error) => eprintln!("{error}"),
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Outcomes
///
/// | file | outcome |
/// |---|---|
/// | regular, or a block device | all its bytes |
/// | of size 0 with contents (`/proc`, `/sys`) | all its bytes, read until the end is seen |
/// | cut short while it is read | its bytes up to the new end; `bytes` is less than `size` |
/// | growing | its bytes up to the size when it was opened, or to an end that a read saw behind it |
/// | deleted or replaced after it was opened | the old contents |
/// | none: the iterator gave an [error](PathEntry) in the place of a path | an error of [`List`](crate::FileOperation::List) |
/// | missing, forbidden, a loop of links | an error of `open` |
/// | a link, or outside of a directory, and a [setting](FilesBuilder::links) refuses that | an error: [`Refused`](crate::FileErrorKind::Refused) |
/// | directory, pipe, socket, character device | an error: [`NotAFile`](crate::FileErrorKind::NotAFile); opening a pipe doesn't wait for a writer |
/// | too large for [`read`](Self::read) | an error: [`TooLarge`](crate::FileErrorKind::TooLarge) |
/// | without direct I/O, though it was wanted | read through the page cache; [`Processed::fallback`](crate::Processed::fallback) has the reason |
/// | a callback panics on it | an error: [`Panicked`](crate::FileErrorKind::Panicked) |
///
/// A file that is changed while it is being read is read in pieces, some of them before and some
/// after the change.
///
/// # The end of a run
///
/// Each path that was taken from the iterator has one result. Usually the run ends when the
/// iterator has ended and all results were taken. It ends earlier if the run is stopped, if the
/// dispatcher is shut down, as it is when it is dropped, or if the iterator panics. Then it takes
/// no more paths, and those that it did not take have no result. So a program for which "all files"
/// matters asks at the end whether [`FilesProgressSnapshot::listing`](crate::FilesProgressSnapshot)
/// is
/// [`Listing::Complete`](crate::Listing::Complete).
///
/// A panic of the iterator has a result, too, in the place of the path that was to come.
///
/// ```
/// use reapool::{Dispatcher, Files, Listing};
///
/// let dispatcher = Dispatcher::new()?;
/// let run = Files::new(&dispatcher)?.read(["Cargo.toml", "gone"], |file| file.contents().len());
/// let progress = run.progress();
/// assert_eq!(run.count(), 2);
/// assert_eq!(progress.snapshot().listing, Listing::Complete, "none is missing");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Jobs from functions
///
/// A function runs on a worker, so it may submit jobs, such as writes of what it was given, and no
/// submission blocks there. These jobs are not the run's: a file has its result when the last
/// function has returned for it, whether or not its jobs have ended. So the run's bounds on files
/// don't hold for them. These do:
///
/// - A [`Chunk`] or a [`WholeFile`] that is the buffer of a job counts against
///   [`memory`](FilesBuilder::memory) until the job has ended. The run reads no further than that,
///   so a program that only writes what it reads needs no other bound.
/// - A job's [handle](crate::JobHandle) can be the function's value. As at most
///   [`results`](FilesBuilder::results) values wait to be taken, there are at most as many jobs,
///   and the thread that takes them hears of each error.
/// - Of other jobs, at most [`parked_limit`](crate::Builder::parked_limit) and the backlog wait for
///   slots. Beyond that a submission is refused with [`Full`](crate::Refusal::Full). Buffers of
///   their own are best taken from a [`BufferPool`](crate::BufferPool), where
///   [`try_acquire`](crate::BufferPool::try_acquire) says when there are too many.
///
/// ```
/// use reapool::{Dispatcher, FileHandle, Files, Job, OperationError};
///
/// let dispatcher = Dispatcher::new()?;
/// let (archive, submitter) = (FileHandle::from(tempfile::tempfile()?), dispatcher.submitter());
/// let out = archive.clone();
/// let run = Files::new(&dispatcher)?.read(["Cargo.toml", "README.md"], move |file| {
///     let place = file.info().index() << 20;
///     let write = Job::write(&out, file, place, |done| Ok(done.into_success()?.0));
///     submitter.spawn(write.exact())
/// });
/// for result in run {
///     let done = result?;
///     let written: Result<usize, OperationError> = done.value?.join()?;
///     assert_eq!(written? as u64, done.size, "all of the file");
/// }
/// assert!(archive.size()? > 1 << 20);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Files {
    shared: Arc<FilesShared>,
}

impl Files {
    /// Makes one with the default settings.
    ///
    /// # Errors
    ///
    /// As for [`FilesBuilder::build`].
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Files};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let files = Files::new(&dispatcher)?;
    /// for directory in ["src/reader", "src/writer"] {
    ///     let run = files.read(std::fs::read_dir(directory)?, |file| file.contents().len());
    ///     assert_eq!(run.filter(Result::is_err).count(), 0);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(dispatcher: &Dispatcher) -> Result<Self, FilesError> {
        Self::builder(dispatcher).build()
    }

    /// A builder with the default settings, for reading on this dispatcher's workers.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Files};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// // In the background, with little memory, and with most of the device left to others.
    /// let files = Files::builder(&dispatcher).memory(16 << 20).files_at_once(2).build()?;
    /// let run = files.read(["Cargo.toml", "README.md"], |file| blake3::hash(file.contents()));
    /// assert_eq!(run.filter(Result::is_ok).count(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder(dispatcher: &Dispatcher) -> FilesBuilder {
        FilesBuilder::new(dispatcher)
    }

    /// Reads files whole, and runs `function` for each on a worker.
    ///
    /// Files larger than [`whole_limit`](FilesBuilder::whole_limit) are errors. Errors that the
    /// iterator gives in the place of paths are results: see [`PathEntry`].
    ///
    /// # Blocking
    ///
    /// It doesn't wait for files, but may enter the kernel to begin with the first. Taking results
    /// [blocks](FilesRun).
    ///
    /// # Panics
    ///
    /// Never. Panics of `function`, and of the iterator, are results.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Files};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let files = Files::new(&dispatcher)?;
    /// let count = |text: &[u8]| text.split(|&b| b == b'\n').count();
    /// let lines = files.read(["Cargo.toml"], move |file| count(file.contents()));
    /// assert!(lines.map(|result| result.unwrap().value).sum::<usize>() > 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read<P, F, T>(&self, paths: P, function: F) -> FilesRun<T>
    where
        P: IntoIterator<Item: PathEntry + 'static>,
        P::IntoIter: Send + 'static,
        F: Fn(WholeFile) -> T + Send + Sync + 'static,
        T: Send + 'static,
    {
        let limit = self.shared.settings.whole_limit();
        self.start(paths, Whole { function, limit })
    }

    /// Reads files in chunks. For each file, `begin` makes a state, `chunk` takes its chunks in
    /// order and never two at once, and `finish` makes the result of the state. Workers run all
    /// three.
    ///
    /// `chunk` may return nothing, or a [`ControlFlow<()>`](std::ops::ControlFlow): `Break` ends
    /// the file there, and `finish` is called next. A chunk that is kept keeps its memory.
    ///
    /// # Blocking
    ///
    /// As for [`read`](Self::read).
    ///
    /// # Panics
    ///
    /// As for [`read`](Self::read).
    ///
    /// # Examples
    ///
    /// The files in which a byte occurs, read only as far as needed:
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use reapool::{Dispatcher, Files};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let run = Files::new(&dispatcher)?.stream(
    ///     ["Cargo.toml", "README.md"],
    ///     |_file| false,
    ///     |found, chunk| {
    ///         *found = chunk.contains(&b'=');
    ///         if *found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    ///     },
    ///     |found, _file| found,
    /// );
    /// assert!(run.filter_map(Result::ok).any(|done| done.value));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stream<P, B, C, E, S, R, T>(
        &self,
        paths: P,
        begin: B,
        chunk: C,
        finish: E,
    ) -> FilesRun<T>
    where
        P: IntoIterator<Item: PathEntry + 'static>,
        P::IntoIter: Send + 'static,
        B: Fn(&FileInfo) -> S + Send + Sync + 'static,
        C: Fn(&mut S, Chunk) -> R + Send + Sync + 'static,
        E: Fn(S, &FileInfo) -> T + Send + Sync + 'static,
        S: Send + 'static,
        R: IntoFlow + 'static,
        T: Send + 'static,
    {
        self.start(paths, Streaming { begin, chunk, finish, types: PhantomData })
    }

    /// Makes a file of each: reads the source, runs `function`, and writes the target. Each pair
    /// has one result, when all of this is done.
    ///
    /// `function` reads a [`SourceFile`], which is read ahead of it, and writes a [`TargetFile`],
    /// which is written behind it. It may wait for both: it runs on threads of its own,
    /// [converters](crate::Builder::converters).
    ///
    /// A target is written in its directory without its name, as by
    /// [`FileWriterBuilder::replace`](crate::FileWriterBuilder::replace), and gets that when it is
    /// complete. So no part of a file is ever found under that name, and a file that is there stays
    /// as it is until then. If the function returns an error or panics, if a read or a write fails,
    /// or if the run ends, nothing is left of the target, and no other file is concerned. Only a
    /// process that ends meanwhile can leave temporary files, `.NAME.RANDOM.tmp`, behind: if
    /// targets are [synced](crate::Targets::durability) or replace files, or the file system has no
    /// files without a name. A target may be its own source.
    ///
    /// [`FilesBuilder::targets`] has the settings for writing. The policy holds for it, too: with
    /// [`Policy::Automatic`](crate::Policy::Automatic), targets of files of at least 8 MiB that are
    /// [synced](crate::Targets::durability) are written directly where the file system has direct
    /// I/O, and others through the page cache. Memory is bounded by
    /// [`Targets::memory`](crate::Targets::memory), and descriptors by
    /// [`open_files`](FilesBuilder::open_files): a file in progress counts for three. (A function
    /// that returns before the end of its source leaves reads behind. Each keeps the source open
    /// until it has come back.)
    ///
    /// # Blocking
    ///
    /// As for [`read`](Self::read). In the function, waiting for other jobs of the dispatcher is
    /// allowed; waiting until none is outstanding is refused, as in callbacks.
    ///
    /// # Panics
    ///
    /// As for [`read`](Self::read).
    ///
    /// # Examples
    ///
    /// Compresses files beside themselves, and counts those that failed:
    ///
    /// ```
    /// use std::io;
    /// use flate2::{Compression, write::GzEncoder};
    /// use reapool::{Dispatcher, Files};
    /// # let directory = tempfile::tempdir()?;
    /// # let directory = directory.path();
    /// # std::fs::copy("Cargo.toml", directory.join("a"))?;
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let pairs = std::fs::read_dir(directory)?.map(|entry| {
    ///     let path = entry?.path();
    ///     io::Result::Ok((path.clone(), path.with_added_extension("gz")))
    /// });
    /// let run = Files::new(&dispatcher)?.convert(pairs, |source, target| {
    ///     let mut encoder = GzEncoder::new(target, Compression::fast());
    ///     io::copy(source, &mut encoder)?;
    ///     encoder.finish()?;
    ///     Ok(())
    /// });
    /// let errors = run.filter(Result::is_err).count();
    /// # assert_eq!(errors, 0);
    /// # assert!(directory.join("a.gz").exists());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn convert<P, F, T>(&self, pairs: P, function: F) -> FilesRun<Converted<T>>
    where
        P: IntoIterator<Item: PairEntry + 'static>,
        P::IntoIter: Send + 'static,
        F: Fn(&mut SourceFile, &mut TargetFile) -> io::Result<T> + Send + Sync + 'static,
        T: Send + 'static,
    {
        let pairs = pairs.into_iter().map(|pair| pair.into_pair().map(ListedPath::pair));
        self.run(Box::new(pairs), Convert(function))
    }

    fn start<P, F>(&self, paths: P, fold: F) -> FilesRun<F::Output>
    where
        P: IntoIterator<Item: PathEntry + 'static>,
        P::IntoIter: Send + 'static,
        F: Begin,
    {
        let paths = paths.into_iter().map(|path| path.into_path().map(ListedPath::source));
        self.run(Box::new(paths), fold)
    }

    fn run<C: Begin>(&self, paths: PathIterator, consumer: C) -> FilesRun<C::Output> {
        let shared = Arc::clone(&self.shared);
        FilesRun::new(RunCore::start(shared, paths, consumer, job_for))
    }

    /// The counters of all runs so far.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Files};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let files = Files::new(&dispatcher)?;
    /// for _ in 0..2 {
    ///     let run = files.read(["Cargo.toml", "gone"], |file| file.contents().len());
    ///     assert_eq!(run.filter(Result::is_ok).count(), 1);
    /// }
    /// let stats = files.stats();
    /// assert_eq!(stats.opened_cached + stats.opened_blocking, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn stats(&self) -> FilesStats {
        self.shared.counters.snapshot(self.shared.budget.waits())
    }
}

impl FilesBuilder {
    /// Makes a [`Files`]. Its memory is mapped when it is first needed.
    ///
    /// # Errors
    ///
    /// If a setting makes no sense, if the memory is too little for the largest buffer, or if the
    /// directory of [`beneath`](Self::beneath) can't be opened.
    pub fn build(self) -> Result<Files, FilesError> {
        Ok(Files { shared: Arc::new(self.shared()?) })
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files")
            .field("settings", &self.shared.settings)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
