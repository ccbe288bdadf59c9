//! Models: a few threads run the crate's own state machines, and loom tries every order that these
//! threads can take, under the rules of the C11 memory model. A wake-up that is lost shows as a
//! deadlock.
//!
//! The models are built with `--cfg loom`, which puts loom's primitives in the place of the
//! standard library's (`crate::sync`); `.ci/models` runs them. A model has the crate's own types,
//! and around them the least that their callers are for them. Callers with a mistake show that
//! loom finds such mistakes. `.ci/models` also puts mistakes into the crate's own code, one at a
//! time, and a model has to find each.

mod engine;
mod handle;
mod pipeline;
mod queue;
mod room;
mod scope;
mod sleepers;
mod slots;

use std::sync::Arc;
use std::task::{Wake, Waker};

use crate::sync::{Condvar, Mutex};

/// A task with a thread of its own, which its waker wakes.
#[derive(Default)]
struct Task {
    woken: Mutex<bool>,
    wakes: Condvar,
}

impl Task {
    fn new() -> (Arc<Self>, Waker) {
        let task = Arc::new(Self::default());
        (Arc::clone(&task), Waker::from(task))
    }

    /// Sleeps until it is woken. If that never happens, loom finds a deadlock.
    fn sleep(&self) {
        let mut woken = self.woken.lock().unwrap();
        while !*woken {
            woken = self.wakes.wait(woken).unwrap();
        }
        *woken = false;
    }

    fn was_woken(&self) -> bool {
        *self.woken.lock().unwrap()
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        *self.woken.lock().unwrap() = true;
        self.wakes.notify_one();
    }
}

/// Tries the schedules with at most this many preemptions: switches away from a thread that could
/// go on. All of them are too many for the larger models, and few mistakes need more.
/// `LOOM_MAX_PREEMPTIONS` and the other variables of loom's documentation take precedence.
fn explore(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(preemptions));
    builder.check(model);
}
