//! A file to be pulled: `Read`, `BufRead` and `Seek` over reads that are ahead of the user.
//!
//! `reads` has the reads, which workers bring, and the wait for them. `lengths` says how much is
//! read at a time. `builder` opens a reader. `tasks` has the traits of libraries for tasks.

pub(crate) mod builder;
mod lengths;
mod reads;
#[cfg(any(feature = "futures-io", feature = "tokio"))]
mod tasks;

use std::fmt;
use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::ops::Range;
use std::task::{Context, Poll, Waker, ready};

use crate::file::FileHandle;
use crate::file::access::Access;
use crate::pipeline::Pipeline;
use crate::pool::pool_buf::PoolBuf;
use crate::reader::lengths::Lengths;
use crate::reader::reads::{IN_ORDER, OFFSET_END, Reads};
use crate::streams::budget::Budget;
use crate::streams::read_ahead::ReadChunk;
use crate::streams::sizes::Sizes;
use crate::streams::source::{Source, Way};
use crate::streams::user::{User, blocking};
use crate::streams::window::{Next, Reply};
use crate::sync::Arc;

/// Reads a file, or a range of it, in order, while the next reads are under way.
///
/// It is for all that pulls bytes: decoders of gzip or zstd, readers of csv, tar or lines. They
/// take a [`Read`] or a [`BufRead`], and don't know that there is a dispatcher. For functions that
/// are given the bytes of many files, there is [`Files`](crate::Files).
///
/// [`builder`](Self::builder) has its settings.
///
/// - The calling thread copies data that is in the page cache. From the first piece on that is not,
///   the dispatcher reads ahead: with `O_DIRECT` if the handle is
///   [automatic](FileHandle::open_automatic), as those are that the reader opens itself.
/// - The first read asks for 64 KiB. Those that follow it get twice as long each time, and twice as
///   many are under way, up to 256 KiB, and up to the settings if the user has to wait for them. So
///   a reader that seeks here and there reads little in vain.
/// - It is a `BufRead` whose buffer is the one that was read into, without a copy. A
///   [`BufReader`](std::io::BufReader) around it would only copy.
/// - Positions count from the beginning of the range. A seek within the buffer costs nothing. Any
///   other drops what was read ahead.
/// - Once the end was found, the reader is at the end, also if the file grows, until it seeks, be
///   it to where it is. Of a file that is changed meanwhile, it may give bytes that are as old as
///   the read-ahead; the first read that is issued after the change sees it.
///
/// A read blocks until its bytes have come. [`poll_fill_buf`](Self::poll_fill_buf) is for tasks,
/// and so are `AsyncRead`, `AsyncBufRead` and `AsyncSeek`: tokio's with the feature `tokio`, and
/// those of the crate futures with `futures-io`.
///
/// In a callback or in blocking work of its own dispatcher, a read that would have to wait is
/// refused with an error of the kind [`Deadlock`](io::ErrorKind::Deadlock), if all other threads of
/// the dispatcher that could bring the bytes wait already. So it is always if there is one worker.
/// The owner of an event loop is refused too, as other waits are: see
/// [`LoopDispatcher`](crate::LoopDispatcher#other-threads-and-waiting). Callbacks of two
/// dispatchers that wait for each other's readers are not found out.
///
/// # Examples
///
/// ```
/// use std::io::BufRead;
/// use reapool::{Dispatcher, FileReader};
///
/// let dispatcher = Dispatcher::new()?;
/// let reader = FileReader::builder(&dispatcher).open("Cargo.toml")?;
/// let sections = reader.lines().filter(|line| matches!(line, Ok(line) if line.starts_with('[')));
/// assert!(sections.count() > 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The lines of a large file, counted without a copy of any:
///
/// ```
/// use std::io::BufRead;
/// use reapool::{Dispatcher, FileReader};
///
/// let dispatcher = Dispatcher::new()?;
/// let mut reader = FileReader::builder(&dispatcher).open("Cargo.toml")?;
/// let mut lines = 0;
/// while let count @ 1.. = reader.fill_buf()?.len() {
///     lines += memchr::memchr_iter(b'\n', reader.buffer()).count();
///     reader.consume(count);
/// }
/// assert!(lines > 50);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A decoder that takes a `BufRead` reads straight from the buffers that the kernel has filled:
///
/// ```
/// use std::io::{BufRead, BufReader, Write};
/// use flate2::{Compression, bufread::MultiGzDecoder, write::GzEncoder};
/// use reapool::{Dispatcher, FileReader};
///
/// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
/// let path = directory.path().join("lines.gz");
/// let mut encoder = GzEncoder::new(std::fs::File::create(&path)?, Compression::fast());
/// encoder.write_all(&b"a line\n".repeat(100_000))?;
/// encoder.finish()?;
///
/// let compressed = FileReader::builder(&dispatcher).open(&path)?;
/// let lines = BufReader::new(MultiGzDecoder::new(compressed)).lines();
/// assert_eq!(lines.count(), 100_000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// Those of the reads, of the system's kinds. After an error, the next call tries again at the same
/// place. When its dispatcher is shut down, a reader gives what has come, and then no more than the
/// page cache has.
pub struct FileReader {
    reads: Arc<Reads>,
    file: FileHandle,
    block: u64,
    /// That the user is at, if any.
    chunk: Option<ReadChunk>,
    /// In the file.
    position: u64,
    /// In the file; its end may be behind that of the file.
    range: Range<u64>,
    /// Nothing comes after the chunk.
    at_end: bool,
}

/// The arrival of a reader's first chunk, which can be waited for while another thread may take the
/// reader.
pub(crate) struct Arrival(Arc<Reads>);

impl Arrival {
    /// Ready when the chunk has come, or an error instead.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<io::Result<()>> {
        self.0.poll_arrival(waker)
    }
}

impl FileReader {
    fn new(reads: Arc<Reads>, file: FileHandle, block: usize, range: Range<u64>) -> Self {
        let (block, position) = (block as u64, range.start);
        Self { reads, file, block, chunk: None, position, range, at_end: false }
    }

    /// Reads all of a file of so many bytes, of which a first read may have been done. It reads no
    /// more than a chunk ahead until it [goes on](Self::go_on_with).
    pub(crate) fn of_opened(
        pipeline: &Arc<Pipeline>,
        budget: &Arc<Budget>,
        source: Source,
        size: u64,
        sizes: Sizes,
        first: Option<Reply<PoolBuf>>,
    ) -> Self {
        let (file, budget) = (source.file.clone(), Arc::clone(budget));
        let lengths = Lengths::of_whole(sizes, 0, first_len(source.way));
        let reads = Reads::new(pipeline, budget, source, (size, OFFSET_END), lengths, first);
        Self::new(reads, file, sizes.block(), 0..OFFSET_END)
    }

    /// The arrival of the first chunk.
    pub(crate) fn arrival(&self) -> Arrival {
        Arrival(Arc::clone(&self.reads))
    }

    /// Reads chunks of these sizes ahead from now on, so many bytes, in memory of this budget.
    pub(crate) fn go_on_with(&self, budget: &Arc<Budget>, sizes: Sizes, ahead: usize) {
        let len = first_len(self.reads.way());
        self.reads.go_on_with(budget, Lengths::of_whole(sizes, ahead, len));
    }

    /// How the file is read, why not with direct I/O if it should be, and how often it was read
    /// anew. Only the first call has the reason.
    pub(crate) fn take_outcome(&self) -> (Access, Option<io::Error>, u64) {
        self.reads.take_outcome()
    }

    /// The file that is read.
    #[must_use]
    pub fn file(&self) -> &FileHandle {
        &self.file
    }

    /// The rest of the current chunk, without waiting for the next chunk.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::BufRead;
    /// use reapool::{Dispatcher, FileReader};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let mut reader = FileReader::builder(&dispatcher).open("Cargo.toml")?;
    /// assert!(reader.buffer().is_empty());
    /// reader.fill_buf()?;
    /// reader.consume(1);
    /// assert!(reader.buffer().starts_with(b"package"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn buffer(&self) -> &[u8] {
        self.available()
    }

    /// The bytes that are there, up to a chunk of them. Waits for some if there are none. It is
    /// empty at the end.
    ///
    /// As [`BufRead::fill_buf`], but for tasks: instead of blocking, it has the task woken when the
    /// bytes have come. The task that polled last is woken. Bytes that are in the page cache are
    /// copied before it returns.
    ///
    /// # Errors
    ///
    /// As for [reads](FileReader#errors).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::poll_fn;
    /// use std::io::BufRead;
    /// use std::task::Poll;
    /// use reapool::{Dispatcher, FileReader};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let mut reader = FileReader::builder(&dispatcher).open("Cargo.toml")?;
    /// let mut next = async || -> std::io::Result<Vec<u8>> {
    ///     let bytes = poll_fn(|context| {
    ///         reader.poll_fill_buf(context).map_ok(|bytes| bytes.to_vec())
    ///     });
    ///     let bytes = bytes.await?;
    ///     reader.consume(bytes.len());
    ///     Ok(bytes)
    /// };
    /// let bytes = futures::executor::block_on(next())?;
    /// assert!(bytes.starts_with(b"[package]"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn poll_fill_buf(&mut self, context: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.poll_chunk(User::Task(context.waker())).map_ok(|()| self.available())
    }

    /// Waits until there is something, or the end.
    fn poll_chunk(&mut self, user: User<'_>) -> Poll<io::Result<()>> {
        while self.needs_chunk() {
            let chunk = ready!(self.reads.poll_next(user))?;
            self.at_end = chunk.next == Next::End;
            self.chunk = Some(chunk);
        }
        Poll::Ready(Ok(()))
    }

    /// What is left of the chunk.
    fn available(&self) -> &[u8] {
        let Some(chunk) = &self.chunk else { return &[] };
        let offset_of = |position: u64| {
            let within = position.saturating_sub(chunk.offset);
            usize::try_from(within).map_or(chunk.count, |within| within.min(chunk.count))
        };
        let (from, until) = (offset_of(self.position), offset_of(self.range.end));
        &chunk.buffer[from.min(until)..until]
    }

    /// Whether there is nothing left, and more may come. If so, the buffer is given up, as it may
    /// be what the next chunk waits for.
    fn needs_chunk(&mut self) -> bool {
        if !self.available().is_empty() {
            return false;
        }
        self.chunk = None;
        !self.at_end && self.position < self.range.end
    }

    /// Keeps the chunk if the position is within it.
    fn move_to(&mut self, position: u64) -> io::Result<()> {
        let end = |chunk: &ReadChunk| chunk.offset + chunk.count as u64;
        let chunk = self.chunk.as_ref();
        let within = chunk.filter(|chunk| (chunk.offset..=end(chunk)).contains(&position)).map(end);
        let goes_on = within.unwrap_or(position);
        let is_here = within.is_some() || position == self.position;
        // Behind what was the end, there may be something by now.
        if !is_here || self.at_end {
            self.reads.seek(goes_on / self.block * self.block, self.file.size()?);
        }
        if within.is_none() {
            self.chunk = None;
        }
        (self.position, self.at_end) = (position, false);
        Ok(())
    }
}

/// How many bytes a read asks for, at most, in a file that is read from its beginning to its end:
/// what is in the page cache stays in a core's cache until the user has seen it.
fn first_len(way: Way) -> usize {
    match way {
        Way::Cached(_) => IN_ORDER,
        Way::Device => usize::MAX,
    }
}

impl Read for FileReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let bytes = self.fill_buf()?;
        let count = bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for FileReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        blocking(self.poll_chunk(User::Thread))?;
        Ok(self.available())
    }

    fn consume(&mut self, count: usize) {
        self.position += count.min(self.available().len()) as u64;
    }
}

/// Positions count from the beginning of the range. One behind the end is allowed; nothing is read
/// there. A seek that gives up the buffer asks the kernel for the file's size, with statx(2).
impl Seek for FileReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let start = self.range.start;
        let (base, by) = match to {
            SeekFrom::Start(offset) => (start.checked_add(offset), 0),
            SeekFrom::Current(by) => (Some(self.position), by),
            SeekFrom::End(by) => (Some(self.file.size()?.min(self.range.end).max(start)), by),
        };
        let position = base.and_then(|base| base.checked_add_signed(by));
        let Some(position) = position.filter(|&position| position >= start) else {
            let message = "a seek to before the beginning, or to beyond what offsets can say";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        };
        self.move_to(position)?;
        Ok(position - start)
    }

    fn stream_position(&mut self) -> io::Result<u64> {
        Ok(self.position - self.range.start)
    }
}

impl Drop for FileReader {
    fn drop(&mut self) {
        self.reads.close();
    }
}

impl fmt::Debug for FileReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileReader")
            .field("file", &self.file)
            .field("range", &self.range)
            .field("position", &(self.position - self.range.start))
            .finish_non_exhaustive()
    }
}
