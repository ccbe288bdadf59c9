//! Who is called when there is room: threads that wait on a condition, and tasks in a line.
//!
//! Kept under the lock by which its owner also knows how much room there is, and who tells of each
//! change. That, and that whoever enters passes the call on, is all that a model has to imitate.

use super::line::{Line, Place};

#[derive(Default)]
pub(crate) struct Room {
    /// Threads that wait on the owner's condition.
    threads: usize,
    /// One of them has been woken and has not run yet.
    thread_called: bool,
    /// Tasks that wait. Who calls some wakes them when the lock has been given up.
    pub(crate) line: Line,
    /// Of a thread and a task that both wait, it was not a task that was called last.
    tasks_turn: bool,
    /// How many jobs have ended while there was room and nobody was called.
    unused: u64,
}

impl Room {
    /// A thread begins to wait.
    pub(crate) fn thread_waits(&mut self) {
        self.threads += 1;
    }

    /// A thread has waited, and has been called or not.
    pub(crate) fn thread_came(&mut self) {
        self.threads -= 1;
        self.thread_called = false;
    }

    /// Whether a task may enter: there is room for it and for all who wait in front of it, who are
    /// called then, and of whom it returns how many there are. If there are any, they pass the call on.
    pub(crate) fn turn(&mut self, place: &Place, room: usize) -> Option<usize> {
        let ahead = self.line.ahead(place, room);
        (ahead < room).then(|| self.line.call(ahead))
    }

    /// Takes note that a job has ended, and calls somebody if there `is_much` room, or after `most`
    /// jobs for which there was not. True if a thread is to be woken.
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
        let calls = is_much || self.unused > most;
        if calls {
            self.unused = 0;
        }
        calls && self.pass_on(room, is_last)
    }

    /// Calls the next if there is room, a thread or a task by turns. True if a thread is to be woken.
    ///
    /// A task that is called may not come, so if no job is outstanding whose end would be the next
    /// occasion, this one `is_last`, and as many are called as there is room for.
    pub(crate) fn pass_on(&mut self, room: usize, is_last: bool) -> bool {
        if room == 0 {
            return false;
        }
        let thread = self.threads > 0 && !self.thread_called;
        let tasks = if is_last { room } else { usize::from(!thread || self.tasks_turn) };
        let called = self.line.call(tasks);
        self.tasks_turn = called == 0;
        let wakes = thread && (is_last || called == 0);
        self.thread_called |= wakes;
        wakes
    }
}
