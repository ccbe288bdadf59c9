//! Which dispatcher's callback, if any, the calling thread is running.
//!
//! A wait for jobs asks this first: in a callback of the same dispatcher the thread might wait for
//! itself.

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;

use crate::sync::thread_local;

/// As which of a dispatcher's threads a thread runs callbacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A worker, or the owner of an event loop.
    Worker,
    /// A blocking thread that does a blocking job's work.
    BlockingThread,
    /// A thread that does an errand. It completes no job, so it may wait for jobs; but it counts as
    /// outstanding, so it can't wait until nothing is.
    Converter,
}

impl Role {
    /// Whether it may be this thread that completes what is waited for.
    pub(crate) fn completes_jobs(self) -> bool {
        match self {
            Self::Worker | Self::BlockingThread => true,
            Self::Converter => false,
        }
    }
}

/// Whose callbacks a thread runs: the address of the pipeline.
#[derive(Clone, Copy)]
struct Mark(usize, Role);

// None of these has a destructor, so they are there as long as the thread is. An event loop may be
// run when other thread-local values are being destroyed.
thread_local! {
    /// `None` on threads that run no callbacks.
    static MARK: Cell<Option<Mark>> = const { Cell::new(None) };
    /// The marks for the callbacks that are under way further out on the stack: a callback may give
    /// an event loop its turn. It has no memory when there are none.
    static OUTER: ManuallyDrop<RefCell<Vec<Mark>>> =
        const { ManuallyDrop::new(RefCell::new(Vec::new())) };
    /// Whether the callback that this thread runs has filled slots.
    static HAS_FILLED: Cell<bool> = const { Cell::new(false) };
}

/// As which thread the calling thread runs a callback of the dispatcher with this address, if it
/// runs one.
pub(crate) fn role_in(address: usize) -> Option<Role> {
    let is_wanted = |&Mark(other, _): &Mark| other == address;
    let inner = MARK.with(Cell::get)?;
    let outer = || OUTER.with(|outer| outer.borrow().iter().copied().find(is_wanted));
    let Mark(_, role) = Some(inner).filter(is_wanted).or_else(outer)?;
    Some(role)
}

/// Whether the calling thread completes jobs of any dispatcher.
pub(crate) fn is_any_worker() -> bool {
    MARK.with(Cell::get).is_some_and(|Mark(_, role)| role.completes_jobs())
}

/// Runs `work` with the calling thread marked as one that runs callbacks. The mark lasts no longer:
/// a job that a thread-local value submits when it is destroyed would find no worker left to run
/// it.
pub(crate) fn with_role(address: usize, role: Role, work: impl FnOnce()) {
    let outer = MARK.with(|inner| inner.replace(Some(Mark(address, role))));
    if let Some(outer) = outer {
        OUTER.with(|all| all.borrow_mut().push(outer));
    }
    let _unmark = Unmark(outer);
    work();
}

/// Gives the thread back the mark that it had before.
struct Unmark(Option<Mark>);

impl Drop for Unmark {
    fn drop(&mut self) {
        MARK.with(|inner| inner.set(self.0));
        if self.0.is_some() {
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
    HAS_FILLED.with(|filled| filled.set(false));
}

/// Takes note that the running callback fills slots. True the first time.
pub(crate) fn fills_first() -> bool {
    !HAS_FILLED.with(|filled| filled.replace(true))
}
