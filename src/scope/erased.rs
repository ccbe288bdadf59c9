//! A scoped job as the dispatcher sees it, which knows no lifetimes but `'static`.
//!
//! Safety: this is the one place where a lifetime is hidden. [`Erased`] is a `'static` type, as the
//! dispatcher requires, around a task that borrows. The task doesn't outlive its borrows, because:
//!
//! - The task is in an [`Erased`] together with a [`Counted`] from before the dispatcher gets it,
//!   and `Submitter::scope` neither returns nor unwinds before the `Counted` is dropped. To leak
//!   the job is to leak the `Counted`, and then the scope never returns.
//! - The `Counted` is dropped last: after the task has been run or dropped, after its callback's
//!   value has been dropped, and after each function that had one of them as an argument has
//!   returned. The rest of the job, its box and the `Counted`'s share of the headcount, borrows
//!   nothing.
//! - Nothing of the task is handed out for longer than the `Erased` itself is borrowed (`head`,
//!   `file`). A callback can pass things on through references that it borrowed itself. Everything
//!   else that leaves it is `'static`: the payload of a panic (`Box<dyn Any + Send>`), the report
//!   to the panic handler, and copies of the numbers in `JobHead`. Nobody uses the addresses among
//!   these after the job's event has been reaped. The ticket by which the job's handle finds it is
//!   a number that is only compared. A callback's value goes to a handle whose type has the value's
//!   lifetime.
//! - Nobody learns the hidden type. `UserTask::take_apart` could give a part of the task back, but
//!   an `Erased` comes back whole.

#![expect(unsafe_code, reason = "hides the lifetime of what a scoped job borrows")]

use std::any::Any;
use std::mem::{self, MaybeUninit};
use std::sync::Arc;

use crate::file::FileHandle;
use crate::job::progress::JobEnd;
use crate::job::task::{Found, JobHead, Route, Task, UserTask};
use crate::pipeline::panics::PanicSink;
use crate::unwind::{catch, discard, message};
use crate::wait::headcount::Headcount;

/// The place of one job in the headcount of its scope.
pub(super) struct Counted(Arc<Headcount>);

impl Counted {
    pub(super) fn new(jobs: &Arc<Headcount>) -> Self {
        jobs.enter();
        Self(Arc::clone(jobs))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// The task of a scoped job.
pub(super) struct Erased {
    /// Before `counted`, as fields are dropped in this order.
    task: Box<dyn Task<()>>,
    panics: Arc<PanicSink>,
    counted: Counted,
}

/// The memory for one, allocated before it is needed: a job is erased under a lock.
pub(super) type Place = Box<MaybeUninit<Erased>>;

impl Erased {
    pub(super) fn place() -> Place {
        Box::new_uninit()
    }

    /// # Safety
    ///
    /// Everything that the task borrows for `'a` outlives `counted`: on every way out, the owner of
    /// the borrowed things waits until the headcount of `counted` is empty before it does anything
    /// else with them.
    pub(super) unsafe fn new<'a>(
        task: Box<dyn Task<()> + 'a>,
        panics: &Arc<PanicSink>,
        counted: Counted,
        place: Place,
    ) -> Box<Self> {
        // SAFETY: the two types differ in a lifetime alone, which has no part in their layout or
        // behaviour. The module's documentation argues that nothing is used after that lifetime.
        let task = unsafe { mem::transmute::<Box<dyn Task<()> + 'a>, Box<dyn Task<()>>>(task) };
        Box::write(place, Self { task, panics: Arc::clone(panics), counted })
    }
}

impl Task<()> for Erased {
    fn head(&self) -> &JobHead {
        self.task.head()
    }

    fn head_mut(&mut self) -> &mut JobHead {
        self.task.head_mut()
    }

    fn route(&self) -> Route {
        self.task.route()
    }

    fn file(&self) -> Option<&FileHandle> {
        self.task.file()
    }

    fn advance(&mut self, done: usize, begin: usize) {
        self.task.advance(done, begin);
    }

    fn choose_way(&mut self, found: Found) -> bool {
        self.task.choose_way(found)
    }

    fn work(&mut self) {
        self.task.work();
    }

    fn run(self: Box<Self>, end: JobEnd) {
        let head = self.task.head();
        let (operation, offset) = (head.operation(), head.offset());
        let Self { task, panics, counted } = *self;
        // In here the callback runs, and everything that it had is dropped, whatever it does.
        let outcome = catch(|| task.run(end));
        if let Err(payload) = outcome {
            panics.report(&payload, operation, offset);
            counted.0.panicked(None, message(&*payload));
            discard(payload);
        }
        drop(counted);
    }
}

/// Users don't change an accepted job, and get nothing of it back.
impl UserTask<()> for Erased {
    fn take_apart(self: Box<Self>, _place: &mut dyn Any) -> Result<(), Box<dyn UserTask<()>>> {
        Err(self)
    }
}
