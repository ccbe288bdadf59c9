//! Waiting: limits, lines, parking spots and bells, all of which know nothing of jobs.
//!
//! A job's value gets to its handle by a `delivery`, as does a pool's buffer to its waiter. Callers
//! wait for `room`, tasks among them in a line. Workers wait as `sleepers`, a scope's owner for its
//! `headcount`. A dispatcher's threads may be `waiting_threads`, all but one, for results of its
//! own runs. `src/pipeline/models` runs all of these with loom's primitives in every order that a
//! few threads can take.

pub(crate) mod delivery;
pub(crate) mod headcount;
pub(crate) mod limit;
pub(crate) mod room;
pub(crate) mod sleepers;
pub(crate) mod waiting_threads;
pub(crate) mod worker_mark;

use std::task::Waker;

use crate::unwind::ignore_panic;

/// The waker of a task that waits.
///
/// To clone, wake or drop a waker runs code of the executor's. So none of these happens under a
/// lock. A waker that panics must cost no job anything, so the panic of waking or dropping it ends
/// here. The panic hook has been called then. Only a panic of cloning it goes on, to the task that
/// polls: nobody could wake that.
pub(crate) struct TaskWaker(Option<Waker>);

impl TaskWaker {
    pub(crate) fn of(task: &Waker) -> Self {
        Self(Some(task.clone()))
    }

    pub(crate) fn will_wake(&self, task: &Waker) -> bool {
        self.0.as_ref().is_some_and(|waker| waker.will_wake(task))
    }
}

impl Drop for TaskWaker {
    fn drop(&mut self) {
        let waker = self.0.take();
        ignore_panic(|| drop(waker));
    }
}

/// Wakes tasks. Never under a lock.
pub(crate) fn wake(tasks: impl IntoIterator<Item = TaskWaker>) {
    for mut task in tasks {
        if let Some(waker) = task.0.take() {
            ignore_panic(|| waker.wake());
        }
    }
}
