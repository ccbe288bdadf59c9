//! The file that a function makes, to be written by it.

use std::error::Error;
use std::fmt;
use std::fs::{FileTimes, Permissions};
use std::io::{self, Write};
use std::path::Path;

use crate::file::FileHandle;
use crate::file::shown::Shown;
use crate::files::convert::same_error::same;
use crate::files::convert::watch::RunWatch;
use crate::files::info::FileInfo;
use crate::sync::Arc;
use crate::writer::FileWriter;

/// The file that a function of [`Files::convert`](crate::Files::convert) writes.
///
/// Bytes are written behind the function. It gets its name when the function has returned and all
/// is written. If the function returns an error or panics, nothing is left of it.
///
/// After the first error of a write the file is lost, and the pair's result is an error, whatever
/// the function returns.
///
/// # Examples
///
/// ```
/// use std::io::{self, Write};
/// use reapool::{Dispatcher, Files};
///
/// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
/// let path = directory.path().join("size");
/// let pairs = [("Cargo.toml", path.clone())];
/// let run = Files::new(&dispatcher)?.convert(pairs, |source, target| {
///     let bytes = io::copy(source, &mut io::sink())?;
///     write!(target, "{bytes}")?;
///     assert!(!target.path().exists(), "it has no name yet");
///     Ok(bytes)
/// });
/// for result in run {
///     assert_eq!(std::fs::read_to_string(&path)?, result?.value.value.to_string());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TargetFile {
    writer: FileWriter,
    info: FileInfo,
    run: Arc<dyn RunWatch>,
    /// Of the first write that has failed. The function has the error itself.
    failure: Option<io::Error>,
    end: End,
}

/// What becomes of the file when the function has returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It gets its name.
    Finished,
    /// Nothing is left of it.
    Discarded,
}

impl TargetFile {
    pub(super) fn new(writer: FileWriter, info: FileInfo, run: Arc<dyn RunWatch>) -> Self {
        Self { writer, info, run, failure: None, end: End::Finished }
    }

    /// The path, as it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.info.target()
    }

    /// The permissions that the file gets when all is written, before it has its name, instead of
    /// those of the [settings](crate::Targets::mode) or of the file that it replaces.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::fs::Permissions;
    /// use std::io;
    /// use std::os::unix::fs::PermissionsExt;
    /// use reapool::{Dispatcher, Files};
    ///
    /// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
    /// let path = directory.path().join("copy");
    /// let pairs = [("Cargo.toml", path.clone())];
    /// let run = Files::new(&dispatcher)?.convert(pairs, |source, target| {
    ///     // Its owner may read it, and nobody may write it.
    ///     target.set_permissions(Permissions::from_mode(source.info().metadata().mode & 0o400));
    ///     io::copy(source, target)
    /// });
    /// assert_eq!(run.filter(Result::is_ok).count(), 1);
    /// assert_eq!(path.metadata()?.permissions().mode() & 0o777, 0o400);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_permissions(&mut self, permissions: Permissions) {
        self.writer.set_permissions(permissions);
    }

    /// The times that the file gets when all is written, before it has its name.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::fs::{self, FileTimes};
    /// use std::io;
    /// use reapool::{Dispatcher, Files};
    ///
    /// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
    /// let path = directory.path().join("copy");
    /// let pairs = [("Cargo.toml", path.clone())];
    /// let run = Files::new(&dispatcher)?.convert(pairs, |source, target| {
    ///     target.set_times(FileTimes::new().set_modified(source.info().metadata().modified));
    ///     io::copy(source, target)
    /// });
    /// assert_eq!(run.filter(Result::is_ok).count(), 1);
    /// assert_eq!(fs::metadata(path)?.modified()?, fs::metadata("Cargo.toml")?.modified()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_times(&mut self, times: FileTimes) {
        self.writer.set_times(times);
    }

    /// The file, which doesn't have its name yet. Its bytes are this target's own affair.
    #[must_use]
    pub fn file(&self) -> &FileHandle {
        self.writer.file()
    }

    /// How many bytes were written to it.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.writer.position()
    }

    /// No file is to be made after all: what was written is dropped when the function returns, and
    /// what has the target's path stays. The result says so:
    /// [`Converted::written`](crate::Converted::written) is `None`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io;
    /// use flate2::{Compression, write::GzEncoder};
    /// use reapool::{Dispatcher, Files};
    ///
    /// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
    /// let source = directory.path().join("short");
    /// std::fs::write(&source, "a")?;
    /// let pairs = [(source.clone(), source.with_extension("gz"))];
    /// let mut run = Files::new(&dispatcher)?.convert(pairs, |source, target| {
    ///     let mut encoder = GzEncoder::new(&mut *target, Compression::fast());
    ///     let bytes = io::copy(source, &mut encoder)?;
    ///     encoder.finish()?;
    ///     if target.position() >= bytes {
    ///         target.discard();
    ///     }
    ///     Ok(())
    /// });
    /// assert_eq!(run.next().unwrap()?.value.written, None, "it would not be smaller");
    /// assert!(!source.with_extension("gz").exists());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn discard(&mut self) {
        self.end = End::Discarded;
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// The error of the first write that has failed.
    pub(super) fn failure(&self) -> Option<io::Error> {
        let error = self.failure.as_ref().map(same);
        error.map(|error| of_target(self.info.target(), error))
    }

    pub(super) fn is_discarded(&self) -> bool {
        self.end == End::Discarded
    }

    pub(super) fn into_parts(self) -> (FileWriter, End) {
        (self.writer, self.end)
    }

    fn note<T>(&mut self, outcome: io::Result<T>) -> io::Result<T> {
        outcome.map_err(|error| {
            self.failure.get_or_insert_with(|| same(&error));
            of_target(self.info.target(), error)
        })
    }
}

impl Write for TargetFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let outcome = self.writer.write(bytes);
        let count = self.note(outcome)?;
        self.run.counts().add_written(count);
        Ok(count)
    }

    /// Does nothing: all is written at the end, and no sooner does anybody see it.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for TargetFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TargetFile")
            .field("path", &self.path())
            .field("writer", &self.writer)
            .finish_non_exhaustive()
    }
}

/// An error of the system, with the target that it is about. Others name it themselves.
pub(super) fn of_target(target: &Path, source: io::Error) -> io::Error {
    if source.raw_os_error().is_none() {
        return source;
    }
    io::Error::new(source.kind(), TargetError { target: target.into(), source })
}

#[derive(Debug)]
struct TargetError {
    target: Box<Path>,
    source: io::Error,
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", Shown(&self.target), self.source)
    }
}

impl Error for TargetError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}
