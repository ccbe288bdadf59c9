//! Many ranges of a file in one call: ranges that lie close together are read at once, all reads go
//! into the kernel together, and one handle gives all results.
//!
//! `merge.rs` decides which ranges share a read, `gather.rs` takes the reads' results apart again,
//! and `bytes.rs` is what the user gets of each range.

pub(crate) mod bytes;
mod gather;
mod merge;

use std::error::Error;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::admission::refusal::Refusal;
use crate::file::FileHandle;
use crate::job::Job;
use crate::pool::BufferPool;
use crate::pool::error::AcquireError;
use crate::ranges::gather::{Gather, Results};
use crate::ranges::merge::{MergedRead, merge};
use crate::submit::Submitter;
use crate::submit::handle::JobHandle;
use crate::wait::delivery::Delivery;

/// Ranges that are no further apart than this are read together: on a device, another request
/// costs more than so many bytes.
const GAP: u64 = 64 << 10;

/// Reads are merged as long as they are no longer than this: longer ones are no faster, and need
/// larger buffers.
const MOST: usize = 4 << 20;

/// Ranges of one file that are to be read in one call.
///
/// Ranges that lie close together are read together, and each result is a slice of the buffer that
/// its read filled: nothing is copied. The reads are submitted in one batch. The results come in
/// the order of the ranges, however these lie.
///
/// The buffers are a pool's, or are [allocated](BufferPool::acquire_or_allocate) if it has none. A
/// result keeps its buffer, with those of its neighbours that were read together with it, until it
/// is dropped.
///
/// # Examples
///
/// ```
/// use reapool::{BufferPool, Dispatcher, FileHandle, ReadRanges};
///
/// let dispatcher = Dispatcher::new()?;
/// let pool = BufferPool::builder().build()?;
/// let file = FileHandle::open_direct_or_buffered("Cargo.toml")?;
/// let ranges = ReadRanges::new(&file, [10..19, 0..9, 1..8]).spawn(&dispatcher, &pool)?;
/// let bytes = ranges.join()??;
/// assert_eq!(&*bytes[1], b"[package]");
/// assert_eq!(&*bytes[2], b"package");
/// assert_eq!(dispatcher.stats().accepted, 1, "one read for all three");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is read until it is spawned"]
pub struct ReadRanges {
    file: FileHandle,
    ranges: Vec<Range<u64>>,
    gap: u64,
    most: usize,
    looked_for: LookedFor,
}

/// Whether somebody has looked for the ranges in the page cache, in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LookedFor {
    InVain,
    NotYet,
}

impl ReadRanges {
    /// Ranges of a file, in bytes. They may overlap, and come in any order. A range whose end is
    /// not after its start is empty, and nothing is read for it.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{BufferPool, Dispatcher, FileHandle, ReadRanges};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let pool = BufferPool::builder().build()?;
    /// let file = FileHandle::open_buffered("Cargo.toml")?;
    /// let ranges = ReadRanges::new(&file, [10..14, 1..8, 5..5]);
    /// let bytes = ranges.spawn(&dispatcher, &pool)?.join()??;
    /// assert_eq!((&*bytes[0], &*bytes[1]), (&b"name"[..], &b"package"[..]));
    /// assert!(bytes[2].is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(file: impl Into<FileHandle>, ranges: impl IntoIterator<Item = Range<u64>>) -> Self {
        let (file, ranges) = (file.into(), ranges.into_iter().collect());
        Self { file, ranges, gap: GAP, most: MOST, looked_for: LookedFor::NotYet }
    }

    /// Ranges are read together if no more than `bytes` lie between them; 64 KiB by default. The
    /// bytes between are read, too.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{BufferPool, Dispatcher, FileHandle, ReadRanges};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let pool = BufferPool::builder().build()?;
    /// let file = FileHandle::open_buffered("Cargo.toml")?;
    /// let ranges = ReadRanges::new(&file, [0..9, 1000..1009]).gap(500);
    /// let bytes = ranges.spawn(&dispatcher, &pool)?.join()??;
    /// assert_eq!((bytes[0].len(), bytes[1].len()), (9, 9));
    /// assert_eq!(dispatcher.stats().accepted, 2, "991 bytes lie between them");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn gap(mut self, bytes: u64) -> Self {
        self.gap = bytes;
        self
    }

    /// Ranges are read together as long as the read is no larger than `bytes`; 4 MiB by default. A
    /// range that is longer is read by itself, in one read.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{BufferPool, Dispatcher, FileHandle, ReadRanges};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let pool = BufferPool::builder().build()?;
    /// let file = FileHandle::open_buffered("Cargo.toml")?;
    /// let ranges = ReadRanges::new(&file, [0..100, 100..200, 200..300]).most(200);
    /// let bytes = ranges.spawn(&dispatcher, &pool)?.join()??;
    /// assert!(bytes.iter().all(|bytes| bytes.len() == 100));
    /// assert_eq!(dispatcher.stats().accepted, 2, "the third range would make it too long");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn most(mut self, bytes: usize) -> Self {
        self.most = bytes;
        self
    }

    /// Says that [`FileHandle::read_cached`] has found none of the ranges: the reads go the way
    /// that [`FileHandle::after_miss`] tells. Of an automatic file, those that are direct are then
    /// submitted together.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{BufferPool, Dispatcher, FileHandle, ReadRanges};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let pool = BufferPool::builder().build()?;
    /// let file = FileHandle::open_automatic("Cargo.toml")?;
    /// let mut head = Vec::with_capacity(9);
    /// if file.read_cached(&mut head, 9, 0).is_none() {
    ///     let ranges = ReadRanges::new(&file, [0..9]).after_miss();
    ///     let bytes = ranges.spawn(&dispatcher, &pool)?.join()??;
    ///     head = bytes[0].to_vec();
    /// }
    /// assert_eq!(head, b"[package]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn after_miss(mut self) -> Self {
        self.looked_for = LookedFor::InVain;
        self
    }

    /// Submits the reads, and returns a handle that gives all results. Waits for room.
    ///
    /// A result is shorter than its range, or empty, where the file ends before. If a read fails,
    /// the handle gives its error when all reads have ended. The reads can't be
    /// [cancelled](JobHandle::cancel).
    ///
    /// # Blocking
    ///
    /// As [`Submitter::submit_batch`].
    ///
    /// # Errors
    ///
    /// [`ReadRangesError`]. Reads that were accepted before a refusal are performed, and their
    /// results dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{BufferPool, Dispatcher, FileHandle, ReadRanges};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let pool = BufferPool::builder().build()?;
    /// let file = FileHandle::open_buffered("Cargo.toml")?;
    /// let size = file.size()?;
    /// let ranges = ReadRanges::new(&file, [0..9, size - 3..size + 9, size..size + 9]);
    /// let bytes = ranges.spawn(&dispatcher, &pool)?.join()??;
    /// assert_eq!([bytes[0].len(), bytes[1].len(), bytes[2].len()], [9, 3, 0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn spawn(
        self,
        dispatcher: &impl AsRef<Submitter>,
        pool: &BufferPool,
    ) -> Result<JobHandle<Results>, ReadRangesError> {
        let submitter = dispatcher.as_ref();
        let (jobs, handle) = self.jobs(submitter, pool)?;
        submitter.submit_batch(jobs).map_err(|refused| refused.kind())?;
        Ok(handle)
    }

    /// Submits the reads if there is room for all of them now, as [`spawn`](Self::spawn) does.
    ///
    /// # Errors
    ///
    /// As for `spawn`, and [`Refusal::Full`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use reapool::{BufferPool, Dispatcher, FileHandle, Job};
    /// use reapool::{ReadRanges, ReadRangesError, Refusal};
    ///
    /// let dispatcher = Dispatcher::builder().depth(1).backlog(0).build()?;
    /// let pool = BufferPool::builder().build()?;
    /// let ranges = ReadRanges::new(FileHandle::open_buffered("Cargo.toml")?, [1..8]);
    /// let (open, opened) = mpsc::channel::<()>();
    /// dispatcher.submit(Job::nop(move || _ = opened.recv()))?; // keeps the only slot
    /// let refused = ranges.clone().try_spawn(&dispatcher, &pool).unwrap_err();
    /// assert!(matches!(refused, ReadRangesError::Refused(Refusal::Full)));
    /// drop(open);
    /// assert_eq!(&*ranges.spawn(&dispatcher, &pool)?.join()??[0], b"package");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_spawn(
        self,
        dispatcher: &impl AsRef<Submitter>,
        pool: &BufferPool,
    ) -> Result<JobHandle<Results>, ReadRangesError> {
        let submitter = dispatcher.as_ref();
        let (jobs, handle) = self.jobs(submitter, pool)?;
        submitter.try_submit_batch(jobs).map_err(|refused| refused.kind())?;
        Ok(handle)
    }

    /// Submits the reads as [`spawn`](Self::spawn) does, but for tasks: where that waits for room,
    /// the future is pending.
    ///
    /// # Errors
    ///
    /// As for `spawn`.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{BufferPool, Dispatcher, FileHandle, ReadRanges};
    ///
    /// let (dispatcher, pool) = (Dispatcher::new()?, BufferPool::builder().build()?);
    /// let file = FileHandle::open_buffered("Cargo.toml")?;
    /// let bytes = futures::executor::block_on(async {
    ///     let ranges = ReadRanges::new(&file, [0..9, 1..8]);
    ///     let handle = ranges.spawn_async(&dispatcher, &pool).await?;
    ///     Ok::<_, Box<dyn std::error::Error>>(handle.await?)
    /// })?;
    /// assert_eq!(&*bytes[1], b"package");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn spawn_async(
        self,
        dispatcher: &impl AsRef<Submitter>,
        pool: &BufferPool,
    ) -> Result<JobHandle<Results>, ReadRangesError> {
        let submitter = dispatcher.as_ref();
        let (jobs, handle) = self.jobs(submitter, pool)?;
        let Err(refused) = submitter.try_submit_batch(jobs) else { return Ok(handle) };
        if refused.kind() != Refusal::Full {
            return Err(refused.kind().into());
        }
        for job in refused.into_inner() {
            submitter.submit_async(job).await.map_err(|refused| refused.kind())?;
        }
        Ok(handle)
    }

    /// The reads, with their buffers, and the handle of all of them.
    fn jobs(
        &self,
        submitter: &Submitter,
        pool: &BufferPool,
    ) -> Result<(Vec<Job>, JobHandle<Results>), AcquireError> {
        let reads = merge(&self.ranges, self.gap, self.most);
        let delivery = Delivery::pending();
        let gather = Gather::new(self.ranges.len(), reads.len(), Arc::clone(&delivery));
        let gather = Arc::new(gather);
        let read = |MergedRead { span, parts }: MergedRead| {
            let len = usize::try_from(span.end - span.start).unwrap_or(usize::MAX);
            let needed = self.file.span(span.start, len);
            let needed = usize::try_from(needed.end - needed.start).unwrap_or(usize::MAX);
            let buffer = pool.acquire_or_allocate(needed)?;
            let gather = Arc::clone(&gather);
            let file = match self.looked_for {
                LookedFor::NotYet => self.file.clone(),
                LookedFor::InVain => self.file.after_miss(span.start, len),
            };
            let job = Job::read_range(file, buffer, span.start, len, move |done| {
                gather.arrived(&span, parts, done);
            });
            Ok(job.exact())
        };
        let jobs = reads.into_iter().map(read).collect::<Result<_, AcquireError>>()?;
        Ok((jobs, JobHandle::new(delivery, Arc::clone(&submitter.pipeline), None)))
    }
}

/// Why [`ReadRanges`] could not be submitted.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadRangesError {
    /// The dispatcher did not accept a read.
    Refused(Refusal),
    /// The pool has no buffer for a read, and may not allocate one.
    Buffer(AcquireError),
}

impl From<Refusal> for ReadRangesError {
    fn from(kind: Refusal) -> Self {
        Self::Refused(kind)
    }
}

impl From<AcquireError> for ReadRangesError {
    fn from(error: AcquireError) -> Self {
        Self::Buffer(error)
    }
}

impl fmt::Display for ReadRangesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(_) => f.write_str("a read of ranges was not accepted"),
            Self::Buffer(_) => f.write_str("there is no buffer for a read of ranges"),
        }
    }
}

impl Error for ReadRangesError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Refused(source) => Some(source),
            Self::Buffer(source) => Some(source),
        }
    }
}
