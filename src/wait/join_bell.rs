//! The bell at which a thread waits for the first of several jobs.

use crate::sync::{Condvar, Mutex, MutexGuard, lock};

/// Rung once, by the first of the jobs that ends. It stays rung.
#[derive(Default)]
pub(crate) struct JoinBell {
    rung: Mutex<bool>,
    ring: Condvar,
}

impl JoinBell {
    pub(crate) fn ring(&self) {
        *lock(&self.rung) = true;
        self.ring.notify_one();
    }

    /// Waits until the bell is rung. `once` waits once, or gives up by returning the guard as an
    /// error. Returns false then.
    pub(crate) fn wait<'a>(
        &'a self,
        mut once: impl FnMut(
            &'a Condvar,
            MutexGuard<'a, bool>,
        ) -> Result<MutexGuard<'a, bool>, MutexGuard<'a, bool>>,
    ) -> bool {
        let mut rung = lock(&self.rung);
        while !*rung {
            match once(&self.ring, rung) {
                Ok(waited) => rung = waited,
                Err(_) => return false,
            }
        }
        true
    }
}
