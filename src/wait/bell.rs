//! Where a thread waits for the first of several jobs.

use std::sync::PoisonError;

use crate::sync::{Condvar, Mutex, MutexGuard};

#[derive(Default)]
pub(crate) struct Bell {
    rung: Mutex<bool>,
    ring: Condvar,
}

impl Bell {
    pub(crate) fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.ring.notify_one();
    }

    /// Waits until the bell is rung, as often as it takes; `once` waits once, or returns the guard
    /// as an error to give up. False then.
    pub(crate) fn wait<'a>(
        &'a self,
        mut once: impl FnMut(
            &'a Condvar,
            MutexGuard<'a, bool>,
        ) -> Result<MutexGuard<'a, bool>, MutexGuard<'a, bool>>,
    ) -> bool {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        while !*rung {
            match once(&self.ring, rung) {
                Ok(waited) => rung = waited,
                Err(_) => return false,
            }
        }
        true
    }
}
