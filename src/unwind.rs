//! Panics: users' are caught, counted and reported; our own threads' abort.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;

/// What a panic was raised with.
pub(crate) type Payload = Box<dyn Any + Send>;

/// What a panic's message was, if it had one.
pub(crate) fn message(payload: &(dyn Any + Send)) -> Option<&str> {
    let text = payload.downcast_ref::<&'static str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

/// In a model a panic is how loom reports a failure: nothing may catch it, or abort for it.
const IS_MODEL: bool = cfg!(all(test, loom));

/// Runs users' code. What it shared with others can be seen half-changed afterwards only by these
/// others, who share it through types that take care of that.
pub(crate) fn catch<R>(user: impl FnOnce() -> R) -> Result<R, Payload> {
    if IS_MODEL {
        return Ok(user());
    }
    catch_unwind(AssertUnwindSafe(user))
}

/// Drops a payload that nobody wants. Its destructor is users' code too: if that panics, what it
/// panicked with is leaked, as dropping it could go on like this.
pub(crate) fn discard(payload: Payload) {
    if let Err(worse) = catch(|| drop(payload)) {
        mem::forget(worse);
    }
}

/// Aborts the process if dropped while a thread of ours unwinds: without it every wait would hang.
pub(crate) struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        if std::thread::panicking() && !IS_MODEL {
            process::abort();
        }
    }
}
