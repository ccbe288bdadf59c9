//! Who gets a buffer: the slabs, and the threads that wait in line.
//!
//! Buffers go from hand to hand: what comes home is given to whoever waits for it under the same
//! lock, and only that thread is woken, with its buffer. Between two calls it holds that
//!
//! - nobody in the line waits for a class of which a buffer can be taken, and
//! - the first in line can't be served by mapping memory or cutting an idle slab either,
//!
//! as every call that makes a buffer, a slab or the first place free ends with [`Ledger::serve`].
//! So no wake-up is lost: a thread joins the line under the lock under which it found nothing, and
//! the answer stays at its seat until it looks.
//!
//! Memory for slabs goes to the first in line and to nobody else. What others can still be given
//! are buffers of slabs cut for their class; as these could keep the first waiting for ever, it has
//! one more slab reserved each time it has been overtaken [`PATIENCE`] times. One at a time, and
//! not all at once: those whom it waits for may need a small buffer to give back a large one.

use std::collections::VecDeque;
use std::io;
use std::sync::PoisonError;

use crate::pool::piece::{Home, Piece};
use crate::pool::slabs::{Shortage, Slabs};
use crate::pool::stats::PoolStats;
use crate::sync::{Arc, Condvar, Mutex};
use crate::wait::limit::WaitLimit;

/// How often the first in line is overtaken before a slab is reserved for it.
pub(crate) const PATIENCE: u64 = 64;

/// What a thread that waits is given.
pub(crate) type Answer = io::Result<Piece>;

/// Where a thread waits for its answer. It has a lock of its own, so that whoever is woken does not
/// have to queue for the ledger's.
#[derive(Default)]
pub(crate) struct Seat {
    answer: Mutex<Option<Answer>>,
    answered: Condvar,
}

impl Seat {
    /// Waits for the answer; `None` if it has not come in time.
    pub(crate) fn wait(&self, deadline: WaitLimit) -> Option<Answer> {
        let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if answer.is_some() {
                return answer.take();
            }
            answer = deadline.wait(&self.answered, answer).ok()?;
        }
    }

    fn tell(&self, answer: Answer) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        self.answered.notify_one();
    }
}

struct Waiter {
    class: usize,
    seat: Arc<Seat>,
}

pub(crate) struct Ledger {
    slabs: Slabs,
    line: VecDeque<Waiter>,
    /// How many buffers others got since the first in line is that.
    overtaken: u64,
}

impl Ledger {
    pub(crate) fn new(slabs: Slabs) -> Self {
        Self { slabs, line: VecDeque::new(), overtaken: 0 }
    }

    pub(crate) fn take(&mut self, class: usize) -> Result<Piece, Shortage> {
        if self.line.is_empty() {
            return self.slabs.provide(class);
        }
        let piece = self.slabs.take(class).ok_or(Shortage::Full)?;
        self.overtake();
        Ok(piece)
    }

    /// Joins the line, where nothing could be taken.
    pub(crate) fn join(&mut self, class: usize) -> Arc<Seat> {
        let seat = Arc::<Seat>::default();
        self.line.push_back(Waiter { class, seat: Arc::clone(&seat) });
        self.slabs.tally.waits += 1;
        seat
    }

    /// Leaves the line; `false` if the answer is at the seat.
    pub(crate) fn leave(&mut self, seat: &Arc<Seat>) -> bool {
        let Some(place) = self.line.iter().position(|waiter| Arc::ptr_eq(&waiter.seat, seat))
        else {
            return false;
        };
        if place == 0 {
            self.pop_first();
            self.serve();
        } else {
            self.line.remove(place);
        }
        true
    }

    pub(crate) fn put(&mut self, home: Home) {
        self.slabs.put(home);
        if !self.line.is_empty() {
            self.serve();
        }
    }

    /// Unmaps one slab whose buffers are all home, and returns its length.
    pub(crate) fn unmap_one(&mut self) -> Option<usize> {
        // What the first in line could be given is not changed by this: idle bytes become room.
        self.slabs.unmap_one()
    }

    /// Counts an acquisition that got nothing.
    pub(crate) fn refuse(&mut self) {
        self.slabs.tally.refused += 1;
    }

    pub(crate) fn stats(&self) -> PoolStats {
        PoolStats { waiting: self.line.len(), ..self.slabs.tally }
    }

    pub(crate) fn slabs(&self) -> &Slabs {
        &self.slabs
    }

    /// Gives what there is to those who wait.
    fn serve(&mut self) {
        while let Some(first) = self.line.front() {
            let answer = match self.slabs.provide(first.class) {
                Ok(piece) => Ok(piece),
                Err(Shortage::Full) => break,
                Err(Shortage::NoMemory(error)) => {
                    self.refuse();
                    Err(error)
                }
            };
            self.pop_first().tell(answer);
        }
        let mut place = 1;
        while let Some(waiter) = self.line.get(place) {
            match self.slabs.take(waiter.class) {
                Some(piece) => {
                    waiter.seat.tell(Ok(piece));
                    self.line.remove(place);
                    self.overtake();
                }
                None => place += 1,
            }
        }
    }

    /// Takes the first out of the line; what was reserved for it is free for all.
    fn pop_first(&mut self) -> Arc<Seat> {
        self.overtaken = 0;
        self.slabs.release_reserved();
        self.line.pop_front().expect("somebody is first").seat
    }

    fn overtake(&mut self) {
        self.overtaken += 1;
        if self.overtaken.is_multiple_of(PATIENCE)
            && let Some(first) = self.line.front()
        {
            self.slabs.reserve_one(first.class);
        }
    }
}
