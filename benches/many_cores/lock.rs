//! The lock of the books, as the standard library's is: a thread that finds it held spins for a
//! moment and then sleeps. Who gives it up wakes one that sleeps, and a thread that comes first
//! takes it.

use std::collections::VecDeque;

/// A thread by its number.
pub(crate) type ThreadId = usize;

#[derive(Default)]
pub(crate) struct Lock {
    holder: Option<ThreadId>,
    /// Threads may sleep for it: who gives it up wakes one, and who comes does not spin.
    contended: bool,
    spinning: VecDeque<Waiter>,
    sleeping: VecDeque<ThreadId>,
    last: Option<ThreadId>,
    tickets: u64,
    /// How often it was taken, and how often a thread slept for it.
    pub(crate) taken: u64,
    pub(crate) slept: u64,
}

struct Waiter {
    thread: ThreadId,
    ticket: u64,
    /// It has slept, so others may.
    woken: bool,
}

/// What becomes of a thread that wants the lock.
pub(crate) enum Answer {
    Has,
    /// It spins until it gets the lock, or until it gives up, by this ticket.
    Spins(u64),
    Sleeps,
}

/// Who goes on when the lock is given up.
pub(crate) struct GivenUp {
    /// A thread that was spinning has the lock.
    pub(crate) next: Option<ThreadId>,
    /// A thread that was sleeping is on its way.
    pub(crate) woken: Option<ThreadId>,
}

impl Lock {
    pub(crate) fn want(&mut self, thread: ThreadId, woken: bool) -> Answer {
        if self.holder.is_none() {
            self.take(thread, woken);
            return Answer::Has;
        }
        if self.contended {
            return self.sleep(thread);
        }
        self.tickets += 1;
        self.spinning.push_back(Waiter { thread, ticket: self.tickets, woken });
        Answer::Spins(self.tickets)
    }

    /// Has a thread sleep that has spun long enough. False if it has got the lock meanwhile.
    pub(crate) fn give_up_spinning(&mut self, ticket: u64) -> bool {
        let Some(place) = self.spinning.iter().position(|waiter| waiter.ticket == ticket) else {
            return false;
        };
        let waiter = self.spinning.remove(place).unwrap();
        self.sleep(waiter.thread);
        true
    }

    /// Whether this thread's core has not got the lines that the lock guards.
    pub(crate) fn comes_from_elsewhere(&self, thread: ThreadId) -> bool {
        self.last.is_some_and(|last| last != thread)
    }

    pub(crate) fn give_up(&mut self) -> GivenUp {
        self.last = self.holder.take();
        let woken =
            if std::mem::take(&mut self.contended) { self.sleeping.pop_front() } else { None };
        let next = self.spinning.pop_front().map(|waiter| {
            self.take(waiter.thread, waiter.woken);
            waiter.thread
        });
        GivenUp { next, woken }
    }

    fn take(&mut self, thread: ThreadId, woken: bool) {
        self.holder = Some(thread);
        self.taken += 1;
        self.contended |= woken;
    }

    fn sleep(&mut self, thread: ThreadId) -> Answer {
        self.contended = true;
        self.slept += 1;
        self.sleeping.push_back(thread);
        Answer::Sleeps
    }
}
