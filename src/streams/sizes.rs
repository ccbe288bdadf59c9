//! The sizes of the buffers of one file's stream: a first one, as many a file and many a read is
//! small, and chunks.

use std::io;

use crate::file::FileHandle;
use crate::file::alignment::Alignment;
use crate::file::metadata::FileKind;
use crate::pool::BufferPool;
use crate::pool::builder::CLASS_MAX;

/// All in bytes, and multiples of the block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    block: usize,
    chunk: usize,
}

impl Sizes {
    /// The block is this, or the file's alignment if that is larger.
    const BLOCK: usize = 4096;
    const FIRST: usize = 64 << 10;
    /// The largest chunk, as the user says it.
    pub(crate) const CHUNK_MAX: usize = CLASS_MAX;

    /// For a file with so large a chunk.
    pub(crate) fn of(file: &FileHandle, chunk: usize) -> io::Result<Self> {
        if !matches!(file.kind(), FileKind::Regular | FileKind::BlockDevice) {
            return Err(invalid(
                "readers and writers are for regular files and block devices; a pipe, for one, has \
                 no offsets",
            ));
        }
        Self::checked(Alignment { memory: Self::BLOCK, ..file.alignment() }.step(), chunk)
    }

    /// For a file that is not open yet.
    pub(crate) fn before(chunk: usize) -> io::Result<Self> {
        Self::checked(Self::BLOCK, chunk)
    }

    pub(crate) fn checked(block: usize, chunk: usize) -> io::Result<Self> {
        if !(1..=Self::CHUNK_MAX).contains(&chunk) || block > Self::CHUNK_MAX {
            return Err(invalid("`chunk` must be between 1 byte and 1 GiB"));
        }
        Ok(Self { block, chunk: chunk.next_multiple_of(block) })
    }

    pub(crate) fn block(self) -> usize {
        self.block
    }

    pub(crate) fn first(self) -> usize {
        Self::FIRST.next_multiple_of(self.block).min(self.chunk)
    }

    pub(crate) fn chunk(self) -> usize {
        self.chunk
    }

    /// How many chunks so many bytes are, at least one.
    pub(crate) fn chunks_in(self, bytes: usize) -> usize {
        (bytes / self.chunk).max(1)
    }

    /// The memory of a stream that has so many first buffers and chunks at a time. The first ones
    /// are in ordinary pages: a huge page would be mostly empty as long as transfers are short.
    pub(crate) fn pool(self, firsts: usize, chunks: usize) -> io::Result<BufferPool> {
        let firsts = if self.first() < self.chunk { firsts } else { 0 };
        let buffers = [(self.first(), firsts), (self.chunk, chunks)];
        let pool = BufferPool::builder().holding(buffers).ordinary_up_to(self.first()).build();
        pool.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
    }
}

pub(crate) fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests {
    use super::Sizes;

    #[test]
    fn all_are_multiples_of_the_block_and_there_is_one_chunk_at_least() {
        for (block, chunk, bytes, expected) in [
            (4096, 1 << 20, 4 << 20, (64 << 10, 1 << 20, 4)),
            (4096, 1, 0, (4096, 4096, 1)),
            (4096, 100_000, 250_000, (64 << 10, 102_400, 2)),
            (1 << 20, 1, 1, (1 << 20, 1 << 20, 1)),
        ] {
            let sizes = Sizes::checked(block, chunk).unwrap();
            assert_eq!((sizes.first(), sizes.chunk(), sizes.chunks_in(bytes)), expected);
        }
    }

    #[test]
    fn all_buffers_are_to_be_had_at_once() {
        let cases = [(1, 2, 3), (64 << 10, 1, 40), (1 << 20, 1, 6), (3 << 20, 2, 3)];
        for (chunk, firsts, chunks) in cases {
            let sizes = Sizes::before(chunk).unwrap();
            let pool = sizes.pool(firsts, chunks).unwrap();
            let lens = std::iter::repeat_n(sizes.chunk(), chunks);
            let firsts = if sizes.first() < sizes.chunk() { firsts } else { 0 };
            let lens = lens.chain(std::iter::repeat_n(sizes.first(), firsts));
            let buffers: Vec<_> = lens.map(|len| pool.try_acquire(len).unwrap()).collect();
            assert_eq!(buffers.len(), chunks + firsts);
        }
    }
}
