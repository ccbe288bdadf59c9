//! How the files that a run makes are written.

use crate::file::durability::Durability;
use crate::file::existing::Existing;

/// How [`Files::convert`](crate::Files::convert) writes its targets.
///
/// # Examples
///
/// ```
/// use std::io;
/// use reapool::{Dispatcher, Durability, Existing, Files, Targets};
///
/// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
/// let targets = Targets::new().durability(Durability::Synced).existing(Existing::Refuse);
/// let files = Files::builder(&dispatcher).targets(targets).build()?;
/// let pairs = [("Cargo.toml", directory.path().join("copy"))];
/// // The first run makes a copy, and the second refuses to replace it.
/// for expected in [true, false] {
///     let mut run = files.convert(pairs.clone(), io::copy);
///     assert_eq!(run.next().unwrap().is_ok(), expected);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "settings do nothing until they are given to a builder"]
pub struct Targets {
    pub(super) durability: Durability,
    pub(super) existing: Existing,
    pub(super) mode: u32,
    /// `None`: as much as is sensible for the number of threads.
    pub(super) memory: Option<usize>,
}

impl Targets {
    /// The default settings.
    pub fn new() -> Self {
        Self {
            durability: Durability::default(),
            existing: Existing::default(),
            mode: 0o666,
            memory: None,
        }
    }

    /// Which guarantee a file's result waits for; [`Durability::Cached`] by default. With
    /// [`Durability::Synced`], the next files are converted while others are synced.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io;
    /// use reapool::{Dispatcher, Durability, Files, Targets};
    ///
    /// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
    /// let targets = Targets::new().durability(Durability::Synced);
    /// let files = Files::builder(&dispatcher).targets(targets).build()?;
    /// let pairs = [("Cargo.toml", directory.path().join("copy"))];
    /// for result in files.convert(pairs, io::copy) {
    ///     let done = result?;
    ///     // The device has the copy: now a journal may say so.
    ///     assert_eq!(done.value.target.metadata()?.len(), done.size);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Whether files that are there are replaced; [`Existing::Replace`] by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io;
    /// use reapool::{Dispatcher, Existing, Files, Targets};
    ///
    /// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
    /// let target = directory.path().join("copy");
    /// std::fs::write(&target, "somebody else's")?;
    /// let targets = Targets::new().existing(Existing::Refuse);
    /// let files = Files::builder(&dispatcher).targets(targets).build()?;
    /// let mut run = files.convert([("Cargo.toml", target.clone())], io::copy);
    /// let error = run.next().unwrap().unwrap_err();
    /// assert_eq!(error.source.kind(), io::ErrorKind::AlreadyExists);
    /// assert_eq!(std::fs::read(target)?, b"somebody else's");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn existing(mut self, existing: Existing) -> Self {
        self.existing = existing;
        self
    }

    /// The permissions of targets that replace no file; `0o666` by default. The process's umask is
    /// taken from them. Others get those of the file that they replace.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io;
    /// use std::os::unix::fs::PermissionsExt;
    /// use reapool::{Dispatcher, Files, Targets};
    ///
    /// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
    /// let targets = Targets::new().mode(0o600);
    /// let files = Files::builder(&dispatcher).targets(targets).build()?;
    /// let target = directory.path().join("secret");
    /// let run = files.convert([("Cargo.toml", target.clone())], io::copy);
    /// assert_eq!(run.filter(Result::is_ok).count(), 1);
    /// assert_eq!(target.metadata()?.permissions().mode() & 0o777, 0o600);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// How many bytes the buffers of all files together may have that are converted; 64 MiB by
    /// default, and at least 128 KiB for each [converter](crate::Builder::converters). Half of it
    /// is for the beginnings of files that wait for a thread, a quarter for reading ahead of
    /// functions, and a quarter for writing behind them; each part is rounded up to a multiple of 2
    /// MiB. [`FilesBuilder::memory`](crate::FilesBuilder::memory) is that of other runs.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io;
    /// use reapool::{Dispatcher, Files, Targets};
    ///
    /// let directory = tempfile::tempdir()?;
    /// let dispatcher = Dispatcher::builder().converters(4).build()?;
    /// let build = |targets| Files::builder(&dispatcher).targets(targets).build();
    /// // 64 KiB for each of the converters are too little.
    /// assert!(build(Targets::new().memory(4 * (64 << 10))).is_err());
    ///
    /// let files = build(Targets::new().memory(16 << 20))?;
    /// let run = files.convert([("Cargo.toml", directory.path().join("copy"))], io::copy);
    /// assert_eq!(run.filter(Result::is_ok).count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn memory(mut self, bytes: usize) -> Self {
        self.memory = Some(bytes);
        self
    }
}

impl Default for Targets {
    fn default() -> Self {
        Self::new()
    }
}
