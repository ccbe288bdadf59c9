//! The buffer that the user fills, and what becomes of it when it is full.

use std::io;
use std::os::fd::AsFd;
use std::task::{Poll, ready};

use crate::file::FileHandle;
use crate::file::metadata::FileKind;
use crate::pipeline::Pipeline;
use crate::pool::BufferPool;
use crate::pool::pool_buf::PoolBuf;
use crate::streams::budget::as_io_error;
use crate::streams::sizes::Sizes;
use crate::streams::user::User;
use crate::streams::write_behind::WriteBehind;
use crate::sync::Arc;
use crate::sys::descriptor::{file_size_limit, set_len};

/// A file that is written directly is made longer by at least so much.
const STEP: u64 = 16 << 20;

/// So many bytes at a time are written from where they are, if that spares a copy and costs no
/// overlap.
const THROUGH: usize = 16 << 10;

/// Who writes what goes through the page cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Other threads, while the user goes on.
    Behind,
    /// The user's thread, if it has many bytes at hand: it is one of many that keep all CPUs busy.
    Through,
}

pub(crate) struct Filling {
    writes: Arc<WriteBehind>,
    pool: BufferPool,
    sizes: Sizes,
    manner: Manner,
    /// How many writes may be under way.
    under_way: usize,
    /// Not empty.
    buffer: Option<PoolBuf>,
    /// Where the buffer goes.
    offset: u64,
    /// So many bytes of the buffer were written by a flush, as a part of a block. They are written
    /// again when the block is whole, and not before that write has ended.
    flushed: usize,
    /// The length that the file was given ahead of its writes, if these are direct. One that makes
    /// a file longer would block the thread that submits it.
    reserved: Option<u64>,
    /// How many bytes there are, once all have come.
    end: Option<u64>,
}

impl Filling {
    pub(crate) fn new(
        pipeline: &Arc<Pipeline>,
        file: FileHandle,
        pool: BufferPool,
        sizes: Sizes,
        under_way: usize,
    ) -> Self {
        let is_reserved = file.is_direct() && file.kind() == FileKind::Regular;
        Self {
            writes: WriteBehind::new(pipeline, file),
            pool,
            sizes,
            manner: Manner::Behind,
            under_way,
            buffer: None,
            offset: 0,
            flushed: 0,
            reserved: is_reserved.then_some(0),
            end: None,
        }
    }

    /// The same, written in this manner.
    pub(crate) fn written(self, manner: Manner) -> Self {
        Self { manner, ..self }
    }

    /// Gives the file the length that it is expected to have, if that can be had.
    pub(crate) fn expecting(mut self, len: u64) -> Self {
        if self.reserved.is_some() && len > 0 {
            let _ = self.set_reserved(len.min(file_size_limit()));
        }
        self
    }

    pub(crate) fn writes(&self) -> &WriteBehind {
        &self.writes
    }

    pub(crate) fn file(&self) -> &FileHandle {
        self.writes.file()
    }

    pub(crate) fn position(&self) -> u64 {
        let filled = self.buffer.as_deref().map_or(0, <[u8]>::len);
        self.end.unwrap_or(self.offset + filled as u64)
    }

    /// The length that the file is to be given, if it was made longer than what was written to it.
    pub(crate) fn len_to_set(&self) -> Option<u64> {
        let len = self.position();
        self.reserved.filter(|&reserved| reserved != len).map(|_| len)
    }

    /// The file is not finished. It loses what was added to it ahead of its writes.
    pub(crate) fn give_up(&self) {
        if self.reserved.is_some() {
            let written = self.offset + self.flushed as u64;
            self.writes.cut_when_over(self.end.map_or(written, |end| end.min(written)));
        }
    }

    /// Copies bytes into the buffer, as many as there is room for.
    pub(crate) fn poll_write(&mut self, user: User<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writes.check()?;
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if let Some(count) = self.write_through(user, bytes)? {
            return Poll::Ready(Ok(count));
        }
        if self.is_full() {
            ready!(self.poll_send(user))?;
        }
        let mut buffer = match self.buffer.take() {
            Some(buffer) => buffer,
            None => {
                let len = if self.offset == 0 { self.sizes.first() } else { self.sizes.chunk() };
                ready!(self.poll_lease(user, len))?
            }
        };
        let count = buffer.append(bytes);
        self.buffer = Some(buffer);
        if self.is_full() && self.flushed == 0 {
            // Nothing is to be waited for: there was room for this write before its buffer was
            // leased.
            self.send();
        }
        Poll::Ready(Ok(count))
    }

    /// Writes bytes from where they are, up to a chunk of them, if that is best.
    fn write_through(&mut self, user: User<'_>, bytes: &[u8]) -> io::Result<Option<usize>> {
        let is_ample = self.manner == Manner::Through && bytes.len() >= THROUGH;
        if !is_ample || !self.is_best_written_by(user) {
            return Ok(None);
        }
        self.write_buffer()?;
        let bytes = &bytes[..bytes.len().min(self.sizes.chunk())];
        self.writes.write_here(bytes, self.offset)?;
        self.offset += bytes.len() as u64;
        Ok(Some(bytes.len()))
    }

    /// Whether the user's thread may write itself, and would only wait otherwise.
    fn is_best_written_by(&self, user: User<'_>) -> bool {
        self.reserved.is_none() && self.writes.is_best_done_by(user)
    }

    /// Writes the buffer on the calling thread.
    fn write_buffer(&mut self) -> io::Result<()> {
        if let Some(buffer) = self.buffer.take() {
            self.writes.write_here(&buffer, self.offset)?;
            self.offset += buffer.len() as u64;
        }
        Ok(())
    }

    /// Writes what there is, and waits for all writes.
    pub(crate) fn poll_flush(&mut self, user: User<'_>) -> Poll<io::Result<()>> {
        self.writes.check()?;
        match self.buffer.as_deref().map_or(0, <[u8]>::len) {
            len if len == self.flushed => {}
            len if self.reserved.is_some() && len % self.sizes.block() > 0 => {
                ready!(self.poll_send_part(user))?;
            }
            _ => ready!(self.poll_send(user))?,
        }
        self.writes.poll_under_way(0, user)
    }

    /// Begins to write what is left. Nothing comes after it.
    pub(crate) fn poll_end(&mut self, user: User<'_>) -> Poll<io::Result<()>> {
        self.writes.check()?;
        self.end = Some(self.position());
        if self.is_best_written_by(user) {
            return Poll::Ready(self.write_buffer());
        }
        if self.buffer.as_deref().map_or(0, <[u8]>::len) > self.flushed {
            ready!(self.poll_send(user))?;
        }
        self.buffer = None;
        Poll::Ready(Ok(()))
    }

    fn is_full(&self) -> bool {
        self.buffer.as_ref().is_some_and(|buffer| buffer.len() == buffer.capacity())
    }

    /// A buffer of which the write will have room.
    fn poll_lease(&self, user: User<'_>, len: usize) -> Poll<io::Result<PoolBuf>> {
        ready!(self.writes.poll_under_way(self.under_way - 1, user))?;
        let buffer = match user {
            // It waits if the memory is shared with other writers.
            User::Thread => self.pool.acquire(len),
            User::Task(_) => self.pool.try_acquire(len),
        };
        Poll::Ready(buffer.map_err(as_io_error))
    }

    /// Begins to write the buffer.
    fn poll_send(&mut self, user: User<'_>) -> Poll<io::Result<()>> {
        if self.flushed > 0 {
            ready!(self.writes.poll_under_way(0, user))?;
        }
        self.send();
        Poll::Ready(Ok(()))
    }

    fn send(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            self.flushed = 0;
            let len = buffer.len() as u64;
            self.begin(buffer);
            self.offset += len;
        }
    }

    /// Begins to write the buffer, and keeps the part of a block at its end, for the block is not
    /// whole.
    fn poll_send_part(&mut self, user: User<'_>) -> Poll<io::Result<()>> {
        if self.flushed > 0 {
            ready!(self.writes.poll_under_way(0, user))?;
        }
        let mut next = ready!(self.poll_lease(user, self.sizes.chunk()))?;
        let Some(buffer) = self.buffer.take() else { return Poll::Ready(Ok(())) };
        let whole = buffer.len() / self.sizes.block() * self.sizes.block();
        self.flushed = next.append(&buffer[whole..]);
        self.buffer = Some(next);
        self.begin(buffer);
        self.offset += whole as u64;
        Poll::Ready(Ok(()))
    }

    /// Begins to write a buffer where it goes. A direct write has whole blocks: what it writes too
    /// much is cut off at the end.
    fn begin(&mut self, mut buffer: PoolBuf) {
        if self.reserved.is_some() {
            let len = buffer.len().next_multiple_of(self.sizes.block());
            match self.reserve(self.offset + len as u64) {
                Ok(()) => buffer.resize(len),
                Err(error) if self.reserved == Some(0) && is_impossible(&error) => {
                    // The kernel makes the file longer as it is written.
                    if let Err(error) = self.writes.use_page_cache() {
                        return self.writes.fail(error);
                    }
                    self.reserved = None;
                }
                Err(error) => return self.writes.fail(error),
            }
        }
        self.writes.begin(buffer, self.offset);
    }

    /// Makes the file longer, ahead of its writes: not often, as that waits for those under way.
    fn reserve(&mut self, needed: u64) -> io::Result<()> {
        let Some(reserved) = self.reserved.filter(|&reserved| reserved < needed) else {
            return Ok(());
        };
        let ample = needed.max(STEP).max(reserved.saturating_mul(2)).min(file_size_limit());
        if ample > needed && self.set_reserved(ample).is_ok() {
            return Ok(());
        }
        // It may be that only so much can be had.
        self.set_reserved(needed)
    }

    fn set_reserved(&mut self, len: u64) -> io::Result<()> {
        if len > file_size_limit() {
            // The call would say so too, but by a signal that ends the process.
            return Err(io::Error::from_raw_os_error(libc::EFBIG));
        }
        set_len(self.file().as_fd(), len)?;
        self.reserved = Some(len);
        Ok(())
    }
}

/// Whether a file's length can't be set at all, whatever it is.
fn is_impossible(error: &io::Error) -> bool {
    let number = error.raw_os_error();
    matches!(number, Some(libc::EPERM | libc::EINVAL | libc::ENOSYS | libc::EOPNOTSUPP))
}
