//! A value that threads may pass on, but none of them can look at without owning it.

#![expect(unsafe_code, reason = "shares a value that nobody can look at")]

use std::panic::{RefUnwindSafe, UnwindSafe};

/// Makes a value `Sync`, by giving no access through a shared reference.
pub(super) struct NotShared<T>(T);

impl<T> NotShared<T> {
    pub(super) fn new(value: T) -> Self {
        Self(value)
    }

    pub(super) fn into_inner(self) -> T {
        self.0
    }
}

// SAFETY: a shared reference gives no access to the value. The field is private, `new` and
// `into_inner` take and give the value as owner, and no trait implementation looks at it.
unsafe impl<T> Sync for NotShared<T> {}

// For the same reason nobody can see a value that a panic has left half changed.
impl<T> UnwindSafe for NotShared<T> {}
impl<T> RefUnwindSafe for NotShared<T> {}
