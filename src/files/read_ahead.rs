//! The reads of one file, ahead of the callbacks that its chunks are for.

use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, Weak};

use crate::file::FileHandle;
use crate::files::budget::{Place, Waiter};
use crate::files::error::{Failure, FileOperation, Halt};
use crate::files::residency::{self, OnMiss, Residency};
use crate::files::shared::FilesShared;
use crate::files::stats::Counters;
use crate::files::window::{Next, Reply, Request, Window};
use crate::job::Job;
use crate::job::completion::Completion;
use crate::pool::pool_buf::PoolBuf;

/// A chunk that is to be consumed next.
pub(crate) struct ReadChunk {
    /// In the file.
    pub(crate) offset: u64,
    pub(crate) count: usize,
    pub(crate) buffer: PoolBuf,
    pub(crate) next: Next,
}

/// The owner of a [`ReadAhead`], which keeps it under a lock.
pub(crate) trait ReadOwner: Waiter {
    /// A read has come back: the owner passes it on to [`ReadAhead::arrived`].
    fn arrived(self: Arc<Self>, reply: Reply<PoolBuf>);
}

/// A file and its reads. It gives the file's chunks in order and knows nothing of their use.
///
/// Reads are issued as far ahead as the window allows, and wait for memory in the budget's queue.
/// As long as the page cache has all of the file, each is done at once instead, when it is wanted.
pub(crate) struct ReadAhead {
    file: FileHandle,
    /// Why the file is not read with direct I/O, if it should be.
    fallback: Option<io::Error>,
    residency: Residency,
    window: Window<PoolBuf>,
    /// The file is in the queue for memory.
    waiting: bool,
    discarded: Discarded,
    shared: Arc<FilesShared>,
    owner: Weak<dyn ReadOwner>,
}

/// Values that the owner drops once it has released its lock: a buffer calls the next file that
/// waits for memory, which may take the same lock, and a value of the user runs the user's code.
pub(crate) type Discarded = Vec<Box<dyn Send>>;

impl ReadAhead {
    /// For a file of which a first read may have been done.
    pub(crate) fn new(
        (file, fallback): (FileHandle, Option<io::Error>),
        residency: Residency,
        mut window: Window<PoolBuf>,
        first: Option<Reply<PoolBuf>>,
        shared: Arc<FilesShared>,
        owner: Weak<dyn ReadOwner>,
    ) -> Self {
        if let Some(first) = first {
            window.done(first);
        }
        let discarded = Discarded::new();
        Self { file, fallback, residency, window, waiting: false, discarded, shared, owner }
    }

    pub(crate) fn window(&self) -> &Window<PoolBuf> {
        &self.window
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting
    }

    pub(crate) fn discard(&mut self, value: impl Send + 'static) {
        self.discarded.push(Box::new(value));
    }

    pub(crate) fn take_discarded(&mut self) -> Discarded {
        std::mem::take(&mut self.discarded)
    }

    /// The file has left the queue for memory.
    pub(crate) fn leave_queue(&mut self) {
        self.waiting = false;
    }

    /// Issues all reads that may be issued, unless the file waits for memory.
    pub(crate) fn issue(&mut self, mut place: Place) -> Result<(), Failure> {
        if self.waiting {
            return Ok(());
        }
        while let Some(request) = self.window.next() {
            if self.residency == Residency::Cached && self.window.has_next() {
                return Ok(());
            }
            let waiter = || self.owner() as Arc<dyn Waiter>;
            let Some(buffer) = self.shared.budget.lease(request.len, place, waiter)? else {
                self.waiting = true;
                Counters::add(&self.shared.counters.memory_waits);
                return Ok(());
            };
            place = Place::Back;
            if let Some(buffer) = self.read_cached(request, buffer) {
                self.post_read(request, buffer)?;
            }
        }
        Ok(())
    }

    /// Does a read at once, if it needs nothing but the page cache. Otherwise gives the buffer back,
    /// and the file is read ahead from now on.
    fn read_cached(&mut self, request: Request, mut buffer: PoolBuf) -> Option<PoolBuf> {
        if self.residency == Residency::Cold {
            return Some(buffer);
        }
        let Request { offset, len, .. } = request;
        match residency::read(self.file.as_fd(), &mut buffer, len, offset, OnMiss::Fail) {
            Ok(count) if count == len || offset + count as u64 == self.window.size() => {
                self.window.done(Reply { request, result: Ok((count, buffer)) });
                None
            }
            _ => {
                self.residency = Residency::Cold;
                Some(buffer)
            }
        }
    }

    fn post_read(&mut self, request: Request, buffer: PoolBuf) -> Result<(), Failure> {
        let owner = self.owner();
        let callback = move |done: Completion<PoolBuf>| {
            let Completion { buffer, result, file, .. } = done;
            // It may be the last handle: another file is opened in this one's place before the
            // callback returns.
            drop(file);
            owner.arrived(Reply { request, result: result.map(|count| (count, buffer)) });
        };
        let job = Job::read(&self.file, buffer, request.offset, callback).limit(request.len);
        match self.shared.pipeline.post(job) {
            Ok(()) => self.window.issue(request),
            Err(job) => {
                self.discard(job);
                let halt = self.owner().halted().unwrap_or(Halt::ShutDown);
                return Err(Failure::halted(halt, FileOperation::Read));
            }
        }
        Ok(())
    }

    fn owner(&self) -> Arc<dyn ReadOwner> {
        self.owner.upgrade().expect("the owner calls")
    }

    /// A read has come back.
    pub(crate) fn arrived(&mut self, reply: Reply<PoolBuf>) {
        if let Some(stale) = self.window.arrived(reply) {
            self.discard(stale);
        }
    }

    /// The next chunk, if it has come. If direct I/O was refused, everything that was not consumed
    /// is read again through the page cache.
    pub(crate) fn next_chunk(&mut self) -> Result<Option<ReadChunk>, Failure> {
        while let Some(Reply { request, result }) = self.window.take() {
            match result {
                Ok((count, buffer)) => {
                    let next = self.window.follows(request, count);
                    return Ok(Some(ReadChunk { offset: request.offset, count, buffer, next }));
                }
                Err(error) => {
                    let refused =
                        matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EOPNOTSUPP));
                    if !refused || !self.file.is_direct() {
                        return Err(Failure::io(FileOperation::Read, error));
                    }
                    self.use_page_cache(error)?;
                    self.read_again();
                    self.issue(Place::Back)?;
                }
            }
        }
        Ok(None)
    }

    /// The file is consumed up to this offset, which is in the chunk that was given last.
    pub(crate) fn consume(&mut self, up_to: u64) {
        self.window.consume(up_to);
    }

    /// The file has changed: everything that was not consumed is read again. If that begins where
    /// direct I/O can't, it is read through the page cache.
    pub(crate) fn restart(&mut self) -> Result<(), Failure> {
        Counters::add(&self.shared.counters.restarts);
        self.read_again();
        if self.window.consumed().is_multiple_of(self.file.alignment().offset) {
            return Ok(());
        }
        self.use_page_cache(io::Error::other("the file was changed: its end is not where it was"))
    }

    fn read_again(&mut self) {
        let stale = self.window.restart();
        self.discard(stale);
    }

    /// Switches direct I/O off, for good.
    fn use_page_cache(&mut self, reason: io::Error) -> Result<(), Failure> {
        let switched = self.file.with_direct(false);
        self.file = switched.map_err(|error| Failure::io(FileOperation::Read, error))?;
        self.fallback = Some(reason);
        Counters::add(&self.shared.counters.fallbacks);
        Ok(())
    }

    /// Wants no more chunks. Reads in flight still come back.
    pub(crate) fn close(&mut self) {
        let stale = self.window.close();
        if !stale.is_empty() {
            self.discard(stale);
        }
    }

    /// The file, and why it was not read with direct I/O if it should have been.
    pub(crate) fn into_file(self) -> (FileHandle, Option<io::Error>) {
        (self.file, self.fallback)
    }
}
