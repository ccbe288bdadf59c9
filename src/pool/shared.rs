//! The part of a pool that its handles and its buffers share: the allocator, behind a lock.
//!
//! In a forked child this lock may be held for ever by a thread that does not exist there. So
//! nothing takes it in a child, and buffers that the child drops are not returned. Dropping the
//! last share unmaps the slabs without the lock, in a child too. That is right, as a thread that
//! was using the pool at the time of the fork had, or borrowed, a share, and nothing in the child
//! can drop that one.

use std::sync::OnceLock;
use std::task::{Poll, Waker};

use crate::pool::allocator::{Allocator, Answer, Waiter};
use crate::pool::error::AcquireError;
use crate::pool::slab::{BufferId, RawBuffer};
use crate::pool::slabs::{Shortage, Slabs};
use crate::sync::{Mutex, MutexGuard, lock};
use crate::sys::fork::ForkMark;
use crate::wait::limit::WaitLimit;
use crate::wait::{wake, worker_mark};

pub(crate) struct PoolShared {
    fork_mark: ForkMark,
    /// The sizes of the classes, in ascending order.
    sizes: Box<[usize]>,
    /// The most bytes that are allocated beyond the capacity at a time.
    most_extra: usize,
    allocator: Mutex<Allocator>,
    /// Called each time that a buffer has come back, without the lock.
    returned: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl PoolShared {
    pub(crate) fn new(slabs: Slabs, sizes: Box<[usize]>, most_extra: usize) -> Self {
        Self {
            fork_mark: ForkMark::of_this_process(),
            sizes,
            most_extra,
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
        give_up(allocator);
        if let Some(call) = self.returned.get() {
            call();
        }
    }

    /// Hands a buffer out, or, if none is free, counts `bytes` that the caller is to allocate. Does
    /// not wait.
    pub(crate) fn acquire_or_count(
        &self,
        len: usize,
        bytes: usize,
    ) -> Result<Option<RawBuffer>, AcquireError> {
        let mut allocator = self.allocator().ok_or(AcquireError::Forked)?;
        let shortage = match self.class(len).map(|class| allocator.take(class)) {
            Some(Ok(buffer)) => return Ok(Some(buffer)),
            Some(Err(shortage)) => Some(shortage),
            None => None,
        };
        if allocator.take_extra(bytes, self.most_extra) {
            return Ok(None);
        }
        if shortage.is_none() && bytes > self.most_extra {
            return Err(self.too_large(len, self.most_extra));
        }
        allocator.refuse();
        Err(shortage.unwrap_or(Shortage::Full).into())
    }

    /// The most bytes that are allocated beyond the capacity at a time.
    pub(crate) fn most_extra(&self) -> usize {
        self.most_extra
    }

    /// The error for a length that no class has, nor the `extra` bytes that may be allocated.
    pub(crate) fn too_large(&self, requested: usize, extra: usize) -> AcquireError {
        let largest = self.sizes.last().copied().unwrap_or_default().max(extra);
        AcquireError::TooLarge { requested, largest }
    }

    /// The smallest class with so many bytes.
    fn class(&self, len: usize) -> Option<usize> {
        let class = self.sizes.partition_point(|&size| size < len);
        (class < self.sizes.len()).then_some(class)
    }

    /// Takes back what was counted for a buffer that could not be allocated.
    pub(crate) fn uncount(&self, bytes: usize) {
        if let Some(mut allocator) = self.allocator() {
            allocator.undo_extra(bytes);
            allocator.refuse();
        }
    }

    /// Counts bytes beyond the capacity as returned.
    pub(crate) fn put_extra(&self, bytes: usize) {
        if let Some(mut allocator) = self.allocator() {
            allocator.put_extra(bytes);
        }
    }

    /// Hands a buffer out. If none is free, waits for one until the limit; does not wait without a
    /// limit.
    pub(crate) fn acquire(
        &self,
        len: usize,
        limit: Option<WaitLimit>,
    ) -> Result<RawBuffer, AcquireError> {
        let class = self.class(len);
        let mut allocator = self.allocator().ok_or(AcquireError::Forked)?;
        let class = class.ok_or_else(|| self.too_large(len, 0))?;
        let shortage = match allocator.take(class) {
            Ok(buffer) => return Ok(buffer),
            Err(shortage) => shortage,
        };
        let refusal = || match limit {
            None => Some(AcquireError::Exhausted),
            Some(_) => worker_mark::is_any_worker().then_some(AcquireError::InCallback),
        };
        let waiter = join(allocator, class, shortage, refusal)?;
        let answer = waiter.wait(limit.unwrap_or(WaitLimit::NEVER));
        let answer = answer.map_or_else(|| self.leave(&waiter), |answer| Ok(Some(answer)))?;
        answer.ok_or(AcquireError::TimedOut)?.map_err(AcquireError::NoMemory)
    }

    /// Hands a buffer out as `acquire` does, but to a task, which is woken for it. `place` is the
    /// task's place in the line, if it has one.
    pub(crate) fn poll_acquire(
        &self,
        len: usize,
        place: &mut Option<Waiter>,
        task: &Waker,
    ) -> Poll<Result<RawBuffer, AcquireError>> {
        if self.fork_mark.is_forked() {
            return Poll::Ready(Err(AcquireError::Forked));
        }
        let waiter = match place {
            Some(waiter) => waiter,
            None => {
                let class = self.class(len).ok_or_else(|| self.too_large(len, 0))?;
                let mut allocator = self.allocator().ok_or(AcquireError::Forked)?;
                match allocator.take(class) {
                    Ok(buffer) => return Poll::Ready(Ok(buffer)),
                    Err(shortage) => place.insert(join(allocator, class, shortage, || None)?),
                }
            }
        };
        // The place is kept until the answer has come, also if the executor's code panics here.
        let Some(answer) = waiter.poll(task) else { return Poll::Pending };
        *place = None;
        Poll::Ready(answer.map_err(AcquireError::NoMemory))
    }

    /// Gives up a place in the line. Returns the answer if it has come already.
    pub(crate) fn leave(&self, waiter: &Waiter) -> Result<Option<Answer>, AcquireError> {
        let mut allocator = self.allocator().ok_or(AcquireError::Forked)?;
        let answer = allocator.leave(waiter);
        if answer.is_none() {
            allocator.refuse();
        }
        give_up(allocator);
        Ok(answer)
    }
}

impl From<Shortage> for AcquireError {
    fn from(shortage: Shortage) -> Self {
        match shortage {
            Shortage::Full => Self::Exhausted,
            Shortage::NoMemory(error) => Self::NoMemory(error),
        }
    }
}

/// Joins the line, after there was no buffer to be taken. With a `refusal`, does not join it.
#[cold]
fn join(
    mut allocator: MutexGuard<'_, Allocator>,
    class: usize,
    shortage: Shortage,
    refusal: impl FnOnce() -> Option<AcquireError>,
) -> Result<Waiter, AcquireError> {
    let refusal = match shortage {
        Shortage::Full => refusal(),
        shortage => Some(shortage.into()),
    };
    let Some(refusal) = refusal else { return Ok(allocator.join(class)) };
    allocator.refuse();
    Err(refusal)
}

/// Gives up the lock, and wakes the tasks that have been given a buffer meanwhile.
fn give_up(mut allocator: MutexGuard<'_, Allocator>) {
    if allocator.has_woken() {
        let woken = allocator.take_woken();
        drop(allocator);
        wake(woken);
    }
}
