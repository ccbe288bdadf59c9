//! Reads ranges of open objects: what is cached on the calling thread, the rest by jobs.

use std::error::Error as StdError;
use std::fmt;
use std::future::poll_fn;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use object_store::{Error, Result};
use reapool::{
    BufferPool, Dispatcher, Job, PoolBuf, PoolStats, ReadHistory, ReadRanges, Stats, Submitter,
};

use crate::object::{Object, Opened};
use crate::stats::Counters;

/// A long range is streamed in pieces that begin at multiples of this, of which so many are read
/// ahead.
const PIECE: u64 = 1 << 20;
const PIECES_AHEAD: usize = 8;

/// Shorter ranges are read in one piece, so that they needn't be put together. With what is read
/// around it, it fits into a buffer of 2 MiB.
const IN_ONE_PIECE: u64 = (2 << 20) - (8 << 10);

/// Ranges are read together up to this length. What is read around them fits into a buffer of 4
/// MiB.
const TOGETHER: usize = (4 << 20) - (8 << 10);

/// A task that has copied ranges of so many bytes lets others run.
const COPIED_AT_ONCE: usize = 4 << 20;

/// Results of up to so many bytes are copied: those that were read together would keep one buffer.
const SMALL: usize = 16 << 10;

pub(crate) struct Reader {
    /// Given up without waiting for its jobs: the last store may be dropped by a runtime's thread.
    dispatcher: Option<Dispatcher>,
    submitter: Submitter,
    pool: BufferPool,
    /// What is read again is let into the page cache.
    history: ReadHistory,
    counters: Arc<Counters>,
}

/// The outcome of a look into the page cache.
enum Looked {
    Cached(Bytes),
    /// The buffer has room for a direct read.
    NotCached(PoolBuf),
}

impl Reader {
    pub(crate) fn new(
        dispatcher: Dispatcher,
        pool: BufferPool,
        history: ReadHistory,
        counters: Arc<Counters>,
    ) -> Self {
        let submitter = dispatcher.submitter();
        Self { dispatcher: Some(dispatcher), submitter, pool, history, counters }
    }

    pub(crate) fn stats(&self) -> (PoolStats, Stats) {
        (self.pool.stats(), self.submitter.stats())
    }

    /// Opens a file on a blocking thread.
    pub(crate) async fn open(&self, path: PathBuf) -> Option<Opened> {
        let history = self.history.clone();
        let job = Job::blocking(move || Object::open(&path, &history).ok(), |opened| opened);
        let opened = self.submitter.spawn_async(job).await.ok()?.await;
        Counters::add(&self.counters.opened, u64::from(opened.is_some()));
        opened
    }

    /// A range that the object has, as a stream of pieces.
    pub(crate) fn stream(
        self: &Arc<Self>,
        object: Arc<Object>,
        range: Range<u64>,
    ) -> BoxStream<'static, Result<Bytes>> {
        let reader = Arc::clone(self);
        let piece = if range.end - range.start <= IN_ONE_PIECE { u64::MAX } else { PIECE };
        let pieces = range.start / piece..range.end.div_ceil(piece);
        let read = move |number: u64| {
            let start = range.start.max(number * piece);
            let piece = start..range.end.min((number + 1).saturating_mul(piece));
            let (reader, object) = (Arc::clone(&reader), Arc::clone(&object));
            async move {
                let bytes = reader.read(&object, piece).await;
                // What is cached would be copied without a pause otherwise, to the end.
                let_others_run().await;
                bytes
            }
        };
        stream::iter(pieces).map(read).buffered(PIECES_AHEAD).boxed()
    }

    /// A range that the object has.
    async fn read(&self, object: &Object, range: Range<u64>) -> Result<Bytes> {
        let buffer = match self.look(object, &range)? {
            Looked::Cached(bytes) => return Ok(bytes),
            Looked::NotCached(buffer) => buffer,
        };
        let len = length(&range);
        let file = object.file.after_miss(range.start, len);
        let job = Job::read_range(file, buffer, range.start, len, |done| {
            done.into_success().map(|(_, bytes)| bytes)
        });
        let read = self.submitter.spawn_async(job.exact()).await;
        let read = read.map_err(|refused| failed(refused.kind()))?;
        let bytes = read.await.map_err(failed)?;
        self.count_read(len);
        Ok(pass_on(bytes))
    }

    /// Ranges that the object has, in their order. Those that are not cached are read together
    /// where they lie close.
    pub(crate) async fn read_ranges(
        &self,
        object: &Object,
        ranges: &[Range<u64>],
    ) -> Result<Vec<Bytes>> {
        let mut results = vec![Bytes::new(); ranges.len()];
        let mut missing = Vec::new();
        let mut copied = 0;
        for (index, range) in ranges.iter().enumerate() {
            match self.look(object, range)? {
                Looked::Cached(bytes) => {
                    copied += bytes.len();
                    results[index] = bytes;
                }
                Looked::NotCached(_) => missing.push(index),
            }
            if copied >= COPIED_AT_ONCE {
                copied = 0;
                let_others_run().await;
            }
        }
        if missing.is_empty() {
            return Ok(results);
        }
        let wanted = missing.iter().map(|&index| ranges[index].clone());
        let reads = ReadRanges::new(&object.file, wanted).most(TOGETHER).after_miss();
        let reads = reads.spawn_async(&self.submitter, &self.pool).await.map_err(failed)?;
        for (index, bytes) in missing.into_iter().zip(reads.await.map_err(failed)?) {
            let wanted = length(&ranges[index]);
            if bytes.len() < wanted {
                return Err(cut_short(object, wanted, bytes.len()));
            }
            self.count_read(wanted);
            results[index] = pass_on(bytes);
        }
        Ok(results)
    }

    /// Copies a range, if all of it is in the page cache.
    fn look(&self, object: &Object, range: &Range<u64>) -> Result<Looked> {
        let len = length(range);
        let span = object.file.span(range.start, len);
        let mut buffer = self.pool.acquire_or_allocate(length(&span)).map_err(failed)?;
        match object.file.read_cached(&mut buffer, len, range.start) {
            Some(got) if got < len => Err(cut_short(object, len, got)),
            Some(_) => {
                Counters::add(&self.counters.cached_reads, 1);
                Counters::add(&self.counters.cached_bytes, len as u64);
                Ok(Looked::Cached(pass_on(buffer)))
            }
            None => Ok(Looked::NotCached(buffer)),
        }
    }

    fn count_read(&self, bytes: usize) {
        Counters::add(&self.counters.device_reads, 1);
        Counters::add(&self.counters.device_bytes, bytes as u64);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(dispatcher) = self.dispatcher.take() {
            dispatcher.detach();
        }
    }
}

/// A result, which keeps the buffer that it was read into, if it is not small.
fn pass_on(bytes: impl AsRef<[u8]> + Send + 'static) -> Bytes {
    if bytes.as_ref().len() <= SMALL {
        Bytes::copy_from_slice(bytes.as_ref())
    } else {
        Bytes::from_owner(bytes)
    }
}

fn length(range: &Range<u64>) -> usize {
    usize::try_from(range.end - range.start).unwrap_or(usize::MAX)
}

/// Lets the runtime run other tasks first.
async fn let_others_run() {
    let mut is_over = false;
    poll_fn(|context| {
        if std::mem::replace(&mut is_over, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn failed(source: impl StdError + Send + Sync + 'static) -> Error {
    Error::Generic { store: "reapool", source: Box::new(source) }
}

fn cut_short(object: &Object, wanted: usize, got: usize) -> Error {
    failed(CutShort { path: object.path.clone(), wanted, got })
}

/// The file has become shorter since it was opened.
#[derive(Debug)]
struct CutShort {
    path: PathBuf,
    wanted: usize,
    got: usize,
}

impl fmt::Display for CutShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, wanted, got } = self;
        let path = path.display();
        write!(f, "{path} was cut short while it was read: {got} of {wanted} bytes are left")
    }
}

impl StdError for CutShort {}
