//! The memory of all files that are being read, and the line of those that wait for some.

use std::collections::VecDeque;
use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::job::Job;
use crate::pipeline::Pipeline;
use crate::pool::BufferPool;
use crate::pool::error::AcquireError;
use crate::pool::pool_buf::PoolBuf;

/// A file that waits for memory.
pub(crate) trait Hungry: Send + Sync {
    /// Tries again, with a right to be first. On a worker.
    fn feed(self: Arc<Self>);

    /// Whether its run has been stopped.
    fn is_halted(&self) -> bool;

    /// It is not to wait any more: its run has been stopped, or the dispatcher is not there.
    fn abandon(self: Arc<Self>);
}

/// Whether a file has waited already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It stands behind all that wait.
    Last,
    /// It was called, and stands before them.
    First,
}

/// Why a file gets no memory, now or later.
pub(crate) enum Refusal {
    Pool(io::Error),
    Halted,
}

/// Of the kind that the system's error has, if it is the system that has no memory.
fn as_io_error(error: AcquireError) -> io::Error {
    let kind = match &error {
        AcquireError::NoMemory(source) => source.kind(),
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

/// Hands out buffers of one pool, in the order in which they were asked for when there are none.
pub(crate) struct Budget {
    pool: BufferPool,
    pipeline: Arc<Pipeline>,
    line: Mutex<VecDeque<Arc<dyn Hungry>>>,
}

impl Budget {
    pub(crate) fn new(pool: BufferPool, pipeline: Arc<Pipeline>) -> Self {
        Self { pool, pipeline, line: Mutex::new(VecDeque::new()) }
    }

    /// A buffer of at least so many bytes. If there is none, whoever asks is put into the line, and
    /// is fed when a buffer comes back. As long as there is none, one is out, and comes back: who
    /// waits holds none that others would need to get on.
    pub(crate) fn lease(
        self: &Arc<Self>,
        len: usize,
        turn: Turn,
        who: impl FnOnce() -> Arc<dyn Hungry>,
    ) -> Result<Option<Lease>, Refusal> {
        let mut line = self.line();
        if turn == Turn::First || line.is_empty() {
            // Under the lock: a buffer that comes back later finds who waits in the line.
            match self.pool.try_acquire(len) {
                Ok(buffer) => return Ok(Some(Lease::new(buffer, self))),
                Err(AcquireError::Exhausted) => {}
                Err(error) => return Err(Refusal::Pool(as_io_error(error))),
            }
        }
        let who = who();
        // Under the lock, too: who is stopped later is found in the line.
        if who.is_halted() {
            return Err(Refusal::Halted);
        }
        match turn {
            Turn::Last => line.push_back(who),
            Turn::First => line.push_front(who),
        }
        Ok(None)
    }

    /// A buffer, if there is one and nobody waits.
    pub(crate) fn try_lease(self: &Arc<Self>, len: usize) -> Option<Lease> {
        if !self.line().is_empty() {
            return None;
        }
        self.pool.try_acquire(len).ok().map(|buffer| Lease::new(buffer, self))
    }

    /// Calls the first in the line: a buffer has come back, or there may be one more.
    pub(crate) fn call_next(&self) {
        loop {
            let Some(first) = self.line().pop_front() else { return };
            let again = Arc::clone(&first);
            if self.pipeline.post(Job::nop(move || again.feed())).is_ok() {
                return;
            }
            first.abandon();
        }
    }

    /// Sends those away whose run has been stopped: what they wait for may be long in coming.
    pub(crate) fn abandon_halted(&self) {
        let mut line = self.line();
        let (halted, others) = line.drain(..).partition(|hungry| hungry.is_halted());
        *line = others;
        drop(line);
        let halted: VecDeque<_> = halted;
        halted.into_iter().for_each(Hungry::abandon);
    }

    fn line(&self) -> MutexGuard<'_, VecDeque<Arc<dyn Hungry>>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A buffer of a budget. When dropped, it goes home, and whoever waits hears of it.
pub(crate) struct Lease {
    /// Only `drop` takes it.
    buffer: Option<PoolBuf>,
    budget: Arc<Budget>,
}

impl Lease {
    fn new(buffer: PoolBuf, budget: &Arc<Budget>) -> Self {
        Self { buffer: Some(buffer), budget: Arc::clone(budget) }
    }
}

impl Deref for Lease {
    type Target = PoolBuf;

    fn deref(&self) -> &PoolBuf {
        self.buffer.as_ref().expect("taken by `drop` only")
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut PoolBuf {
        self.buffer.as_mut().expect("taken by `drop` only")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // At home before anybody is called for it.
        self.buffer = None;
        // In a forked child there is nobody, and locks may be held for ever.
        if !self.budget.pipeline.is_forked() {
            self.budget.call_next();
        }
    }
}
