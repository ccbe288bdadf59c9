//! The settings of a `Files`: how files are found and read, in which order their results come, and
//! how much there may be at a time.

use std::path::PathBuf;

use crate::file::history::ReadHistory;
use crate::file::links::Links;
use crate::files::convert::targets::Targets;

/// Buffers are aligned to this, and their sizes are multiples of it.
pub(crate) const BLOCK: usize = 4096;

/// As the builder has them, and then rounded.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) policy: Policy,
    pub(crate) order: Order,
    pub(crate) links: Links,
    pub(crate) beneath: Option<PathBuf>,
    pub(crate) memory: usize,
    pub(crate) chunk: usize,
    pub(crate) read_ahead: usize,
    pub(crate) files_at_once: usize,
    pub(crate) open_files: usize,
    pub(crate) results: usize,
    /// `None`: 16 MiB, or a quarter of the memory if that is less.
    pub(crate) whole_limit: Option<usize>,
    pub(crate) history: Option<ReadHistory>,
    pub(crate) targets: Targets,
}

impl Settings {
    /// The largest file that is read whole, in bytes.
    pub(crate) fn whole_limit(&self) -> usize {
        self.whole_limit.unwrap_or((16 << 20).min(self.memory / 4))
    }
}

/// How files are read: with direct I/O or through the page cache.
///
/// # Examples
///
/// ```
/// use reapool::{Dispatcher, Files, Policy};
///
/// let dispatcher = Dispatcher::new()?;
/// let files = Files::builder(&dispatcher).policy(Policy::Direct).build()?;
/// let mut run = files.read(["/proc/version"], |file| file.contents().len());
/// let done = run.next().unwrap()?;
/// assert!(done.value > 0 && done.fallback.is_some(), "there is no direct I/O in /proc");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Policy {
    /// With `O_DIRECT`, past the page cache. Where the file system has no direct I/O, through the
    /// page cache.
    Direct,
    /// Through the page cache.
    Buffered,
    /// Files that the page cache has are read through it, others with `O_DIRECT`. So a run over
    /// many files doesn't evict the pages that other programs use.
    /// [`history`](crate::FilesBuilder::history) makes an exception for files that are read again.
    #[default]
    Automatic,
}

/// In which order results come.
///
/// # Examples
///
/// ```
/// use std::path::Path;
/// use reapool::{Dispatcher, Files, Order};
///
/// let dispatcher = Dispatcher::new()?;
/// let files = Files::builder(&dispatcher).order(Order::Input).build()?;
/// let paths = ["README.md", "Cargo.toml", "src/lib.rs"];
/// for (path, result) in paths.iter().zip(files.read(paths, |file| file.contents().len())) {
///     assert_eq!(result?.path, Path::new(path));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// As files are finished.
    #[default]
    Completion,
    /// As the paths came. A result that is finished early waits for those before it; at most
    /// [`results`](crate::FilesBuilder::results) of them wait. Such results must not keep memory of
    /// the run (a [`Chunk`](crate::Chunk), a [`WholeFile`](crate::WholeFile)): the files before
    /// them may be waiting for that memory.
    Input,
}
