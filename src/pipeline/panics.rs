//! Callbacks' panics: counted, and reported to the panic handler.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::engine::operation::Operation;
use crate::sync::{Mutex, lock};
use crate::unwind::{Payload, catch, discard, message};

/// A callback's panic, as the [panic handler](crate::Builder::panic_handler) gets it.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
/// use reapool::{CallbackPanic, Dispatcher, Job};
///
/// # std::panic::set_hook(Box::new(|_| ()));
/// let (report, reports) = mpsc::channel();
/// let handler = move |panic: &CallbackPanic<'_>| _ = report.send(panic.to_string());
/// let dispatcher = Dispatcher::builder().panic_handler(handler).build()?;
/// let file = std::fs::File::open("Cargo.toml")?;
/// dispatcher.submit(Job::read(file, vec![0; 9], 64, |_| panic!("no such planet")))?;
/// let line = "the callback of a read at offset 64 panicked: no such planet";
/// assert_eq!(reports.recv()?, line);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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

pub(crate) type PanicHandler = Arc<dyn Fn(&CallbackPanic<'_>) + Send + Sync>;

/// Where callbacks' panics are counted and reported.
pub(crate) struct PanicSink {
    /// Until the dispatcher ends. Threads and submitters share the sink for longer, and the reaper,
    /// which must not run the handler's destructor, is often the last. A handler may also hold a
    /// submitter of its own dispatcher, which holds the sink.
    handler: Mutex<Option<PanicHandler>>,
    count: AtomicU64,
}

impl PanicSink {
    pub(crate) fn new(handler: Option<PanicHandler>) -> Self {
        Self { handler: Mutex::new(handler), count: AtomicU64::new(0) }
    }

    pub(crate) fn count(&self) -> u64 {
        // Relaxed: this counter orders nothing.
        self.count.load(Ordering::Relaxed)
    }

    pub(crate) fn report(&self, payload: &Payload, operation: Operation, offset: u64) {
        self.count.fetch_add(1, Ordering::Relaxed);
        let Some(handler) = lock(&self.handler).clone() else { return };
        let panic = CallbackPanic { payload: &**payload, operation, offset };
        if let Err(second) = catch(|| handler(&panic)) {
            discard(second);
        }
        // This may be the last share.
        drop_handler(handler);
    }

    /// Drops the handler, on the calling thread, when no callback will run any more.
    pub(super) fn end(&self) {
        // The lock is given up before the destructor runs.
        let handler = lock(&self.handler).take();
        if let Some(handler) = handler {
            drop_handler(handler);
        }
    }
}

/// Drops a share of the handler. The destructor is users' code.
fn drop_handler(handler: PanicHandler) {
    if let Err(panic) = catch(|| drop(handler)) {
        discard(panic);
    }
}
