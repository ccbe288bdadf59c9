//! Which waiters are woken when there is room: threads that wait on a condition, and tasks in a
//! line.
//!
//! A [`Room`], with its [`Line`], is a part of its owner's state, so the owner's lock guards it.
//! The owner knows how much room there is, under the same lock, and tells of each change. Each
//! waiter that enters passes the wake-up on.

use std::collections::BTreeMap;
use std::iter;
use std::mem;

use super::TaskWaker;

#[derive(Default)]
pub(crate) struct Room {
    /// Threads that wait on the owner's condition.
    threads: usize,
    /// One of them has been woken and has not run yet.
    thread_woken: bool,
    /// Tasks that wait.
    pub(crate) line: Line,
    /// If a thread and a task both wait, the next wake-up is a task's: the last one was not.
    tasks_turn: bool,
    /// How many jobs have ended while there was room and no waiter was woken.
    unused: u64,
}

impl Room {
    /// A thread begins to wait.
    pub(crate) fn thread_waits(&mut self) {
        self.threads += 1;
    }

    /// A thread has waited, whether or not it was woken.
    pub(crate) fn thread_came(&mut self) {
        self.threads -= 1;
        self.thread_woken = false;
    }

    /// Whether a task may enter: there is room for it and for all tasks in front of it. Those are
    /// woken then, and it returns how many they are. If there are any, they pass the wake-up on.
    pub(crate) fn turn(&mut self, place: &LinePlace, room: usize) -> Option<usize> {
        let ahead = self.line.ahead(place, room);
        (ahead < room).then(|| self.line.wake_first(ahead))
    }

    /// Whether a thread or a task waits.
    pub(crate) fn has_waiters(&self) -> bool {
        self.threads > 0 || !self.line.is_empty()
    }

    /// Takes note that a job has ended while somebody waits. Wakes a waiter if there `is_much`
    /// room, or after `most` jobs for which there was not. True if the caller is to wake a thread.
    pub(crate) fn job_ended(
        &mut self,
        room: usize,
        is_much: bool,
        is_last: bool,
        most: u64,
    ) -> bool {
        debug_assert!(self.has_waiters(), "the caller has looked");
        if room == 0 {
            return false;
        }
        self.unused += 1;
        let wakes = is_much || self.unused > most;
        if wakes {
            self.unused = 0;
        }
        wakes && self.pass_on(room, is_last)
    }

    /// Wakes the next waiter if there is room, a thread or a task by turns. True if the caller is
    /// to wake a thread.
    ///
    /// A task that is woken may not come. The end of the next job would be the occasion to wake
    /// another. If no job is outstanding, this is the last occasion (`is_last`), and as many
    /// waiters are woken as there is room for.
    pub(crate) fn pass_on(&mut self, room: usize, is_last: bool) -> bool {
        if room == 0 {
            return false;
        }
        let thread = self.threads > 0 && !self.thread_woken;
        let tasks = if is_last { room } else { usize::from(!thread || self.tasks_turn) };
        let woken = self.line.wake_first(tasks);
        self.tasks_turn = woken == 0;
        let wakes = thread && (is_last || woken == 0);
        self.thread_woken |= wakes;
        wakes
    }
}

/// A task's place in a line. A task that has not had to wait has none.
#[derive(Debug, Default)]
pub(crate) struct LinePlace(Option<u64>);

impl LinePlace {
    /// Whether there is none. Then nothing has to be done to leave the line.
    pub(crate) fn is_none(&self) -> bool {
        self.0.is_none()
    }
}

/// Tasks that wait for room, in the order in which they came.
///
/// A wake-up is a hint and reserves nothing: a task that comes and finds no room left stands where
/// it stood. So a task that was woken and is never polled again holds up none that is woken later.
#[derive(Default)]
pub(crate) struct Line {
    /// Tasks that wait and have not been woken, by the number of their place.
    waiting: BTreeMap<u64, TaskWaker>,
    /// The wakers of tasks that count as woken. The thread that gives up the owner's lock next
    /// wakes them.
    woken: Vec<TaskWaker>,
    last: u64,
}

/// How a task left the line.
pub(crate) enum LeaveLine {
    /// It had no place, or had not been woken. Its waker is dropped after the owner's lock has been
    /// given up.
    Waiting(#[expect(dead_code, reason = "only dropped")] Option<TaskWaker>),
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
    pub(crate) fn stand(&mut self, place: &mut LinePlace, waker: TaskWaker) -> Option<TaskWaker> {
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
        self.woken.extend(iter::from_fn(next).take(count));
        self.woken.len() - before
    }

    /// Wakes all tasks of another line with those of this one.
    pub(crate) fn wake_all_of(&mut self, other: &mut Self) {
        self.woken.extend(mem::take(&mut other.waiting).into_values());
    }

    /// The tasks to wake, for the caller that is about to give up the owner's lock.
    #[must_use = "they count as woken, and nobody else wakes them"]
    pub(crate) fn take_woken(&mut self) -> Vec<TaskWaker> {
        mem::take(&mut self.woken)
    }
}
