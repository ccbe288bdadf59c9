//! An AIO context of the kernel, and its end, for which nobody has to wait.
//!
//! io_destroy(2) gives the context's share of `fs.aio-max-nr` back at once. It then takes tens of
//! milliseconds for two grace periods of RCU (`kill_ioctx` and `free_ioctx_users` in the kernel's
//! `fs/aio.c`), whether or not a request was in flight.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::sys::aio::{self as sys, aio_context_t};
use crate::sys::call::Errno;

/// How many contexts of this process are about to end.
static ENDING: AtomicUsize = AtomicUsize::new(0);

/// The longest wait for the end of other contexts. Their end has only to begin. In a forked child
/// the count may stand for threads that don't exist there.
const ENDING_WAIT_MAX: Duration = Duration::from_millis(200);

/// A context, which ends when it is dropped. That takes its time.
pub(super) struct Context(aio_context_t);

impl Context {
    /// Makes a context for so many requests.
    pub(super) fn new(events: u32) -> Result<Self, Errno> {
        sys::io_setup(events).map(Self)
    }

    pub(super) fn id(&self) -> aio_context_t {
        self.0
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // An error would say that there is no such context, which is the wish.
        let _ = sys::io_destroy(self.0);
    }
}

/// A context that gets no more requests, to be dropped where nobody waits.
pub(crate) struct Retired(Option<Context>);

impl Retired {
    pub(super) fn new(context: Context) -> Self {
        ENDING.fetch_add(1, Ordering::AcqRel);
        Self(Some(context))
    }

    /// How many retired contexts there are in this process.
    pub(crate) fn count() -> usize {
        ENDING.load(Ordering::Acquire)
    }

    /// Waits until there are fewer, for a moment, and only if there are any: the requests that are
    /// missing may be theirs. The deadline is set at the first call. True if there are fewer.
    pub(crate) fn wait_for_fewer(deadline: &mut Option<Instant>) -> bool {
        let deadline = *deadline.get_or_insert_with(|| Instant::now() + ENDING_WAIT_MAX);
        let before = Self::count();
        while before > 0 && Instant::now() < deadline {
            if Self::count() < before {
                return true;
            }
            thread::sleep(Duration::from_millis(1));
        }
        false
    }
}

impl Drop for Retired {
    fn drop(&mut self) {
        drop(self.0.take());
        ENDING.fetch_sub(1, Ordering::AcqRel);
    }
}
