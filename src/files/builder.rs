//! Settings of [`Files`](crate::Files), and their limits.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::dispatcher::Dispatcher;
use crate::file::history::ReadHistory;
use crate::file::links::Links;
use crate::files::convert::room::ConvertRoom;
use crate::files::convert::targets::Targets;
use crate::files::error::FilesError;
use crate::files::opener::Lookup;
use crate::files::settings::{BLOCK, Order, Policy, Settings};
use crate::files::shared::FilesShared;
use crate::pipeline::Pipeline;
use crate::pool::BufferPool;
use crate::pool::builder::CLASS_MAX;
use crate::pool::error::PoolBuildError;
use crate::sys::descriptor;

/// File descriptors that are left to the rest of the program.
const SPARE_FILES: usize = 64;

/// Settings of [`Files`](crate::Files).
///
/// # Examples
///
/// ```
/// use reapool::{Dispatcher, Files, Order, Policy};
///
/// let dispatcher = Dispatcher::new()?;
/// let files = Files::builder(&dispatcher)
///     .policy(Policy::Direct)
///     .order(Order::Input)
///     .memory(256 << 20)
///     .build()?;
/// let run = files.read(["Cargo.toml"], |file| file.metadata().size);
/// assert_eq!(run.filter_map(Result::ok).count(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until `build`"]
pub struct FilesBuilder {
    pipeline: Arc<Pipeline>,
    settings: Settings,
}

impl FilesBuilder {
    pub(crate) fn new(dispatcher: &Dispatcher) -> Self {
        let settings = Settings {
            policy: Policy::default(),
            order: Order::default(),
            links: Links::default(),
            beneath: None,
            memory: 64 << 20,
            chunk: 1 << 20,
            read_ahead: 4 << 20,
            files_at_once: 256,
            open_files: 1024,
            results: 4096,
            whole_limit: None,
            history: None,
            targets: Targets::new(),
        };
        Self { pipeline: Arc::clone(dispatcher.pipeline()), settings }
    }

    /// How files are read; [`Policy::Automatic`] by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Files, Policy};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// // Other programs will read these files soon.
    /// let files = Files::builder(&dispatcher).policy(Policy::Buffered).build()?;
    /// let run = files.read(["Cargo.toml", "README.md"], |file| file.contents().len());
    /// assert_eq!(run.filter(Result::is_ok).count(), 2);
    /// assert_eq!(files.stats().direct, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn policy(mut self, policy: Policy) -> Self {
        self.settings.policy = policy;
        self
    }

    /// Remembers which files [`Policy::Automatic`] reads with `O_DIRECT`, so that those which are
    /// read again are let into the page cache; by default nothing is remembered. It can be shared
    /// with other `Files`, and with handles that it [opens](ReadHistory::open).
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Files, ReadHistory};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// // As much as there is room for in the page cache.
    /// let history = ReadHistory::new(4 << 30);
    /// let files = Files::builder(&dispatcher).history(&history).build()?;
    /// // The first run reads past the page cache, the second into it, and the third from it.
    /// for _ in 0..3 {
    ///     let run = files.read(["Cargo.toml"], |file| file.contents().len());
    ///     assert_eq!(run.filter_map(Result::ok).count(), 1);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn history(mut self, history: &ReadHistory) -> Self {
        self.settings.history = Some(history.clone());
        self
    }

    /// In which order results come; [`Order::Completion`] by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Files, Order};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let files = Files::builder(&dispatcher).order(Order::Input).build()?;
    /// let run = files.read(["README.md", "gone", "Cargo.toml"], |file| file.contents().len());
    /// let indexes = run.map(|result| result.map_or_else(|error| error.index, |done| done.index));
    /// assert!(indexes.eq(0..3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn order(mut self, order: Order) -> Self {
        self.settings.order = order;
        self
    }

    /// Whether a symbolic link may stand in the place of a file; [`Links::Follow`] by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, FileErrorKind, Files, Links};
    ///
    /// let directory = tempfile::tempdir()?;
    /// let link = directory.path().join("link");
    /// std::os::unix::fs::symlink("/etc/passwd", &link)?;
    /// let dispatcher = Dispatcher::new()?;
    /// let files = Files::builder(&dispatcher).links(Links::Refuse).build()?;
    /// let error = files.read([link], |_| ()).next().unwrap().unwrap_err();
    /// assert_eq!(error.kind(), FileErrorKind::Refused);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn links(mut self, links: Links) -> Self {
        self.settings.links = links;
        self
    }

    /// Paths are relative to this directory, and lead to files below it. One that is absolute, or
    /// that leads out of the directory, by `..` or by a symbolic link on its way, is an error:
    /// [`FileErrorKind::Refused`](crate::FileErrorKind::Refused). Links that stay below the
    /// directory are followed, unless [`links`](Self::links) refuses them. Mounts below it are
    /// entered.
    ///
    /// The kernel keeps to this when it opens a file, so it holds whoever changes the tree
    /// meanwhile. [`build`](Self::build) opens the directory: if it is renamed or replaced
    /// afterwards, or if the program changes its working directory, paths still begin in the one
    /// that was opened. It takes openat2(2) (`RESOLVE_BENEATH`, Linux 5.6).
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Files};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let files = Files::builder(&dispatcher).beneath("src").build()?;
    /// let read: Vec<_> = files.read(["lib.rs", "../Cargo.toml"], |_| ()).collect();
    /// assert_eq!(read.iter().filter(|result| result.is_ok()).count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn beneath(mut self, directory: impl Into<PathBuf>) -> Self {
        self.settings.beneath = Some(directory.into());
        self
    }

    /// How many bytes the buffers of all files together may have; 64 MiB by default. Chunks that
    /// the user keeps are included.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Files};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// // Smaller chunks do with less memory.
    /// let files = Files::builder(&dispatcher).memory(4 << 20).chunk(64 << 10).build()?;
    /// let run = files.read(["Cargo.toml", "README.md"], |file| file.contents().len());
    /// assert_eq!(run.filter(Result::is_ok).count(), 2);
    ///
    /// let error = Files::builder(&dispatcher).memory(4096).build().unwrap_err();
    /// assert!(error.to_string().starts_with("memory can't be 4096: "));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn memory(mut self, bytes: usize) -> Self {
        self.settings.memory = bytes;
        self
    }

    /// How many bytes of a large file one read asks for; 1 MiB by default. It is rounded up to a
    /// multiple of 4096, or of what direct I/O on the file needs if that is more. As long as the
    /// page cache has what comes next, one read asks for no more than 256 KiB, which stay in a
    /// core's cache until the callback has seen them.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Files};
    ///
    /// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
    /// let path = directory.path().join("zeros");
    /// std::fs::write(&path, vec![0; 1 << 20])?;
    /// let files = Files::builder(&dispatcher).chunk(64 << 10).build()?;
    /// let mut run = files.stream(
    ///     [path],
    ///     |_file| Vec::new(),
    ///     |lens, chunk| lens.push(chunk.len()),
    ///     |lens, _file| lens,
    /// );
    /// let lens = run.next().unwrap()?.value;
    /// assert!(lens.iter().all(|&len| len <= 64 << 10));
    /// assert_eq!(lens.iter().sum::<usize>(), 1 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn chunk(mut self, bytes: usize) -> Self {
        self.settings.chunk = bytes;
        self
    }

    /// How many bytes of one file, at most, are being read or wait for the user's callback at a
    /// time; 4 MiB by default, and at least one chunk.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Files};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// // For a few huge files on a fast device: of each, up to eight chunks are on their way.
    /// let files = Files::builder(&dispatcher)
    ///     .chunk(4 << 20)
    ///     .read_ahead(32 << 20)
    ///     .memory(256 << 20)
    ///     .build()?;
    /// let mut run = files.stream(
    ///     ["Cargo.toml"],
    ///     |_file| blake3::Hasher::new(),
    ///     |hasher, chunk| {
    ///         hasher.update(&chunk);
    ///     },
    ///     |hasher, _file| hasher.finalize(),
    /// );
    /// assert_eq!(run.next().unwrap()?.value, blake3::hash(&std::fs::read("Cargo.toml")?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read_ahead(mut self, bytes: usize) -> Self {
        self.settings.read_ahead = bytes;
        self
    }

    /// How many files, at most, are in progress at a time; 256 by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Files};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// // One after the other, on a disk that would have to seek.
    /// let files = Files::builder(&dispatcher).files_at_once(1).build()?;
    /// let run = files.read(std::fs::read_dir("src/reader")?, |file| file.contents().len());
    /// let indexes: Vec<_> = run.filter_map(Result::ok).map(|done| done.index).collect();
    /// assert!(indexes.len() > 3 && indexes.is_sorted());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn files_at_once(mut self, files: usize) -> Self {
        self.settings.files_at_once = files;
        self
    }

    /// How many files each run has open at a time, at most; 1024 by default. It is lowered to the
    /// process's limit (`RLIMIT_NOFILE`, soft), less some that are left to the rest of the program.
    /// [`files_at_once`](Self::files_at_once) is lowered to it.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Files};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// // Of many small files on a network, as many at a time as the process may open.
    /// let files = Files::builder(&dispatcher)
    ///     .open_files(usize::MAX)
    ///     .files_at_once(usize::MAX)
    ///     .results(1 << 16)
    ///     .build()?;
    /// let run = files.read(std::fs::read_dir("src/writer")?, |file| file.contents().len());
    /// assert_eq!(run.filter(Result::is_err).count(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_files(mut self, files: usize) -> Self {
        self.settings.open_files = files;
        self
    }

    /// How many files, at most, are in progress or have a result that was not taken; 4096 by
    /// default. With [`Order::Input`], as many results can wait for one slow file.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Files};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// // The values are large, so there are to be no more than two of them.
    /// let files = Files::builder(&dispatcher).results(2).build()?;
    /// let mut run = files.read(std::fs::read_dir("src/reader")?, |file| file.contents().to_vec());
    /// let first = run.next().unwrap()?;
    /// assert_eq!(first.value.len() as u64, first.bytes);
    /// assert!(run.progress().snapshot().done <= 3, "the run doesn't go on before it is taken");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn results(mut self, files: usize) -> Self {
        self.settings.results = files;
        self
    }

    /// The largest file that [`Files::read`](crate::Files::read) takes, in bytes; 16 MiB by
    /// default, or a quarter of [`memory`](Self::memory) if that is less.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, FileErrorKind, Files};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let files = Files::builder(&dispatcher).whole_limit(1000).build()?;
    /// let error = files.read(["Cargo.toml"], |_file| ()).next().unwrap().unwrap_err();
    /// assert_eq!(error.kind(), FileErrorKind::TooLarge);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn whole_limit(mut self, bytes: usize) -> Self {
        self.settings.whole_limit = Some(bytes);
        self
    }

    /// How [`Files::convert`](crate::Files::convert) writes its targets.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io;
    /// use reapool::{Dispatcher, Files, Targets};
    ///
    /// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
    /// let targets = Targets::new().memory(16 << 20);
    /// let files = Files::builder(&dispatcher).targets(targets).build()?;
    /// let copy = directory.path().join("copy");
    /// let run = files.convert([("Cargo.toml", copy.clone())], io::copy);
    /// assert_eq!(run.filter(Result::is_ok).count(), 1);
    /// assert_eq!(std::fs::read(copy)?, std::fs::read("Cargo.toml")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn targets(mut self, targets: Targets) -> Self {
        self.settings.targets = targets;
        self
    }

    /// Checks and rounds the settings, and makes what the runs share for them.
    pub(super) fn shared(self) -> Result<FilesShared, FilesError> {
        let Self { pipeline, mut settings } = self;
        at_least_one("chunk", settings.chunk)?;
        at_least_one("files_at_once", settings.files_at_once)?;
        at_least_one("open_files", settings.open_files)?;
        at_least_one("results", settings.results)?;
        settings.chunk = rounded("chunk", settings.chunk)?;
        settings.read_ahead = settings.read_ahead.max(settings.chunk);
        let files = settings.open_files.min(descriptor::limit().saturating_sub(SPARE_FILES)).max(1);
        settings.open_files = files;
        settings.files_at_once = settings.files_at_once.min(files).min(settings.results);
        let pool = pool(&settings)?;
        let lookup = Lookup::new(settings.links, settings.beneath.as_deref());
        let lookup = lookup.map_err(|source| {
            let path = settings.beneath.clone().unwrap_or_default();
            FilesError::Beneath { path, source }
        })?;
        let room = ConvertRoom::new(&pipeline, &settings)?;
        Ok(FilesShared::new(pipeline, settings, pool, lookup, room))
    }
}

/// Buffers from one block, for the smallest files, up to the largest chunk or whole file. A read of
/// a whole file asks for one block more, to see the end.
fn pool(settings: &Settings) -> Result<BufferPool, FilesError> {
    let largest = rounded("whole_limit", settings.whole_limit())?.max(settings.chunk) + BLOCK;
    let mut classes = vec![settings.chunk];
    classes.extend((12..=30).step_by(2).map(|bits| 1 << bits).filter(|&size| size < largest));
    classes.push(largest);
    let pool = BufferPool::builder().capacity(settings.memory).classes(classes).build();
    pool.map_err(|error| {
        let reason = match error {
            PoolBuildError::CapacityTooSmall { least, .. } => format!(
                "a buffer for a file of whole_limit, {} bytes, or for a chunk, {} bytes, takes \
                 {least}. Raise memory, or lower whole_limit or chunk",
                settings.whole_limit(),
                settings.chunk
            ),
            PoolBuildError::CapacityTooLarge { limit, .. } => format!("it must be at most {limit}"),
            other => other.to_string(),
        };
        FilesError::InvalidConfig { setting: "memory", value: settings.memory, reason }
    })
}

fn at_least_one(setting: &'static str, value: usize) -> Result<(), FilesError> {
    if value > 0 {
        return Ok(());
    }
    Err(FilesError::InvalidConfig { setting, value, reason: "it must be at least 1".into() })
}

/// A size as a multiple of a block; an error if it is too large.
fn rounded(setting: &'static str, value: usize) -> Result<usize, FilesError> {
    if value <= CLASS_MAX - 2 * BLOCK {
        return Ok(value.next_multiple_of(BLOCK));
    }
    let reason = format!("it must be at most {}", CLASS_MAX - 2 * BLOCK);
    Err(FilesError::InvalidConfig { setting, value, reason })
}

impl fmt::Debug for FilesBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilesBuilder").field("settings", &self.settings).finish_non_exhaustive()
    }
}
