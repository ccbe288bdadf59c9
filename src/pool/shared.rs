//! The part of a pool that its handles and its buffers share: the allocator, behind a lock.
//!
//! In a forked child this lock may be held for ever by a thread that does not exist there. So
//! nothing takes it in a child, and buffers that the child drops are not returned. Dropping the
//! last share unmaps the slabs without the lock, in a child too. That is right, as a thread that
//! was using the pool at the time of the fork had, or borrowed, a share, and nothing in the child
//! can drop that one.

use std::sync::{Arc, OnceLock};

use crate::pool::allocator::{Allocator, Waiter};
use crate::pool::error::AcquireError;
use crate::pool::slab::{BufferId, RawBuffer};
use crate::pool::slabs::{Shortage, Slabs};
use crate::sync::{Mutex, MutexGuard, lock};
use crate::sys::fork::ForkMark;
use crate::wait::limit::WaitLimit;
use crate::wait::worker_mark;

pub(crate) struct PoolShared {
    fork_mark: ForkMark,
    /// The sizes of the classes, in ascending order.
    sizes: Box<[usize]>,
    allocator: Mutex<Allocator>,
    /// Called each time that a buffer has come back, without the lock.
    returned: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl PoolShared {
    pub(crate) fn new(slabs: Slabs, sizes: Box<[usize]>) -> Self {
        Self {
            fork_mark: ForkMark::of_this_process(),
            sizes,
            allocator: Mutex::new(Allocator::new(slabs)),
            returned: OnceLock::new(),
        }
    }

    pub(crate) fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// Locks the allocator. `None` in a forked child.
    pub(crate) fn allocator(&self) -> Option<MutexGuard<'_, Allocator>> {
        (!self.fork_mark.is_forked()).then(|| lock(&self.allocator))
    }

    /// Has a function called each time that a buffer has come back.
    pub(crate) fn on_return(&self, call: Box<dyn Fn() + Send + Sync>) {
        let set = self.returned.set(call);
        debug_assert!(set.is_ok(), "another function is called already");
    }

    /// Takes a buffer back.
    pub(crate) fn put(&self, id: BufferId) {
        let Some(mut allocator) = self.allocator() else { return };
        allocator.put(id);
        drop(allocator);
        if let Some(call) = self.returned.get() {
            call();
        }
    }

    /// Hands a buffer out. If none is free, waits for one until the limit; does not wait without a
    /// limit.
    pub(crate) fn acquire(
        &self,
        len: usize,
        limit: Option<WaitLimit>,
    ) -> Result<RawBuffer, AcquireError> {
        let mut allocator = self.allocator().ok_or(AcquireError::Forked)?;
        let class = self.sizes.partition_point(|&size| size < len);
        if class == self.sizes.len() {
            return Err(AcquireError::TooLarge { requested: len, largest: self.sizes[class - 1] });
        }
        let refusal = match (allocator.take(class), limit) {
            (Ok(buffer), _) => return Ok(buffer),
            (Err(Shortage::NoMemory(error)), _) => AcquireError::NoMemory(error),
            (Err(Shortage::Full), None) => AcquireError::Exhausted,
            (Err(Shortage::Full), Some(_)) if worker_mark::is_any_worker() => {
                AcquireError::InCallback
            }
            (Err(Shortage::Full), Some(limit)) => {
                let waiter = allocator.join(class);
                drop(allocator);
                return self.wait(&waiter, limit);
            }
        };
        allocator.refuse();
        Err(refusal)
    }

    /// Waits for the answer. Leaves the line if it does not come in time.
    fn wait(&self, waiter: &Arc<Waiter>, limit: WaitLimit) -> Result<RawBuffer, AcquireError> {
        let mut answer = waiter.wait(limit);
        if answer.is_none() {
            let mut allocator = self.allocator().ok_or(AcquireError::Forked)?;
            answer = allocator.leave(waiter);
            if answer.is_none() {
                allocator.refuse();
            }
        }
        answer.ok_or(AcquireError::TimedOut)?.map_err(AcquireError::NoMemory)
    }
}
