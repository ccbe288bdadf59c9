//! Which dispatcher's callback, if any, the calling thread is running.
//!
//! A wait for jobs asks this first: in a callback of the same dispatcher the thread might wait for
//! itself.

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;

use crate::sync::thread_local;

// None of these has a destructor, so they are there as long as the thread is. An event loop may be
// run when other thread-local values are being destroyed.
thread_local! {
    /// The address of the pipeline whose callback this thread runs; 0 on threads that run none.
    static WORKER_OF: Cell<usize> = const { Cell::new(0) };
    /// The pipelines whose callbacks are under way further out on the stack: a callback may give an
    /// event loop its turn. It has no memory when there are none.
    static OUTER: ManuallyDrop<RefCell<Vec<usize>>> =
        const { ManuallyDrop::new(RefCell::new(Vec::new())) };
    /// Whether the callback that this thread runs has submitted something.
    static HAS_SUBMITTED: Cell<bool> = const { Cell::new(false) };
}

/// Whether the calling thread runs a callback of the dispatcher with this address.
pub(crate) fn is_worker_of(address: usize) -> bool {
    let inner = WORKER_OF.with(Cell::get);
    inner == address || inner != 0 && OUTER.with(|outer| outer.borrow().contains(&address))
}

/// Whether the calling thread is a worker of any dispatcher.
pub(crate) fn is_any_worker() -> bool {
    WORKER_OF.with(Cell::get) != 0
}

/// Runs `work` with the calling thread marked as a worker. The mark lasts no longer: a job that a
/// thread-local value submits when it is destroyed would find no worker left to run it.
pub(crate) fn as_worker_of(address: usize, work: impl FnOnce()) {
    let outer = WORKER_OF.with(|inner| inner.replace(address));
    if outer != 0 {
        OUTER.with(|all| all.borrow_mut().push(outer));
    }
    let _unmark = Unmark(outer);
    work();
}

/// Gives the thread back the mark that it had before.
struct Unmark(usize);

impl Drop for Unmark {
    fn drop(&mut self) {
        WORKER_OF.with(|inner| inner.set(self.0));
        if self.0 != 0 {
            OUTER.with(|all| {
                let mut all = all.borrow_mut();
                all.pop();
                if all.is_empty() {
                    *all = Vec::new();
                }
            });
        }
    }
}

/// Takes note that a callback begins.
pub(crate) fn begin_callback() {
    HAS_SUBMITTED.with(|submitted| submitted.set(false));
}

/// Takes note that the running callback has submitted something. True the first time.
pub(crate) fn submits_first() -> bool {
    !HAS_SUBMITTED.with(|submitted| submitted.replace(true))
}
