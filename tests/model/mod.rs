//! What the models share: a task that is woken, with locks whose every schedule is tried.

#![allow(dead_code, reason = "each model uses a part")]

pub(crate) mod sync;

use std::sync::Arc;
use std::task::{Wake, Waker};

use loom::sync::{Condvar, Mutex};

/// A task of its own thread: its waker wakes that.
#[derive(Default)]
pub(crate) struct Task {
    woken: Mutex<bool>,
    wakes: Condvar,
}

impl Task {
    pub(crate) fn new() -> (Arc<Self>, Waker) {
        let task = Arc::new(Self::default());
        (Arc::clone(&task), Waker::from(task))
    }

    /// Sleeps until it is woken. If that never happens, loom finds a deadlock.
    pub(crate) fn sleep(&self) {
        let mut woken = self.woken.lock().unwrap();
        while !*woken {
            woken = self.wakes.wait(woken).unwrap();
        }
        *woken = false;
    }

    pub(crate) fn was_woken(&self) -> bool {
        *self.woken.lock().unwrap()
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        *self.woken.lock().unwrap() = true;
        self.wakes.notify_one();
    }
}

/// Wakes who has been called.
pub(crate) fn wake(called: impl IntoIterator<Item = Waker>) {
    called.into_iter().for_each(Waker::wake);
}

/// Explores schedules with so many preemptions at most, which keeps each model to a second or two.
/// `LOOM_MAX_PREEMPTIONS` and the other variables of loom's documentation take precedence.
pub(crate) fn explore(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(preemptions));
    builder.check(model);
}
