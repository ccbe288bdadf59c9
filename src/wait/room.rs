//! Which waiters are woken when there is room: threads that wait on a condition, and tasks in a
//! line.
//!
//! A [`Room`] is a part of its owner's state. The owner knows how much room there is, under the
//! same lock, and tells of each change. Each waiter that enters passes the wake-up on.

use super::line::{Line, LinePlace};

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

    /// Takes note that a job has ended. Wakes a waiter if there `is_much` room, or after `most`
    /// jobs for which there was not. True if the caller is to wake a thread.
    pub(crate) fn job_ended(
        &mut self,
        room: usize,
        is_much: bool,
        is_last: bool,
        most: u64,
    ) -> bool {
        if room == 0 || self.threads == 0 && self.line.is_empty() {
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
