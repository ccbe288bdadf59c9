//! What a pool's handles and its buffers own together: the ledger, and a lock around it.
//!
//! In a forked child the lock may be held for ever by a thread that doesn't exist there. So nobody
//! takes it, and buffers that the child drops don't go home. That the last owner's drop frees the
//! slabs without asking is right there too: a thread that was in the middle of something at the
//! fork had, or had borrowed, a share that nobody in the child can drop.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::pool::error::AcquireError;
use crate::pool::ledger::{Ledger, Seat};
use crate::pool::piece::{Home, Piece};
use crate::pool::pool_buf::PoolBuf;
use crate::pool::slabs::{Shortage, Slabs};
use crate::sys::fork::ForkMark;
use crate::wait::limit::WaitLimit;
use crate::wait::worker_mark;

pub(crate) struct Shared {
    fork_mark: ForkMark,
    /// The classes' sizes, in order.
    pub(crate) sizes: Box<[usize]>,
    ledger: Mutex<Ledger>,
}

impl Shared {
    pub(crate) fn new(slabs: Slabs, sizes: Box<[usize]>) -> Self {
        Self { fork_mark: ForkMark::of_this_process(), sizes, ledger: Mutex::new(Ledger::new(slabs)) }
    }

    /// Locks the ledger; `None` in a forked child.
    pub(crate) fn ledger(&self) -> Option<MutexGuard<'_, Ledger>> {
        if self.fork_mark.is_forked() {
            return None;
        }
        Some(self.ledger.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a buffer back.
    pub(crate) fn put(&self, home: Home) {
        if let Some(mut ledger) = self.ledger() {
            ledger.put(home);
        }
    }

    /// Hands a buffer out; waits for it until the deadline, or not at all without one.
    pub(crate) fn acquire(
        self: &Arc<Self>,
        len: usize,
        deadline: Option<WaitLimit>,
    ) -> Result<PoolBuf, AcquireError> {
        let mut ledger = self.ledger().ok_or(AcquireError::Forked)?;
        let class = self.sizes.partition_point(|&size| size < len);
        let Some(&size) = self.sizes.get(class) else {
            return Err(AcquireError::TooLarge { requested: len, largest: self.sizes[class - 1] });
        };
        let refusal = match (ledger.take(class), deadline) {
            (Ok(piece), _) => {
                drop(ledger);
                return Ok(PoolBuf::new(piece, size, Arc::clone(self)));
            }
            (Err(Shortage::NoMemory(error)), _) => AcquireError::NoMemory(error),
            (Err(Shortage::Full), None) => AcquireError::Exhausted,
            (Err(Shortage::Full), Some(_)) if worker_mark::is_any_worker() => {
                AcquireError::InCallback
            }
            (Err(Shortage::Full), Some(deadline)) => {
                let seat = ledger.join(class);
                drop(ledger);
                let piece = self.wait(&seat, deadline)?;
                return Ok(PoolBuf::new(piece, size, Arc::clone(self)));
            }
        };
        ledger.refuse();
        Err(refusal)
    }

    /// Waits at the seat; leaves the line if there is no answer in time.
    fn wait(&self, seat: &Arc<Seat>, deadline: WaitLimit) -> Result<Piece, AcquireError> {
        let mut answer = seat.wait(deadline);
        if answer.is_none() {
            let mut ledger = self.ledger().ok_or(AcquireError::Forked)?;
            if ledger.leave(seat) {
                ledger.refuse();
                return Err(AcquireError::TimedOut);
            }
            drop(ledger);
            // Answered since; it is there already.
            answer = seat.wait(WaitLimit::NEVER);
        }
        answer.expect("an endless wait ends with an answer").map_err(AcquireError::NoMemory)
    }
}
