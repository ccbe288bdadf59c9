//! The memory of all streams, and the queue of those that wait for some.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use crate::job::Job;
use crate::pipeline::Pipeline;
use crate::pool::BufferPool;
use crate::pool::error::AcquireError;
use crate::pool::pool_buf::PoolBuf;
use crate::streams::error::{Halt, StreamError};
use crate::sync::{Mutex, lock};

/// A stream that waits for memory.
pub(crate) trait Waiter: Send + Sync {
    /// Asks again for memory, now as the first. On a worker.
    fn retry(self: Arc<Self>);

    /// Why nobody wants the stream any more, if that is so.
    fn halted(&self) -> Option<Halt>;

    /// Waits no longer: nobody wants the stream, or the dispatcher takes no more jobs.
    fn abandon(self: Arc<Self>);
}

/// Where a stream stands in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Behind all that wait.
    Back,
    /// Before all that wait: it has waited, and was called.
    Front,
}

/// Has the kind of the system's error, if it is the system that has no memory.
pub(crate) fn as_io_error(error: AcquireError) -> io::Error {
    let kind = match &error {
        AcquireError::NoMemory(source) => source.kind(),
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

/// Leases buffers of one pool. When there are none, it serves streams in the order in which they
/// asked.
pub(crate) struct Budget {
    pool: BufferPool,
    pipeline: Arc<Pipeline>,
    waiters: Mutex<VecDeque<Arc<dyn Waiter>>>,
    /// How often a stream had to wait.
    waits: AtomicU64,
}

impl Budget {
    pub(crate) fn new(pool: BufferPool, pipeline: Arc<Pipeline>) -> Arc<Self> {
        Arc::new_cyclic(|own: &Weak<Self>| {
            let own = own.clone();
            pool.on_return(move || own.upgrade().iter().for_each(|budget| budget.call_next()));
            let (waiters, waits) = (Mutex::new(VecDeque::new()), AtomicU64::new(0));
            Self { pool, pipeline, waiters, waits }
        })
    }

    /// A buffer of at least `len` bytes. `None` if there is none: then the stream is in the queue,
    /// and is called when a buffer comes back. One will: as long as there is none, some are leased,
    /// and a stream that waits holds none that others need to get on. So it is if the system has no
    /// memory for another buffer. An error if the stream gets no memory, now or later.
    pub(crate) fn lease(
        &self,
        len: usize,
        place: Place,
        waiter: impl FnOnce() -> Arc<dyn Waiter>,
    ) -> Result<Option<PoolBuf>, StreamError> {
        let mut waiters = lock(&self.waiters);
        if place == Place::Front || waiters.is_empty() {
            // Under the lock: a buffer that comes back later finds this stream in the queue.
            match self.pool.try_acquire(len) {
                Ok(buffer) => return Ok(Some(buffer)),
                Err(AcquireError::Exhausted) => {}
                Err(AcquireError::NoMemory(_)) if self.pool.stats().buffers_out > 0 => {}
                Err(error) => return Err(as_io_error(error).into()),
            }
        }
        let waiter = waiter();
        // Under the lock, too: a thread that halts the stream later finds it in the queue.
        if let Some(halt) = waiter.halted() {
            return Err(StreamError::Halted(halt));
        }
        match place {
            Place::Back => {
                self.waits.fetch_add(1, Ordering::Relaxed);
                waiters.push_back(waiter);
            }
            Place::Front => waiters.push_front(waiter),
        }
        Ok(None)
    }

    /// How often a stream had to wait for memory.
    pub(crate) fn waits(&self) -> u64 {
        self.waits.load(Ordering::Relaxed)
    }

    /// Has a job carried out for a stream. It comes back if the dispatcher takes no more jobs.
    pub(crate) fn post(&self, job: Job) -> Result<(), Job> {
        self.pipeline.post(job)
    }

    /// The largest buffer that there is, in bytes.
    pub(crate) fn largest(&self) -> usize {
        self.pool.classes().last().copied().unwrap_or(0)
    }

    /// A buffer, if there is one and no stream waits.
    pub(crate) fn try_lease(&self, len: usize) -> Option<PoolBuf> {
        if !lock(&self.waiters).is_empty() {
            return None;
        }
        self.pool.try_acquire(len).ok()
    }

    /// Calls the first stream in the queue: a buffer has come back, or there may be one more.
    pub(crate) fn call_next(&self) {
        loop {
            let Some(first) = lock(&self.waiters).pop_front() else { return };
            let again = Arc::clone(&first);
            if self.pipeline.post(Job::nop(move || again.retry())).is_ok() {
                return;
            }
            first.abandon();
        }
    }

    /// Has halted streams leave the queue: the memory that they wait for may be long in
    /// coming.
    pub(crate) fn abandon_halted(&self) {
        let mut waiters = lock(&self.waiters);
        let (halted, others): (VecDeque<_>, _) =
            waiters.drain(..).partition(|waiter| waiter.halted().is_some());
        *waiters = others;
        drop(waiters);
        halted.into_iter().for_each(Waiter::abandon);
    }
}
