//! A file that a function converts, to be read by it.

use std::fmt;
use std::io::{self, BufRead, Read, Seek, SeekFrom};

use crate::files::convert::same_error::same;
use crate::files::convert::watch::RunWatch;
use crate::files::info::FileInfo;
use crate::reader::FileReader;
use crate::sync::Arc;

/// The file that a function of [`Files::convert`](crate::Files::convert) reads.
///
/// It is read ahead of the function. Reading waits where the bytes have not come, which is allowed
/// in that function. It is a [`BufRead`] whose buffer is the one that the file was read into.
///
/// When the run is stopped, or the dispatcher shut down, it gives what is left of its buffer, and
/// then an error, for the function to return.
///
/// After an error, the pair's result is an error whatever the function returns, and nothing is left
/// of the target: a function that takes an error for the end of the file has only a part of it.
///
/// # Examples
///
/// ```
/// use std::io::{BufRead, Write};
/// use reapool::{Dispatcher, Files};
///
/// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
/// let target = directory.path().join("without comments");
/// let pairs = [("Cargo.toml", target.clone())];
/// let run = Files::new(&dispatcher)?.convert(pairs, |source, target| {
///     for line in source.lines() {
///         match line? {
///             line if line.starts_with('#') => {}
///             line => writeln!(target, "{line}")?,
///         }
///     }
///     Ok(())
/// });
/// assert_eq!(run.filter(Result::is_ok).count(), 1);
/// let text = std::fs::read_to_string(target)?;
/// assert!(text.starts_with("[package]") && !text.contains("\n#"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SourceFile {
    reader: FileReader,
    info: FileInfo,
    run: Arc<dyn RunWatch>,
    /// How many bytes the function has got, and how many of them the run knows of.
    bytes: u64,
    counted: u64,
    /// Of the first read that has failed. The function has the error itself.
    failure: Option<io::Error>,
}

impl SourceFile {
    pub(super) fn new(reader: FileReader, info: FileInfo, run: Arc<dyn RunWatch>) -> Self {
        Self { reader, info, run, bytes: 0, counted: 0, failure: None }
    }

    /// Path, metadata, and position among the run's pairs.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{self, Write};
    /// use reapool::{Dispatcher, Files};
    ///
    /// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
    /// let target = directory.path().join("with its name");
    /// let pairs = [("Cargo.toml", target.clone())];
    /// let run = Files::new(&dispatcher)?.convert(pairs, |source, target| {
    ///     writeln!(target, "# {}", source.info().path().display())?;
    ///     io::copy(source, target)
    /// });
    /// assert_eq!(run.filter(Result::is_ok).count(), 1);
    /// assert!(std::fs::read(target)?.starts_with(b"# Cargo.toml"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn info(&self) -> &FileInfo {
        &self.info
    }

    /// The rest of the current chunk, without waiting for the next chunk.
    #[must_use]
    pub fn buffer(&self) -> &[u8] {
        self.reader.buffer()
    }

    pub(super) fn into_reader(self) -> FileReader {
        self.reader
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// The error of the first read that has failed.
    pub(super) fn failure(&self) -> Option<io::Error> {
        self.failure.as_ref().map(same)
    }

    /// Tells the run what the function has got.
    pub(super) fn count(&mut self) {
        self.run.counts().add_bytes((self.bytes - self.counted) as usize);
        self.counted = self.bytes;
    }

    /// Looks after the run before each chunk.
    fn before_read(&mut self) -> io::Result<()> {
        if !self.reader.buffer().is_empty() {
            return Ok(());
        }
        self.count();
        let checked = Arc::clone(&self.run).check();
        self.note(checked)
    }

    fn note<T>(&mut self, outcome: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &outcome {
            self.failure.get_or_insert_with(|| same(error));
        }
        outcome
    }
}

impl Read for SourceFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.before_read()?;
        let outcome = self.reader.read(buffer);
        let count = self.note(outcome)?;
        self.bytes += count as u64;
        Ok(count)
    }
}

impl BufRead for SourceFile {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.before_read()?;
        let filled = self.reader.fill_buf().map(|_| ());
        self.note(filled)?;
        Ok(self.reader.buffer())
    }

    fn consume(&mut self, count: usize) {
        let count = count.min(self.reader.buffer().len());
        self.reader.consume(count);
        self.bytes += count as u64;
    }
}

impl Seek for SourceFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self.reader.seek(to) {
            // It was not tried.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Err(error),
            outcome => self.note(outcome),
        }
    }

    fn stream_position(&mut self) -> io::Result<u64> {
        self.reader.stream_position()
    }
}

impl fmt::Debug for SourceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceFile")
            .field("info", &self.info)
            .field("reader", &self.reader)
            .finish_non_exhaustive()
    }
}
