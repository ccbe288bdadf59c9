//! A task's wait for a buffer.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::allocator::Waiter;
use super::error::AcquireError;
use super::pool_buf::PoolBuf;
use super::shared::PoolShared;

/// The future of [`BufferPool::acquire_async`](crate::BufferPool::acquire_async): resolves to a
/// buffer.
///
/// # Examples
///
/// With a time limit:
///
/// ```
/// use std::time::Duration;
/// use reapool::BufferPool;
/// use tokio::time::timeout;
///
/// let pool = BufferPool::builder().capacity(2 << 20).classes([2 << 20]).build()?;
/// let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
/// runtime.block_on(async {
///     let only = pool.acquire_async(4096).await?;
///     assert!(timeout(Duration::from_millis(1), pool.acquire_async(4096)).await.is_err());
///     assert_eq!(pool.stats().waiting, 0, "it has left the line");
///     drop(only);
///     assert_eq!(pool.acquire_async(4096).await?.capacity(), 2 << 20);
///     Ok::<_, Box<dyn std::error::Error>>(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "the buffer is acquired when the future is polled"]
pub struct AcquireFuture {
    /// `None` once it has been ready.
    pool: Option<Arc<PoolShared>>,
    len: usize,
    /// The task's place in the line, while it waits.
    place: Option<Waiter>,
}

impl AcquireFuture {
    pub(super) fn new(pool: Arc<PoolShared>, len: usize) -> Self {
        Self { pool: Some(pool), len, place: None }
    }
}

impl Future for AcquireFuture {
    type Output = Result<PoolBuf, AcquireError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { pool, len, place } = &mut *self;
        let shared = pool.as_ref().expect("polled again after it was ready");
        let raw = ready!(shared.poll_acquire(*len, place, context.waker()));
        let pool = pool.take().expect("it was there just now");
        Poll::Ready(raw.map(|raw| PoolBuf::new(raw, pool)))
    }
}

impl Drop for AcquireFuture {
    fn drop(&mut self) {
        let (Some(pool), Some(waiter)) = (self.pool.take(), self.place.take()) else { return };
        if let Ok(Some(Ok(raw))) = pool.leave(&waiter) {
            drop(PoolBuf::new(raw, pool));
        }
    }
}

impl fmt::Debug for AcquireFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquireFuture").field("len", &self.len).finish_non_exhaustive()
    }
}
