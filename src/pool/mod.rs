//! A bounded pool of aligned buffers, in huge pages where the system grants them.
//!
//! From the bottom up: `mapping` gets memory from the system; a `slab` is a mapping cut into
//! pieces; `slabs` are all of a pool's; the `ledger` has these and the line of threads that wait;
//! `shared` is the lock around it, of which handles and buffers (`pool_buf`) own a share each.

pub(crate) mod builder;
mod census;
pub(crate) mod error;
#[cfg(test)]
mod fairness;
mod ledger;
mod mapping;
mod piece;
pub(crate) mod pool_buf;
mod shared;
mod slab;
mod slabs;
pub(crate) mod stats;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::wait::limit::WaitLimit;
use builder::PoolBuilder;
use error::AcquireError;
use pool_buf::PoolBuf;
use shared::Shared;
use slabs::Slabs;
use stats::PoolStats;

/// Aligned memory for direct I/O, bounded in bytes and used again: a pool of [`PoolBuf`]s.
///
/// Buffers come in a few sizes, the *classes*, and are cut from *slabs* that are mapped when they
/// are needed, until the capacity is reached. A slab whose buffers are all home can serve another
/// class. Memory stays mapped until [`trim`](Self::trim), or until the pool and its buffers are
/// gone.
///
/// Who finds no buffer can wait. Those who wait for the same class are served in the order in which
/// they came. So is memory for slabs: nobody gets any before the one who has waited longest. While
/// that one waits for a whole slab to come home, others can be given what is left in slabs of their
/// own class, but for each 64 times one more slab is kept back, so large buffers don't starve.
///
/// A thread that holds buffers while it waits for another may wait for ever, if all the others do
/// the same: give the pool the capacity for what is held together. Callbacks never wait, whatever
/// their dispatcher: buffers are given back by callbacks, and workers that all wait run none.
///
/// A clone is another handle on the same pool. A forked child can use the buffers that it has copies
/// of, but not its parent's pool.
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
///     let buffer = pool.acquire(4096)?; // waits when all are under way
///     dispatcher.submit(Job::read(&file, buffer, offset, |done| {
///         assert!(done.result.is_ok() && done.data().len() <= 4096);
///     }))?; // dropped at the end of the callback, the buffer goes home
/// }
/// dispatcher.drain()?;
/// assert_eq!(pool.stats().buffers_out, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct BufferPool {
    shared: Arc<Shared>,
}

impl BufferPool {
    /// Settings to begin with.
    pub fn builder() -> PoolBuilder {
        PoolBuilder::default()
    }

    pub(crate) fn over(slabs: Slabs, sizes: Box<[usize]>) -> Self {
        Self { shared: Arc::new(Shared::new(slabs, sizes)) }
    }

    /// Takes a buffer of the smallest class that has `len` bytes, waiting until one is free. Its
    /// length is 0.
    ///
    /// # Errors
    ///
    /// - [`TooLarge`](AcquireError::TooLarge): no class has as much.
    /// - [`InCallback`](AcquireError::InCallback): it would have to wait, in a callback.
    /// - [`NoMemory`](AcquireError::NoMemory): the system has none. The pool stays usable.
    /// - [`Forked`](AcquireError::Forked): this is a forked child.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = reapool::BufferPool::builder().classes([4096, 1 << 20]).build()?;
    /// assert_eq!(pool.acquire(100_000)?.capacity(), 1 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn acquire(&self, len: usize) -> Result<PoolBuf, AcquireError> {
        self.shared.acquire(len, Some(WaitLimit::NEVER))
    }

    /// As [`acquire`](Self::acquire), but waits no longer than `limit`.
    ///
    /// # Errors
    ///
    /// As for [`acquire`](Self::acquire), and [`TimedOut`](AcquireError::TimedOut).
    pub fn acquire_timeout(&self, len: usize, limit: Duration) -> Result<PoolBuf, AcquireError> {
        self.shared.acquire(len, Some(WaitLimit::after(limit)))
    }

    /// As [`acquire`](Self::acquire), but does not wait.
    ///
    /// # Errors
    ///
    /// As for [`acquire`](Self::acquire), and [`Exhausted`](AcquireError::Exhausted), in a callback
    /// too.
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
        self.shared.acquire(len, None)
    }

    /// Gives all slabs whose buffers are home back to the system, and returns how many bytes these
    /// are.
    ///
    /// Others can use the pool meanwhile: they wait for one slab at a time. In a forked child it
    /// does nothing.
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
        let Some(ledger) = self.shared.ledger() else { return 0 };
        // No more than there are now, as others may go on making slabs idle.
        let slabs = ledger.stats().slabs;
        drop(ledger);
        (0..slabs).map_while(|_| self.shared.ledger()?.unmap_one()).sum()
    }

    /// A snapshot of the counters. In a forked child all is zero.
    #[must_use]
    pub fn stats(&self) -> PoolStats {
        self.shared.ledger().map(|ledger| ledger.stats()).unwrap_or_default()
    }

    /// How many bytes of the pool are in huge pages now, transparent or explicit.
    ///
    /// It reads `/proc/self/smaps`, which takes longer the more memory the process has mapped; not
    /// for each job. Where slabs of two pools are neighbours the kernel counts them together, so
    /// that it can be too much, but never more than is mapped. Memory counts once it has been
    /// touched.
    ///
    /// # Errors
    ///
    /// If `/proc` can't be read.
    pub fn huge_page_bytes(&self) -> io::Result<usize> {
        let Some(ledger) = self.shared.ledger() else { return Ok(0) };
        let ranges = ledger.slabs().ranges();
        drop(ledger);
        census::huge_bytes(&ranges)
    }

    /// The sizes of the buffers there are, in bytes, in order.
    #[must_use]
    pub fn classes(&self) -> &[usize] {
        &self.shared.sizes
    }
}

impl fmt::Debug for BufferPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferPool")
            .field("classes", &self.shared.sizes)
            .field("stats", &self.stats())
            .finish()
    }
}
