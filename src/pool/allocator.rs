//! Decides who gets a buffer. It has the slabs, and the line of the threads and tasks that wait for
//! a buffer.
//!
//! A returned buffer is given to a waiter before the lock is released, and only this waiter is
//! woken, with its buffer. Between two calls it holds that
//!
//! - no waiter in the line waits for a class of which a buffer is free in a slab that is not
//!   draining, and
//! - the first in line can't be served by mapping memory or cutting an idle slab either,
//!
//! because each call that frees a buffer or a slab, or makes another waiter the first, ends with
//! [`Allocator::serve`]. So no wake-up is lost: a waiter that found nothing joins the line before
//! it releases the lock, and its answer stays in its [`Waiter`] until it looks.
//!
//! Memory for slabs goes to the first in line alone. Others can still get buffers of slabs
//! that are cut for their class. As that could keep the first waiting for ever, one more slab is
//! drained for it each time that [`OVERTAKES_PER_DRAIN`] others got a buffer. Not all slabs
//! at once: the threads that have what the first waits for may need a small buffer before they give
//! a large one back.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::task::Waker;

use crate::pool::slab::{BufferId, RawBuffer};
use crate::pool::slabs::{Shortage, Slabs};
use crate::pool::stats::PoolStats;
use crate::sync::Arc;
use crate::wait::TaskWaker;
use crate::wait::delivery::{Delivered, Delivery};
use crate::wait::limit::WaitLimit;

/// How many buffers others get before one more slab is drained for the first in line.
pub(crate) const OVERTAKES_PER_DRAIN: u64 = 64;

/// A buffer, or the system's error when it had no memory for one.
pub(crate) type Answer = io::Result<RawBuffer>;

/// A thread or task in line. The answer has a lock of its own, so that the waiter, when it is
/// woken, does not have to wait for the allocator's.
#[derive(Clone)]
pub(crate) struct Waiter {
    class: usize,
    answer: Arc<Delivery<Answer>>,
}

impl Waiter {
    /// Waits for the answer. `None` if it has not come in time.
    pub(crate) fn wait(&self, limit: WaitLimit) -> Option<Answer> {
        self.answer.wait(limit).and_then(returned)
    }

    /// Takes the answer if it has come. Otherwise the answer will wake this task.
    pub(crate) fn poll(&self, task: &Waker) -> Option<Answer> {
        self.answer.poll(task).and_then(returned)
    }

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.answer, &other.answer)
    }
}

/// The answer of a waiter: the allocator always gives one, and it is taken once.
fn returned(end: Delivered<Answer>) -> Option<Answer> {
    if let Delivered::Returned(answer) = end { Some(answer) } else { None }
}

pub(crate) struct Allocator {
    slabs: Slabs,
    line: VecDeque<Waiter>,
    /// The wakers of tasks that have been answered. The thread that gives up the lock wakes them.
    woken: Vec<TaskWaker>,
    /// How many buffers others got since the first in line became the first.
    overtaken: u64,
    waits: u64,
    refused: u64,
    /// Bytes that were allocated beyond the capacity and have not been returned.
    extra_bytes: usize,
    /// How many buffers have been allocated beyond the capacity.
    extra_buffers: u64,
}

impl Allocator {
    pub(crate) fn new(slabs: Slabs) -> Self {
        Self {
            slabs,
            line: VecDeque::new(),
            woken: Vec::new(),
            overtaken: 0,
            waits: 0,
            refused: 0,
            extra_bytes: 0,
            extra_buffers: 0,
        }
    }

    pub(crate) fn take(&mut self, class: usize) -> Result<RawBuffer, Shortage> {
        if self.line.is_empty() {
            return self.slabs.provide(class);
        }
        let buffer = self.slabs.take(class).ok_or(Shortage::Full)?;
        self.overtake();
        Ok(buffer)
    }

    /// Joins the line, after nothing could be taken.
    pub(crate) fn join(&mut self, class: usize) -> Waiter {
        let waiter = Waiter { class, answer: Delivery::pending() };
        self.line.push_back(waiter.clone());
        self.waits += 1;
        waiter
    }

    /// Leaves the line. Returns the answer if it has come already.
    pub(crate) fn leave(&mut self, waiter: &Waiter) -> Option<Answer> {
        let Some(position) = self.line.iter().position(|other| other.is(waiter)) else {
            return waiter.answer.take().and_then(returned);
        };
        if position == 0 {
            self.pop_first();
            self.serve();
        } else {
            self.line.remove(position);
        }
        None
    }

    pub(crate) fn put(&mut self, id: BufferId) {
        self.slabs.put(id);
        if !self.line.is_empty() {
            self.serve();
        }
    }

    /// Counts a buffer beyond the capacity. False, and nothing counted, if there would be more than
    /// `limit` bytes.
    pub(crate) fn take_extra(&mut self, bytes: usize, limit: usize) -> bool {
        let fits = bytes <= limit.saturating_sub(self.extra_bytes);
        if fits {
            self.extra_bytes += bytes;
            self.extra_buffers += 1;
        }
        fits
    }

    pub(crate) fn put_extra(&mut self, bytes: usize) {
        self.extra_bytes -= bytes;
    }

    /// Undoes `take_extra` for a buffer that could not be allocated.
    pub(crate) fn undo_extra(&mut self, bytes: usize) {
        self.put_extra(bytes);
        self.extra_buffers -= 1;
    }

    /// Unmaps one idle slab, and returns its length.
    pub(crate) fn unmap_one(&mut self) -> Option<usize> {
        // This changes nothing for the first in line, as idle bytes become room.
        self.slabs.unmap_one()
    }

    /// Counts an acquisition that got nothing.
    pub(crate) fn refuse(&mut self) {
        self.refused += 1;
    }

    pub(crate) fn stats(&self) -> PoolStats {
        let &Self { waits, refused, extra_bytes, extra_buffers, .. } = self;
        let waiting = self.line.len();
        PoolStats { waiting, waits, refused, extra_bytes, extra_buffers, ..self.slabs.stats() }
    }

    pub(crate) fn slabs(&self) -> &Slabs {
        &self.slabs
    }

    /// Gives the waiters in line what there is for them.
    fn serve(&mut self) {
        while let Some(first) = self.line.front() {
            let answer = match self.slabs.provide(first.class) {
                Ok(buffer) => Ok(buffer),
                Err(Shortage::Full) => break,
                Err(Shortage::NoMemory(error)) => {
                    self.refuse();
                    Err(error)
                }
            };
            let first = self.pop_first();
            self.tell(&first, answer);
        }
        let mut position = 1;
        while let Some(waiter) = self.line.get(position) {
            let Some(buffer) = self.slabs.take(waiter.class) else {
                position += 1;
                continue;
            };
            if let Some(waiter) = self.line.remove(position) {
                self.tell(&waiter, Ok(buffer));
            }
            self.overtake();
        }
    }

    fn tell(&mut self, waiter: &Waiter, answer: Answer) {
        self.woken.extend(waiter.answer.end(Delivered::Returned(answer)));
    }

    /// Whether there are tasks to wake.
    pub(crate) fn has_woken(&self) -> bool {
        !self.woken.is_empty()
    }

    /// The tasks to wake, for the caller that is about to give up the lock.
    #[must_use = "nobody else wakes them"]
    pub(crate) fn take_woken(&mut self) -> Vec<TaskWaker> {
        mem::take(&mut self.woken)
    }

    /// Takes the first out of the line. The slabs that were drained for it can be used by all
    /// again.
    fn pop_first(&mut self) -> Waiter {
        self.overtaken = 0;
        self.slabs.stop_draining();
        self.line.pop_front().expect("the line is not empty")
    }

    fn overtake(&mut self) {
        self.overtaken += 1;
        if self.overtaken.is_multiple_of(OVERTAKES_PER_DRAIN)
            && let Some(first) = self.line.front()
        {
            self.slabs.drain_one(first.class);
        }
    }
}
