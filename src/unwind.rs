//! Panics: those of users' code are caught, those of the crate's own threads abort the process.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;

/// The value that a panic was raised with.
pub(crate) type Payload = Box<dyn Any + Send>;

/// The message of a panic, if it had one.
pub(crate) fn message(payload: &(dyn Any + Send)) -> Option<&str> {
    let text = payload.downcast_ref::<&'static str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

/// In a model a panic is how loom reports a failure: nothing may catch it, or abort for it.
const IS_MODEL: bool = cfg!(all(test, loom));

/// Runs users' code, and catches its panic. The code may leave a value half-changed. Only others
/// with whom it shares the value can see that, and they share it through types that take care of
/// it.
pub(crate) fn catch<R>(user: impl FnOnce() -> R) -> Result<R, Payload> {
    if IS_MODEL {
        return Ok(user());
    }
    catch_unwind(AssertUnwindSafe(user))
}

/// Drops a payload that nobody wants. Its destructor is users' code, too. If the destructor panics,
/// the payload of that panic is leaked: to drop it could panic again, and so on.
pub(crate) fn discard(payload: Payload) {
    if let Err(worse) = catch(|| drop(payload)) {
        mem::forget(worse);
    }
}

/// Runs users' code whose panic nobody wants.
pub(crate) fn ignore_panic(user: impl FnOnce()) {
    if let Err(payload) = catch(user) {
        discard(payload);
    }
}

/// Aborts the process if it is dropped while its thread unwinds. Without one of the crate's own
/// threads, every wait would hang.
pub(crate) struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        if std::thread::panicking() && !IS_MODEL {
            process::abort();
        }
    }
}
