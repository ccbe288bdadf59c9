//! The limit of a wait on a condition.

use std::sync::PoisonError;
use std::time::Duration;

use crate::sync::{Condvar, Instant, MutexGuard};

/// The moment at which a wait ends; there may be none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WaitLimit(Option<Instant>);

impl WaitLimit {
    pub(crate) const NEVER: Self = Self(None);

    /// A limit beyond the clock's range is none.
    pub(crate) fn after(limit: Duration) -> Self {
        Self(Instant::now().checked_add(limit))
    }

    /// The time until the wait ends; `None` if it never does.
    pub(crate) fn left(self) -> Option<Duration> {
        self.0.map(|instant| instant.saturating_duration_since(Instant::now()))
    }

    /// Waits once: until the condition is signalled, or the limit comes, or spuriously. Returns the
    /// guard as an error if the limit had come before.
    pub(crate) fn wait<'a, T>(
        self,
        condition: &Condvar,
        guard: MutexGuard<'a, T>,
    ) -> Result<MutexGuard<'a, T>, MutexGuard<'a, T>> {
        let Some(instant) = self.0 else {
            return Ok(condition.wait(guard).unwrap_or_else(PoisonError::into_inner));
        };
        let left = instant.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(guard);
        }
        let waited = condition.wait_timeout(guard, left);
        Ok(waited.unwrap_or_else(PoisonError::into_inner).0)
    }
}
