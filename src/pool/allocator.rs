//! Decides who gets a buffer. It has the slabs, and the line of threads that wait for a buffer.
//!
//! A returned buffer is given to a thread that waits for it before the lock is released, and only
//! this thread is woken, with its buffer. Between two calls it holds that
//!
//! - no thread in the line waits for a class of which a buffer is free in a slab that is not
//!   draining, and
//! - the first in line can't be served by mapping memory or cutting an idle slab either,
//!
//! because each call that frees a buffer or a slab, or makes another thread the first, ends with
//! [`Allocator::serve`]. So no wake-up is lost: a thread that found nothing joins the line before
//! it releases the lock, and its answer stays in its [`Waiter`] until it looks.
//!
//! Memory for slabs goes to the first in line alone. Other threads can still get buffers of slabs
//! that are cut for their class. As that could keep the first waiting for ever, one more slab is
//! drained for it each time that [`OVERTAKES_PER_DRAIN`] other threads got a buffer. Not all slabs
//! at once: the threads that have what the first waits for may need a small buffer before they give
//! a large one back.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use crate::pool::slab::{BufferId, RawBuffer};
use crate::pool::slabs::{Shortage, Slabs};
use crate::pool::stats::PoolStats;
use crate::sync::{Condvar, Mutex, lock};
use crate::wait::limit::WaitLimit;

/// How many buffers other threads get before one more slab is drained for the first in line.
pub(crate) const OVERTAKES_PER_DRAIN: u64 = 64;

/// A buffer, or the system's error when it had no memory for one.
pub(crate) type Answer = io::Result<RawBuffer>;

/// A thread in line. The answer has a lock of its own, so that the thread, when it is woken, does
/// not have to wait for the allocator's.
pub(crate) struct Waiter {
    class: usize,
    answer: Mutex<Option<Answer>>,
    answered: Condvar,
}

impl Waiter {
    /// Waits for the answer. `None` if it has not come in time.
    pub(crate) fn wait(&self, limit: WaitLimit) -> Option<Answer> {
        let mut answer = lock(&self.answer);
        while answer.is_none() {
            answer = limit.wait(&self.answered, answer).ok()?;
        }
        answer.take()
    }

    fn tell(&self, answer: Answer) {
        *lock(&self.answer) = Some(answer);
        self.answered.notify_one();
    }
}

pub(crate) struct Allocator {
    slabs: Slabs,
    line: VecDeque<Arc<Waiter>>,
    /// How many buffers other threads got since the first in line became the first.
    overtaken: u64,
    waits: u64,
    refused: u64,
}

impl Allocator {
    pub(crate) fn new(slabs: Slabs) -> Self {
        Self { slabs, line: VecDeque::new(), overtaken: 0, waits: 0, refused: 0 }
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
    pub(crate) fn join(&mut self, class: usize) -> Arc<Waiter> {
        let (answer, answered) = (Mutex::new(None), Condvar::new());
        let waiter = Arc::new(Waiter { class, answer, answered });
        self.line.push_back(Arc::clone(&waiter));
        self.waits += 1;
        waiter
    }

    /// Leaves the line. Returns the answer if it has come already.
    pub(crate) fn leave(&mut self, waiter: &Arc<Waiter>) -> Option<Answer> {
        let Some(position) = self.line.iter().position(|other| Arc::ptr_eq(other, waiter)) else {
            return lock(&waiter.answer).take();
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
        let (waiting, waits, refused) = (self.line.len(), self.waits, self.refused);
        PoolStats { waiting, waits, refused, ..self.slabs.stats() }
    }

    pub(crate) fn slabs(&self) -> &Slabs {
        &self.slabs
    }

    /// Gives the threads in line what there is for them.
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
            self.pop_first().tell(answer);
        }
        let mut position = 1;
        while let Some(waiter) = self.line.get(position) {
            match self.slabs.take(waiter.class) {
                Some(buffer) => {
                    waiter.tell(Ok(buffer));
                    self.line.remove(position);
                    self.overtake();
                }
                None => position += 1,
            }
        }
    }

    /// Takes the first out of the line. The slabs that were drained for it can be used by all
    /// again.
    fn pop_first(&mut self) -> Arc<Waiter> {
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
