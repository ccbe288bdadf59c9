//! The contents of a file, sent in pieces. Each piece is the buffer that it was read into.

use std::io;
use std::ops::Range;

use futures::{Stream, stream};
use hyper::body::{Bytes, Frame};
use reapool::{BufferPool, FileHandle, Job, JobHandle, PoolBuf, Ranged, Submitter};

/// How much is read and sent at a time, in bytes. Pieces end at multiples of this, so that a direct
/// read of one needs no more than a buffer of this size.
pub(crate) const PIECE: u64 = 256 << 10;

/// What files are read with. The pool bounds the memory.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(crate) submitter: Submitter,
    pub(crate) pool: BufferPool,
}

/// A part of a file, as far as it has not been read yet.
pub(crate) struct Contents {
    reader: Reader,
    file: FileHandle,
    /// In bytes.
    left: Range<u64>,
    /// The read of the next piece, if it is under way already.
    ahead: Option<JobHandle<io::Result<Ranged<PoolBuf>>>>,
}

impl Contents {
    pub(crate) fn new(reader: Reader, file: FileHandle, part: Range<u64>) -> Self {
        Self { reader, file, left: part, ahead: None }
    }

    /// The pieces. Whoever sends them asks for one when it has sent the one before.
    pub(crate) fn into_frames(self) -> impl Stream<Item = io::Result<Frame<Bytes>>> {
        stream::try_unfold(self, async |mut contents| {
            let bytes = contents.next().await?;
            Ok(bytes.map(|bytes| (Frame::data(bytes), contents)))
        })
    }

    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let piece = self.take_piece();
        if piece.is_empty() {
            return Ok(None);
        }
        if let Some(read) = self.ahead.take() {
            self.read_ahead();
            return Ok(Some(Bytes::from_owner(read.await?)));
        }
        // The piece before has been sent: whoever waits for memory here holds none of it.
        let buffer = self.reader.pool.acquire_async(self.room(&piece)).await;
        let mut buffer = buffer.map_err(io::Error::other)?;
        let len = length(&piece);
        let read = match self.file.read_cached(&mut buffer, len, piece.start) {
            Some(count) if count == len => return Ok(Some(Bytes::from_owner(buffer))),
            // A file that has become shorter is an error: its length has been promised.
            Some(_) => return Err(io::ErrorKind::UnexpectedEof.into()),
            None => self.job(self.file.after_miss(piece.start, len), buffer, &piece),
        };
        let read = self.reader.submitter.spawn_async(read).await;
        let read = read.map_err(|refused| io::Error::other(refused.kind()))?;
        self.read_ahead();
        Ok(Some(Bytes::from_owner(read.await?)))
    }

    /// Begins to read the next piece, while the one before is read or sent. If memory or room is
    /// short, it is read when it is asked for: others wait for their first piece.
    fn read_ahead(&mut self) {
        let piece = self.piece();
        if piece.is_empty() {
            return;
        }
        let Ok(buffer) = self.reader.pool.try_acquire(self.room(&piece)) else { return };
        let job = self.job(self.file.clone(), buffer, &piece);
        self.ahead = self.reader.submitter.try_spawn(job).ok();
    }

    fn job(
        &self,
        file: FileHandle,
        buffer: PoolBuf,
        piece: &Range<u64>,
    ) -> Job<io::Result<Ranged<PoolBuf>>> {
        let (offset, len) = (piece.start, length(piece));
        Job::read_range(file, buffer, offset, len, |done| Ok(done.into_success()?.1)).exact()
    }

    /// The next piece, which is empty at the end.
    fn piece(&self) -> Range<u64> {
        let end = (self.left.start / PIECE + 1).saturating_mul(PIECE);
        self.left.start..self.left.end.min(end)
    }

    fn take_piece(&mut self) -> Range<u64> {
        let piece = self.piece();
        self.left.start = piece.end;
        piece
    }

    /// How large a buffer for this piece has to be.
    fn room(&self, piece: &Range<u64>) -> usize {
        length(&self.file.span(piece.start, length(piece)))
    }
}

fn length(range: &Range<u64>) -> usize {
    usize::try_from(range.end - range.start).unwrap_or(usize::MAX)
}
