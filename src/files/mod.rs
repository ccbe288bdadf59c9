//! Many files: from an iterator of paths to an iterator of results.
//!
//! The life of a file, and where it is written down:
//!
//! ```text
//! paths (source) --> desk --> opened by a worker, if all is in memory (pull) --------> functions --> result
//!                        \\-> opened by a blocking thread (opener) --> reads (stream) --/    (outbox, run)
//! ```
//!
//! `work` is what all threads share; `desk` says what is begun when; `window` has the numbers of a
//! stream's reads, `budget` their memory. All of it goes on in callbacks of the dispatcher: who ends
//! a file, or takes a result, begins what there is room for now (`Work::more`), so no thread of its
//! own is needed, and nothing waits.

pub(crate) mod budget;
pub(crate) mod builder;
pub(crate) mod chunk;
mod closer;
mod desk;
mod ending;
pub(crate) mod error;
mod feeding;
mod filesystem;
pub(crate) mod fold;
#[cfg(test)]
mod forked;
pub(crate) mod info;
mod no_wait_opener;
mod open;
mod openat;
mod opener;
mod outbox;
pub(crate) mod policy;
pub(crate) mod progress;
mod pull;
mod residency;
pub(crate) mod run;
mod source;
pub(crate) mod stats;
mod stream;
pub(crate) mod whole;
mod window;
mod work;

use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;

use crate::dispatcher::Dispatcher;
use crate::pipeline::Pipeline;
use crate::pool::BufferPool;
use budget::Budget;
use builder::{FilesBuilder, Settings};
use chunk::Chunk;
use error::FilesError;
use filesystem::FileSystems;
use fold::{Fold, IntoFlow, Streaming, Whole};
use info::FileInfo;
use run::FilesRun;
use stats::{Counters, FilesStats};
use whole::WholeFile;
use work::Work;

/// Reads many files, and has a dispatcher's workers run functions on what is in them: from an
/// iterator of paths to an iterator of results, in bounded memory.
///
/// [`read`](Self::read) takes files whole, [`stream`](Self::stream) in chunks. Paths are pulled when
/// there is room, files are opened by the dispatcher's [blocking threads](crate::Builder::blocking_threads)
/// or, where that needs no waiting, by workers, and many of them are read at a time; large ones by
/// several reads ahead of the functions. Small files don't wait behind large ones: memory and turns
/// are given out chunk by chunk.
///
/// All limits are settings: [`FilesBuilder`]. A clone shares memory and counters.
///
/// The iterator of paths runs on a blocking thread, and may wait as long as it likes, also for results
/// of paths that it gave before: each is begun before the next is asked for. It has that thread to
/// itself meanwhile, so there have to be others.
///
/// # What becomes of which file
///
/// | file | outcome |
/// |---|---|
/// | regular, or a block device | all its bytes |
/// | of size 0 with contents (`/proc`, `/sys`) | all its bytes, read until the end is seen |
/// | cut short meanwhile | what was there up to the new end; `bytes` is less than `size` |
/// | growing | up to its size when it was opened, or to an end that a read saw behind it |
/// | deleted or replaced after it was opened | the old contents |
/// | missing, forbidden, a loop of links | an error of `open` |
/// | directory, pipe, socket, character device | an error: [`NotAFile`](crate::FileErrorKind::NotAFile); nobody waits for a writer |
/// | too large for [`read`](Self::read) | an error: [`TooLarge`](crate::FileErrorKind::TooLarge) |
/// | without direct I/O, though it was wanted | read through the page cache; [`Processed::fallback`](crate::Processed::fallback) has the reason |
/// | a function panics on it | an error: [`Panicked`](crate::FileErrorKind::Panicked) |
///
/// A file that is changed while it is being read is read in pieces, some of them before and some
/// after the change.
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
#[derive(Clone)]
pub struct Files {
    layer: Arc<Layer>,
}

/// What all runs share.
pub(crate) struct Layer {
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) settings: Settings,
    pub(crate) budget: Arc<Budget>,
    pub(crate) counters: Counters,
    pub(crate) file_systems: FileSystems,
}

impl Files {
    /// With the default settings.
    ///
    /// # Errors
    ///
    /// As for [`FilesBuilder::build`].
    pub fn new(dispatcher: &Dispatcher) -> Result<Self, FilesError> {
        Self::builder(dispatcher).build()
    }

    /// Settings to begin with, for reading on this dispatcher's workers.
    pub fn builder(dispatcher: &Dispatcher) -> FilesBuilder {
        FilesBuilder::new(dispatcher)
    }

    pub(crate) fn over(pipeline: Arc<Pipeline>, pool: BufferPool, settings: Settings) -> Self {
        let budget = Arc::new(Budget::new(pool, Arc::clone(&pipeline)));
        let counters = Counters::default();
        let file_systems = FileSystems::default();
        Self { layer: Arc::new(Layer { pipeline, settings, budget, counters, file_systems }) }
    }

    /// Reads files whole, and runs `function` for each, on a worker.
    ///
    /// Files larger than [`whole_limit`](FilesBuilder::whole_limit) are errors.
    ///
    /// # Blocking
    ///
    /// It doesn't wait for files, but enters the kernel to get the first going. Taking results
    /// [blocks](FilesRun).
    ///
    /// # Panics
    ///
    /// Never itself; panics of `function`, and of the iterator, are results.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Files};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let files = Files::new(&dispatcher)?;
    /// let lines = files.read(["Cargo.toml"], |file| file.contents().split(|&b| b == b'\n').count());
    /// assert!(lines.map(|result| result.unwrap().value).sum::<usize>() > 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read<P, F, T>(&self, paths: P, function: F) -> FilesRun<T>
    where
        P: IntoIterator<Item: Into<PathBuf> + 'static>,
        P::IntoIter: Send + 'static,
        F: Fn(WholeFile) -> T + Send + Sync + 'static,
        T: Send + 'static,
    {
        let limit = self.layer.settings.whole_limit();
        self.start(paths, Whole { function, limit })
    }

    /// Reads files in chunks: for each file, `begin` makes a state, `chunk` takes its chunks, in order
    /// and never two at once for the same file, and `finish` makes the result of the state. All on
    /// workers.
    ///
    /// `chunk` may return nothing, or a [`ControlFlow<()>`](std::ops::ControlFlow): `Break` ends the
    /// file there, and `finish` is called next. A chunk that is kept keeps its memory.
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
        P: IntoIterator<Item: Into<PathBuf> + 'static>,
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

    fn start<P, F>(&self, paths: P, fold: F) -> FilesRun<F::Output>
    where
        P: IntoIterator<Item: Into<PathBuf> + 'static>,
        P::IntoIter: Send + 'static,
        F: Fold,
    {
        let paths = paths.into_iter().map(Into::into);
        FilesRun::new(Work::start(Arc::clone(&self.layer), Box::new(paths), fold))
    }

    /// The counters of all runs so far.
    #[must_use]
    pub fn stats(&self) -> FilesStats {
        self.layer.counters.snapshot()
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files")
            .field("settings", &self.layer.settings)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
