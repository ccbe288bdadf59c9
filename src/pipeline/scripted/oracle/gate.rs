//! Holds callbacks until the program lets them go on.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::super::HANG;

#[derive(Default)]
pub(super) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// How many callbacks are held and may not go on yet.
    held: usize,
    /// How often the held callbacks were released.
    releases: u64,
    open: bool,
}

impl Gate {
    /// How many callbacks are held.
    pub(super) fn held(&self) -> usize {
        self.lock().held
    }

    pub(super) fn hold(&self) {
        let mut state = self.lock();
        if state.open {
            return;
        }
        state.held += 1;
        let releases = state.releases;
        let is_held = |state: &mut State| state.releases == releases;
        let (_state, wait) = self.changed.wait_timeout_while(state, HANG, is_held).unwrap();
        assert!(!wait.timed_out(), "nobody lets callbacks go on");
    }

    pub(super) fn release(&self) {
        let mut state = self.lock();
        state.held = 0;
        state.releases += 1;
        drop(state);
        self.changed.notify_all();
    }

    /// Releases all callbacks, and holds none from now on.
    pub(super) fn open(&self) {
        self.lock().open = true;
        self.release();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
