//! The buffers of all contenders.

use reapool::{AlignedBuf, BufferPool, IoBufMut, PoolBuf};

use crate::task::Task;

/// A kind of buffer that the crate can read into.
pub(crate) trait Buffer: IoBufMut + Sized + 'static {
    /// Makes `count` buffers of this size.
    fn make(block: usize, count: usize) -> Result<Vec<Self>, String>;
}

/// Buffers in whatever pages the allocator has.
impl Buffer for AlignedBuf {
    fn make(block: usize, count: usize) -> Result<Vec<Self>, String> {
        Ok((0..count).map(|_| Self::zeroed(block)).collect())
    }
}

/// Buffers of the crate's pool, which prefers huge pages.
impl Buffer for PoolBuf {
    fn make(block: usize, count: usize) -> Result<Vec<Self>, String> {
        const SLAB: usize = 2 << 20;
        let pool = BufferPool::builder()
            .capacity((count * block).next_multiple_of(SLAB))
            .classes([block])
            .build()
            .map_err(|error| error.to_string())?;
        let buffer = |_| pool.try_acquire(block).map_err(|error| error.to_string());
        (0..count).map(buffer).collect()
    }
}

/// Plain buffers, for the contenders that know no others.
pub(crate) fn buffers(task: &Task, count: usize) -> Result<Vec<AlignedBuf>, String> {
    AlignedBuf::make(task.block, count)
}

/// One plain buffer.
pub(crate) fn buffer(task: &Task) -> Result<AlignedBuf, String> {
    buffers(task, 1).map(|mut one| one.remove(0))
}
