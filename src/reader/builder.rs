//! The settings of a reader.

use std::fmt;
use std::io;
use std::ops::{Bound, Range, RangeBounds};
use std::path::Path;

use crate::file::FileHandle;
use crate::pipeline::Pipeline;
use crate::reader::FileReader;
use crate::reader::lengths::Lengths;
use crate::reader::reads::{OFFSET_END, Reads};
use crate::streams::budget::Budget;
use crate::streams::sizes::Sizes;
use crate::streams::source::{AfterMiss, Sharing, Source, Way};
use crate::submit::Submitter;
use crate::sync::Arc;

/// Settings of a [`FileReader`].
///
/// # Examples
///
/// ```
/// use std::io::Read;
/// use reapool::{Dispatcher, FileReader};
///
/// let dispatcher = Dispatcher::new()?;
/// let mut name = String::new();
/// FileReader::builder(&dispatcher).range(1..8).open("Cargo.toml")?.read_to_string(&mut name)?;
/// assert_eq!(name, "package");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until a file is opened"]
pub struct FileReaderBuilder {
    pipeline: Arc<Pipeline>,
    chunk: usize,
    read_ahead: usize,
    range: Range<u64>,
}

impl FileReaderBuilder {
    pub(crate) fn new(pipeline: &Arc<Pipeline>) -> Self {
        Self {
            pipeline: Arc::clone(pipeline),
            chunk: 1 << 20,
            read_ahead: 4 << 20,
            range: 0..u64::MAX,
        }
    }

    /// The longest read, in bytes; 1 MiB by default. It is rounded up to a multiple of 4096, or of
    /// the file's alignment.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::BufRead;
    /// use reapool::{Dispatcher, FileReader};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let mut reader = FileReader::builder(&dispatcher).chunk(4096).open("Cargo.toml")?;
    /// let len = reader.fill_buf()?.len();
    /// assert!((1..=4096).contains(&len));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn chunk(mut self, bytes: usize) -> Self {
        self.chunk = bytes;
        self
    }

    /// How many bytes may be read ahead of the user; 4 MiB by default, at least one chunk. With the
    /// chunk that the user is at, and what buffers of 2 MiB leave over, this is the reader's
    /// memory. It is mapped when it is first needed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Read;
    /// use reapool::{Dispatcher, FileReader};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// // For many readers at a time, with little memory each.
    /// let builder = FileReader::builder(&dispatcher).chunk(64 << 10).read_ahead(64 << 10);
    /// let (manifest, readme) = (builder.clone().open("Cargo.toml")?, builder.open("README.md")?);
    /// let mut both = String::new();
    /// manifest.chain(readme).read_to_string(&mut both)?;
    /// let size = |path| std::fs::metadata(path).map(|metadata| metadata.len());
    /// assert_eq!(both.len() as u64, size("Cargo.toml")? + size("README.md")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read_ahead(mut self, bytes: usize) -> Self {
        self.read_ahead = bytes;
        self
    }

    /// The bytes of the file that are read; all by default. The range may end behind the file.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Read;
    /// use reapool::{Dispatcher, FileReader};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let size = std::fs::metadata("Cargo.toml")?.len();
    /// let mut end = Vec::new();
    /// let reader = FileReader::builder(&dispatcher).range(size - 100..).open("Cargo.toml")?;
    /// reader.take(1000).read_to_end(&mut end)?;
    /// assert_eq!(end.len(), 100);
    /// assert!(std::fs::read("Cargo.toml")?.ends_with(&end));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn range(mut self, range: impl RangeBounds<u64>) -> Self {
        let start = match range.start_bound() {
            Bound::Included(&start) => start,
            Bound::Excluded(&before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&last) => last.saturating_add(1),
            Bound::Excluded(&end) => end,
            Bound::Unbounded => u64::MAX,
        };
        self.range = start..end.max(start);
        self
    }

    /// Opens a file as [`FileHandle::open_automatic`] does, and reads it. Waits for open(2).
    ///
    /// # Errors
    ///
    /// [`OpenError`](crate::OpenError), as an [`io::Error`], and as for [`over`](Self::over).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{BufRead, ErrorKind};
    /// use reapool::{Dispatcher, FileReader};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let builder = FileReader::builder(&dispatcher);
    /// let first = builder.clone().open("Cargo.toml")?.lines().next();
    /// assert_eq!(first.unwrap()?, "[package]");
    /// assert_eq!(builder.open("gone").unwrap_err().kind(), ErrorKind::NotFound);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(self, path: impl AsRef<Path>) -> io::Result<FileReader> {
        let file = FileHandle::open_automatic(path)?;
        self.over(file)
    }

    /// Reads a file that is open. Others may use the handle too.
    ///
    /// The reads take the way of the handle. Through one that is
    /// [direct](FileHandle::is_direct), a file whose length is changed while it is read ends with
    /// an error if its new end is not aligned.
    ///
    /// # Errors
    ///
    /// Of the kind [`InvalidInput`](io::ErrorKind::InvalidInput) if the file has no offsets, as a
    /// pipe, or if the settings make no sense; errors of statx(2).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{BufRead, Seek, SeekFrom};
    /// use reapool::{Dispatcher, FileHandle, FileReader};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = FileHandle::open_buffered("Cargo.toml")?;
    /// let mut reader = FileReader::builder(&dispatcher).over(file)?;
    /// reader.seek(SeekFrom::Start(1))?;
    /// assert!(reader.fill_buf()?.starts_with(b"package"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn over(self, file: FileHandle) -> io::Result<FileReader> {
        let sizes = Sizes::of(&file, self.chunk)?;
        let size = file.size()?;
        let lengths = Lengths::new(sizes, self.read_ahead);
        let pool = sizes.pool(lengths.buffers(), lengths.buffers())?;
        let Range { start, end } = self.range;
        let range = start..end.min(OFFSET_END).max(start);
        // A handle that is automatic or buffered finds its way for each read.
        let cached = Way::Cached(AfterMiss::PageCache);
        let way = if file.is_direct() { Way::Device } else { cached };
        let source = Source { file: file.clone(), sharing: Sharing::Shared, way, fallback: None };
        let budget = Budget::new(pool, Arc::clone(&self.pipeline));
        let reads = Reads::new(&self.pipeline, budget, source, (size, range.end), lengths, None);
        reads.seek(start / sizes.block() as u64 * sizes.block() as u64, size);
        Ok(FileReader::new(reads, file, sizes.block(), range))
    }
}

impl FileReader {
    /// Settings of a reader whose reads this dispatcher performs: a [`Dispatcher`], a
    /// [`LoopDispatcher`], or a [`Submitter`] of one.
    ///
    /// [`Dispatcher`]: crate::Dispatcher
    /// [`LoopDispatcher`]: crate::LoopDispatcher
    /// [`Submitter`]: crate::Submitter
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Read;
    /// use reapool::{Dispatcher, FileReader};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let mut manifest = String::new();
    /// FileReader::builder(&dispatcher).open("Cargo.toml")?.read_to_string(&mut manifest)?;
    /// assert!(manifest.starts_with("[package]"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder(jobs: &impl AsRef<Submitter>) -> FileReaderBuilder {
        FileReaderBuilder::new(&jobs.as_ref().pipeline)
    }
}

impl fmt::Debug for FileReaderBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileReaderBuilder")
            .field("chunk", &self.chunk)
            .field("read_ahead", &self.read_ahead)
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}
