//! Tasks that stand in line for room, in the order in which they came.
//!
//! The line is a part of its owner's state, so the owner's lock guards it. Under the same lock the
//! owner knows how much room there is. A wake-up is a hint and reserves nothing: a task that comes
//! and finds no room left stands where it stood. So a task that was woken and is never polled
//! again holds up none that is woken later.

use std::collections::BTreeMap;
use std::mem;
use std::task::Waker;

/// A task's place in a line. A task that has not had to wait has none.
#[derive(Debug, Default)]
pub(crate) struct LinePlace(Option<u64>);

impl LinePlace {
    /// Whether there is none. Then nothing has to be done to leave the line.
    pub(crate) fn is_none(&self) -> bool {
        self.0.is_none()
    }
}

#[derive(Default)]
pub(crate) struct Line {
    /// Tasks that wait and have not been woken, by the number of their place.
    waiting: BTreeMap<u64, Waker>,
    /// The wakers of tasks that count as woken. The thread that gives up the owner's lock next
    /// wakes them.
    woken: Vec<Waker>,
    last: u64,
}

/// How a task left the line.
pub(crate) enum LeaveLine {
    /// It had no place, or had not been woken. Its waker is dropped after the owner's lock has been
    /// given up.
    Waiting(#[expect(dead_code, reason = "only dropped")] Option<Waker>),
    /// It had been woken, and passes the wake-up on.
    Woken,
}

impl Line {
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many tasks wait in front of this place, or of a new one. Counts no further than `most`.
    pub(crate) fn ahead(&self, place: &LinePlace, most: usize) -> usize {
        match place.0 {
            None => self.waiting.len().min(most),
            Some(number) => self.waiting.range(..number).take(most).count(),
        }
    }

    /// Takes this place, or a new one behind all others. Returns a waker for the caller to drop
    /// when it has given up the owner's lock.
    pub(crate) fn stand(&mut self, place: &mut LinePlace, waker: Waker) -> Option<Waker> {
        let number = *place.0.get_or_insert_with(|| {
            self.last += 1;
            self.last
        });
        self.waiting.insert(number, waker)
    }

    /// Gives the place up.
    pub(crate) fn leave(&mut self, place: &mut LinePlace) -> LeaveLine {
        let Some(number) = place.0.take() else { return LeaveLine::Waiting(None) };
        match self.waiting.remove(&number) {
            Some(waker) => LeaveLine::Waiting(Some(waker)),
            None => LeaveLine::Woken,
        }
    }

    /// Wakes the first tasks, at most `count`, as soon as the owner's lock has been given up.
    /// Returns how many these are.
    pub(crate) fn wake_first(&mut self, count: usize) -> usize {
        let before = self.woken.len();
        let next = || self.waiting.pop_first().map(|(_, waker)| waker);
        self.woken.extend(std::iter::from_fn(next).take(count));
        self.woken.len() - before
    }

    /// The tasks to wake, for the caller that is about to give up the owner's lock.
    #[must_use = "they count as woken, and nobody else wakes them"]
    pub(crate) fn take_woken(&mut self) -> Vec<Waker> {
        mem::take(&mut self.woken)
    }
}
