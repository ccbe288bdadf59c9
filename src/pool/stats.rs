//! Counters of a pool.

/// A snapshot of a pool's counters.
///
/// In every snapshot `bytes_out <= mapped <= capacity`, and `hits + misses` acquisitions got a
/// buffer of a slab.
///
/// # Examples
///
/// ```
/// use reapool::BufferPool;
///
/// let pool = BufferPool::builder().build()?;
/// drop(pool.acquire(4096)?);
/// let buffer = pool.acquire(4096)?;
/// let stats = pool.stats();
/// assert_eq!((stats.misses, stats.hits), (1, 1));
/// assert_eq!((stats.buffers_out, stats.bytes_out), (1, 4096));
/// # drop(buffer);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStats {
    /// The most bytes that may be mapped at a time.
    pub capacity: usize,
    /// Bytes mapped now, in slabs.
    pub mapped: usize,
    /// Slabs mapped now.
    pub slabs: usize,
    /// Of these, the slabs in huge pages that the administrator has set aside. There are some only
    /// with [`HugePages::Explicit`](crate::HugePages::Explicit).
    pub explicit_slabs: usize,
    /// Buffers that were acquired and have not been returned, leaked ones included.
    pub buffers_out: usize,
    /// The capacities of these buffers together, in bytes.
    pub bytes_out: usize,
    /// Bytes beyond the capacity, of
    /// [`acquire_or_allocate`](crate::BufferPool::acquire_or_allocate), that have not been
    /// returned.
    pub extra_bytes: usize,
    /// Buffers beyond the capacity that it has given out so far.
    pub extra_buffers: u64,
    /// Threads and tasks that wait for a buffer now.
    pub waiting: usize,
    /// Buffers that came from a slab that was there already.
    pub hits: u64,
    /// Buffers for which a slab had to be mapped, or cut again.
    pub misses: u64,
    /// Acquisitions that began to wait, whether or not they got a buffer in the end.
    pub waits: u64,
    /// Acquisitions that got nothing: no buffer was free at once, or in time, or before the future
    /// was dropped, or there was no memory. Lengths that the pool never has are not counted.
    pub refused: u64,
    /// Slabs that have been mapped so far.
    pub maps: u64,
    /// Slabs of one class that were cut again for another.
    pub repurposed: u64,
    /// Slabs that have been unmapped, by [`trim`](crate::BufferPool::trim) or to make room for
    /// slabs of another length.
    pub unmaps: u64,
    /// Slabs for which no explicit huge pages were left, so that the pool asked for transparent
    /// ones.
    pub explicit_fallbacks: u64,
}
