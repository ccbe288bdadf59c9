//! A context of the kernel's, and its end, for which nobody has to wait.
//!
//! io_destroy(2) gives back at once what counts against `fs.aio-max-nr`, and then takes tens of
//! milliseconds for two grace periods of RCU (`kill_ioctx` and `free_ioctx_users` in the kernel's
//! `fs/aio.c`), whether or not there was anything in flight.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::sys::aio::{self as sys, aio_context_t};
use crate::sys::call::Errno;

/// How many contexts of this process are on their way out.
static LEAVING: AtomicUsize = AtomicUsize::new(0);

/// For so long the end of other contexts is waited for. It has only to begin; in a forked child the
/// count may stand for threads that don't exist.
const PATIENCE: Duration = Duration::from_millis(200);

/// Ended when dropped, which takes its time.
pub(super) struct Context(aio_context_t);

impl Context {
    /// For so many requests.
    pub(super) fn new(events: u32) -> Result<Self, Errno> {
        sys::io_setup(events).map(Self)
    }

    pub(super) fn id(&self) -> aio_context_t {
        self.0
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // An error would say that there is no such context, which is what is wanted.
        let _ = sys::io_destroy(self.0);
    }
}

/// A context that nothing is asked of any more, to be dropped where nobody waits.
pub(crate) struct Retired(Option<Context>);

impl Retired {
    pub(super) fn new(context: Context) -> Self {
        LEAVING.fetch_add(1, Ordering::AcqRel);
        Self(Some(context))
    }

    /// How many there are in this process.
    pub(crate) fn count() -> usize {
        LEAVING.load(Ordering::Acquire)
    }

    /// Waits for a little until there are fewer, if there are any: what they count for may be what is
    /// missing.
    pub(crate) fn wait_for_fewer(deadline: &mut Option<Instant>) -> bool {
        let deadline = *deadline.get_or_insert_with(|| Instant::now() + PATIENCE);
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
        LEAVING.fetch_sub(1, Ordering::AcqRel);
    }
}
