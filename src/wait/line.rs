//! Tasks that stand in line for room, the first to come in front.
//!
//! The line is kept under somebody's lock, and by the same lock that person knows how much room
//! there is. A call is a hint and reserves nothing: who comes and finds the room gone stands where
//! it stood. So a task that was called and is polled no more holds up nobody who is called later.

use std::collections::BTreeMap;
use std::mem;
use std::task::Waker;

/// A task's place in a line. There is none before it has had to wait.
#[derive(Debug, Default)]
pub(crate) struct Place(Option<u64>);

impl Place {
    /// Whether there is none: nothing has to be seen to then.
    pub(crate) fn is_none(&self) -> bool {
        self.0.is_none()
    }
}

#[derive(Default)]
pub(crate) struct Line {
    /// Those who wait and have not been called, by when they came.
    waiting: BTreeMap<u64, Waker>,
    /// Those who have been called and are to be woken by whoever gives the lock up.
    called: Vec<Waker>,
    last: u64,
}

/// What a task that gives its place up has to see to.
pub(crate) enum Leave {
    /// It had none, or nobody had called it. Its waker is dropped when the lock has been given up.
    Waiting(#[expect(dead_code, reason = "only dropped")] Option<Waker>),
    /// It had been called: the call is to be passed on.
    Called,
}

impl Line {
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many wait in front of this place, or of a new one; no more than `most` are counted.
    pub(crate) fn ahead(&self, place: &Place, most: usize) -> usize {
        match place.0 {
            None => self.waiting.len().min(most),
            Some(number) => self.waiting.range(..number).take(most).count(),
        }
    }

    /// Takes this place, or a new one behind all others. Returns a waker to be dropped when the lock
    /// has been given up.
    pub(crate) fn stand(&mut self, place: &mut Place, waker: Waker) -> Option<Waker> {
        let number = *place.0.get_or_insert_with(|| {
            self.last += 1;
            self.last
        });
        self.waiting.insert(number, waker)
    }

    /// Gives the place up.
    pub(crate) fn leave(&mut self, place: &mut Place) -> Leave {
        let Some(number) = place.0.take() else { return Leave::Waiting(None) };
        match self.waiting.remove(&number) {
            Some(waker) => Leave::Waiting(Some(waker)),
            None => Leave::Called,
        }
    }

    /// Calls the first, as many as there are, `count` at most; returns how many.
    pub(crate) fn call(&mut self, count: usize) -> usize {
        let before = self.called.len();
        let next = || self.waiting.pop_first().map(|(_, waker)| waker);
        self.called.extend(std::iter::from_fn(next).take(count));
        self.called.len() - before
    }

    /// Those who are to be woken, after the lock has been given up.
    #[must_use = "they have been called and are not called again"]
    pub(crate) fn take_called(&mut self) -> Vec<Waker> {
        mem::take(&mut self.called)
    }
}
