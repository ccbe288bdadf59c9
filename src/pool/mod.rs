//! Aligned buffers of a few sizes, cut from slabs, bounded in bytes. A returned buffer goes to the
//! thread that has waited longest for it.
//!
//! From the bottom up: `mapping` gets memory from the system. A `slab` is a mapping cut into
//! buffers, and `slabs` are all slabs of a pool. The `allocator` has them and the line of waiting
//! threads and tasks. `shared` is the lock around it; handles and buffers (`pool_buf`) own a share
//! of it each.

pub(crate) mod acquire_future;
mod allocator;
pub(crate) mod builder;
pub(crate) mod error;
pub(crate) mod mapping;
pub(crate) mod pool_buf;
mod shared;
mod slab;
mod slabs;
mod smaps;
pub(crate) mod stats;
#[cfg(test)]
mod tests;

use std::alloc::Layout;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::buffer::aligned::AlignedBuf;
use crate::wait::limit::WaitLimit;
use acquire_future::AcquireFuture;
use builder::{PoolBuilder, SIZE_UNIT};
use error::{AcquireError, PoolBuildError};
use pool_buf::PoolBuf;
use shared::PoolShared;
use stats::PoolStats;

/// A pool of aligned buffers for direct I/O, bounded in bytes.
///
/// Buffers ([`PoolBuf`]) come in a few sizes, the *classes*. They are cut from *slabs*, which the
/// pool maps when it needs them, until it reaches its capacity. A slab whose buffers are all free
/// can be cut again for another class. Memory stays mapped until [`trim`](Self::trim), or until the
/// pool and all its buffers are dropped.
///
/// A thread that finds no free buffer can wait, and so can a task
/// ([`acquire_async`](Self::acquire_async)). Those that wait for buffers of the same class get them
/// in the order in which they came. Memory for slabs goes to the one that has waited longest,
/// before all others. While that one waits until a whole slab is free, others can still take
/// buffers from slabs of their own class. But each time that they have taken 64, the pool keeps one
/// more slab back for it, so that large buffers don't starve.
///
/// A thread that holds buffers while it waits for another may wait for ever if all others do the
/// same: give the pool capacity for all that is held at once. Callbacks never wait, whichever
/// dispatcher runs them: callbacks return buffers, and none would run if all workers waited.
///
/// A clone is another handle to the same pool. A forked child can use its copies of buffers, but
/// not its parent's pool.
///
/// # Examples
///
/// A thread that reads ahead as far as the pool has memory:
///
/// ```
/// use reapool::{BufferPool, Dispatcher, FileHandle, Job};
///
/// let dispatcher = Dispatcher::new()?;
/// let pool = BufferPool::builder().capacity(8 << 20).build()?;
/// let file = FileHandle::from(std::fs::File::open("Cargo.toml")?);
/// for offset in (0..1 << 20).step_by(4096) {
///     let buffer = pool.acquire(4096)?; // waits when all are in use
///     dispatcher.submit(Job::read(&file, buffer, offset, |done| {
///         assert!(done.result.is_ok() && done.data().len() <= 4096);
///     }))?; // dropped at the end of the callback, the buffer is returned to the pool
/// }
/// dispatcher.drain()?;
/// assert_eq!(pool.stats().buffers_out, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct BufferPool {
    shared: Arc<PoolShared>,
}

impl BufferPool {
    /// The default settings.
    pub fn builder() -> PoolBuilder {
        PoolBuilder::default()
    }

    /// Takes a buffer of the smallest class with at least `len` bytes. Blocks until one is free.
    /// The buffer has length 0.
    ///
    /// # Errors
    ///
    /// - [`TooLarge`](AcquireError::TooLarge): no class has buffers of `len` bytes.
    /// - [`InCallback`](AcquireError::InCallback): it would have to wait, in a callback.
    /// - [`NoMemory`](AcquireError::NoMemory): the system has none. The pool stays usable.
    /// - [`Forked`](AcquireError::Forked): this process is a forked child.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = reapool::BufferPool::builder().classes([4096, 1 << 20]).build()?;
    /// assert_eq!(pool.acquire(100_000)?.capacity(), 1 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn acquire(&self, len: usize) -> Result<PoolBuf, AcquireError> {
        self.acquire_until(len, Some(WaitLimit::NEVER))
    }

    /// As [`acquire`](Self::acquire), but blocks no longer than `limit`.
    ///
    /// # Errors
    ///
    /// As for [`acquire`](Self::acquire), and [`TimedOut`](AcquireError::TimedOut).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use reapool::{AcquireError, BufferPool};
    ///
    /// let pool = BufferPool::builder().capacity(2 << 20).classes([2 << 20]).build()?;
    /// let (only, limit) = (pool.acquire(4096)?, Duration::from_millis(1));
    /// assert!(matches!(pool.acquire_timeout(4096, limit), Err(AcquireError::TimedOut)));
    /// drop(only);
    /// assert!(pool.acquire_timeout(4096, limit).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn acquire_timeout(&self, len: usize, limit: Duration) -> Result<PoolBuf, AcquireError> {
        self.acquire_until(len, Some(WaitLimit::after(limit)))
    }

    /// As [`acquire`](Self::acquire), but does not block.
    ///
    /// # Errors
    ///
    /// As for [`acquire`](Self::acquire), but [`Exhausted`](AcquireError::Exhausted) where it would
    /// have to wait, in a callback too.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{AcquireError, BufferPool};
    ///
    /// let pool = BufferPool::builder().capacity(2 << 20).build()?;
    /// let both = (pool.try_acquire(1 << 20)?, pool.try_acquire(1 << 20)?);
    /// assert!(matches!(pool.try_acquire(1 << 20), Err(AcquireError::Exhausted)));
    /// drop(both);
    /// assert!(pool.try_acquire(1 << 20).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_acquire(&self, len: usize) -> Result<PoolBuf, AcquireError> {
        self.acquire_until(len, None)
    }

    /// As [`acquire`](Self::acquire), but for tasks: where `acquire` blocks, the future is pending.
    /// Tasks and threads wait in one line.
    ///
    /// The future belongs to no runtime. If it is dropped, the task leaves the line, and a buffer
    /// that it has been given goes to the next. A future that has been polled should be polled
    /// again when it is woken, or dropped: the buffer is its own from then on, and nobody else gets
    /// it.
    ///
    /// # Errors
    ///
    /// As for [`acquire`](Self::acquire), but never `InCallback`. A callback must not block on it,
    /// though: buffers are given back by callbacks.
    ///
    /// # Panics
    ///
    /// The future, if it is polled after it was ready.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{BufferPool, Dispatcher, FileHandle};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let (submitter, pool) = (dispatcher.submitter(), BufferPool::builder().build()?);
    /// let file = FileHandle::open_buffered("Cargo.toml")?;
    /// let head = async {
    ///     let buffer = pool.acquire_async(4096).await?;
    ///     let (result, buffer) = submitter.read(&file, buffer, 0).await;
    ///     Ok::<_, Box<dyn std::error::Error>>(buffer[..result?].starts_with(b"[package]"))
    /// };
    /// assert!(futures::executor::block_on(head)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn acquire_async(&self, len: usize) -> AcquireFuture {
        AcquireFuture::new(Arc::clone(&self.shared), len)
    }

    /// As [`try_acquire`](Self::try_acquire), but if no buffer is free, or none is as large, takes
    /// memory of the system's allocator, up to [`PoolBuilder::extra`] bytes at a time. It is of the
    /// same type, and is freed when it is dropped.
    ///
    /// For memory that is kept for as long as somebody else likes, as slices of it are passed on:
    /// the pool alone could run dry then. The counters tell how much is out in this way
    /// ([`PoolStats::extra_bytes`]). Such memory is slower, as each buffer has fresh pages.
    ///
    /// # Errors
    ///
    /// - [`Exhausted`](AcquireError::Exhausted): with this buffer, more than `extra` bytes of such
    ///   memory would be in use.
    /// - [`TooLarge`](AcquireError::TooLarge): it is more than a buffer of the largest class has,
    ///   and than `extra` allows.
    /// - [`NoMemory`](AcquireError::NoMemory) and [`Forked`](AcquireError::Forked), as for
    ///   [`acquire`](Self::acquire).
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{AcquireError, BufferPool};
    ///
    /// let pool = BufferPool::builder().capacity(2 << 20).extra(1 << 20).build()?;
    /// let both = (pool.acquire(1 << 20)?, pool.acquire(1 << 20)?);
    /// let third = pool.acquire_or_allocate(1 << 20)?;
    /// assert_eq!((third.capacity(), pool.stats().extra_bytes), (1 << 20, 1 << 20));
    /// assert!(matches!(pool.acquire_or_allocate(1 << 20), Err(AcquireError::Exhausted)));
    /// drop((both, third));
    /// assert_eq!(pool.stats().extra_bytes, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn acquire_or_allocate(&self, len: usize) -> Result<PoolBuf, AcquireError> {
        let shared = Arc::clone(&self.shared);
        let Ok(layout) = Layout::from_size_align(len.max(1), SIZE_UNIT) else {
            return Err(shared.too_large(len, shared.most_extra()));
        };
        let layout = layout.pad_to_align();
        if let Some(raw) = shared.acquire_or_count(len, layout.size())? {
            return Ok(PoolBuf::new(raw, shared));
        }
        match AlignedBuf::allocate(layout) {
            Some(memory) => Ok(PoolBuf::extra(memory, shared)),
            None => {
                shared.uncount(layout.size());
                Err(AcquireError::NoMemory(io::ErrorKind::OutOfMemory.into()))
            }
        }
    }

    fn acquire_until(&self, len: usize, limit: Option<WaitLimit>) -> Result<PoolBuf, AcquireError> {
        let raw = self.shared.acquire(len, limit)?;
        Ok(PoolBuf::new(raw, Arc::clone(&self.shared)))
    }

    /// Has a function called each time that a buffer has come back, once for all handles.
    pub(crate) fn on_return(&self, call: impl Fn() + Send + Sync + 'static) {
        self.shared.on_return(Box::new(call));
    }

    /// Unmaps all slabs whose buffers are all free, and returns how many bytes they had.
    ///
    /// Other threads can use the pool meanwhile: they wait for one slab at a time. In a forked
    /// child it does nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = reapool::BufferPool::builder().build()?;
    /// drop(pool.acquire(4096)?);
    /// assert_eq!(pool.trim(), 2 << 20);
    /// assert_eq!(pool.stats().mapped, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trim(&self) -> usize {
        // At most as many as there are now, because other threads may go on making slabs idle.
        let count = self.shared.allocator().map_or(0, |allocator| allocator.slabs().count());
        (0..count).map_while(|_| self.shared.allocator()?.unmap_one()).sum()
    }

    /// A snapshot of the counters. In a forked child all of them are 0.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = reapool::BufferPool::builder().build()?;
    /// let buffer = pool.acquire(4096)?;
    /// assert_eq!((pool.stats().bytes_out, pool.stats().mapped), (4096, 2 << 20));
    /// drop(buffer);
    /// assert_eq!((pool.stats().bytes_out, pool.stats().mapped), (0, 2 << 20));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn stats(&self) -> PoolStats {
        self.shared.allocator().map(|allocator| allocator.stats()).unwrap_or_default()
    }

    /// How many bytes of the pool are in huge pages now, transparent or explicit.
    ///
    /// It reads `/proc/self/smaps`, which takes longer the more memory the process has mapped:
    /// don't call it for each job. Where slabs of two pools are neighbours the kernel counts them
    /// together. The answer can then be too large, but is never more than is mapped. Memory counts
    /// once it has been touched.
    ///
    /// # Errors
    ///
    /// If `/proc/self/smaps` can't be read.
    pub fn huge_page_bytes(&self) -> io::Result<usize> {
        let Some(allocator) = self.shared.allocator() else { return Ok(0) };
        let ranges = allocator.slabs().ranges();
        drop(allocator);
        smaps::huge_page_bytes(&ranges)
    }

    /// The sizes of the buffers, in bytes and in ascending order.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = reapool::BufferPool::builder().build()?;
    /// assert_eq!(pool.classes(), [4 << 10, 64 << 10, 1 << 20]);
    /// # Ok::<(), reapool::PoolBuildError>(())
    /// ```
    #[must_use]
    pub fn classes(&self) -> &[usize] {
        self.shared.sizes()
    }
}

impl PoolBuilder {
    /// Makes the pool. It maps memory when buffers are acquired.
    ///
    /// # Errors
    ///
    /// If a setting makes no sense: see [`PoolBuildError`].
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{BufferPool, PoolBuildError};
    ///
    /// let error = BufferPool::builder().capacity(4096).build().unwrap_err();
    /// let least = 2 << 20;
    /// assert_eq!(error, PoolBuildError::CapacityTooSmall { capacity: 4096, least });
    /// ```
    pub fn build(self) -> Result<BufferPool, PoolBuildError> {
        let (slabs, sizes) = self.slabs()?;
        Ok(BufferPool { shared: Arc::new(PoolShared::new(slabs, sizes, self.most_extra())) })
    }
}

impl fmt::Debug for BufferPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferPool")
            .field("classes", &self.classes())
            .field("stats", &self.stats())
            .finish()
    }
}
