//! Callbacks' panics: counted, and reported to the panic handler.

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::engine::operation::Operation;
use crate::unwind::{Payload, catch, discard, message};

/// A callback's panic, as the [panic handler](crate::Builder::panic_handler) gets it.
#[derive(Debug)]
#[non_exhaustive]
pub struct CallbackPanic<'a> {
    /// The value that the callback panicked with.
    pub payload: &'a (dyn Any + Send),
    /// The operation of its job.
    pub operation: Operation,
    /// The offset of its job, in bytes.
    pub offset: u64,
}

impl CallbackPanic<'_> {
    /// The panic's message, if it had one, as those of `panic!` do.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        message(self.payload)
    }
}

impl fmt::Display for CallbackPanic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = self.message().unwrap_or("(no message)");
        write!(
            f,
            "the callback of a {} at offset {} panicked: {message}",
            self.operation, self.offset
        )
    }
}

pub(crate) type PanicHandler = Box<dyn Fn(&CallbackPanic<'_>) + Send + Sync>;

/// Where callbacks' panics are counted and reported.
pub(crate) struct PanicSink {
    handler: Option<PanicHandler>,
    count: AtomicU64,
}

impl PanicSink {
    pub(crate) fn new(handler: Option<PanicHandler>) -> Self {
        Self { handler, count: AtomicU64::new(0) }
    }

    pub(crate) fn count(&self) -> u64 {
        // Relaxed: this counter orders nothing.
        self.count.load(Ordering::Relaxed)
    }

    pub(crate) fn report(&self, payload: &Payload, operation: Operation, offset: u64) {
        self.count.fetch_add(1, Ordering::Relaxed);
        if let Some(handler) = &self.handler {
            let panic = CallbackPanic { payload: &**payload, operation, offset };
            if let Err(second) = catch(|| handler(&panic)) {
                discard(second);
            }
        }
    }
}
