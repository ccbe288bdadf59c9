//! A scoped job as the dispatcher sees it, which knows no lifetimes but `'static`.
//!
//! Safety: the one place where a lifetime is hidden. [`Erased`] is a `'static` type, as the dispatcher
//! wants it, around a task that isn't, and these keep the task from outliving what it borrows:
//!
//! - It is in an [`Erased`] together with its [`Ticket`], from before the dispatcher has it, and
//!   `Submitter::scope` doesn't return, nor unwind, before the ticket is given up. Leaking the job
//!   leaks the ticket, and the scope never returns.
//! - The ticket is given up last: when the task has been run or dropped, its callback's value too,
//!   and each function that had it among its arguments has returned. What is left of the job then,
//!   its box and the ticket's share of the headcount, borrows nothing.
//! - Nothing of the task is handed out. What leaves a callback otherwise than through references that
//!   it borrowed itself is `'static`: a panic's payload (`Box<dyn Any + Send>`), what its handler is
//!   told, the numbers in `JobView`, which nobody uses when the job's event has been reaped, and what
//!   the job's handle knows it by, a number that is only compared. A callback's value goes to a handle
//!   whose type has its lifetime.
//! - The hidden type is never asked for: the dispatcher's questions of that kind, `buffer_type`,
//!   `buffer_into` and `into_any`, are answered for `Erased` itself.

#![expect(unsafe_code, reason = "hides the lifetime of what a scoped job borrows")]

use std::any::{Any, TypeId};
use std::mem::{self, MaybeUninit};
use std::sync::Arc;

use crate::file::FileHandle;
use crate::job::task::{JobView, Task};
use crate::job::ticket;
use crate::pipeline::panics::PanicSink;
use crate::unwind::{catch, discard};
use crate::wait::headcount::Headcount;

/// A job's place in the headcount of its scope.
pub(super) struct Ticket(Arc<Headcount>);

impl Ticket {
    pub(super) fn new(jobs: &Arc<Headcount>) -> Self {
        jobs.enter();
        Self(Arc::clone(jobs))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// A scoped job.
pub(super) struct Erased {
    /// Before the ticket, as fields are dropped in this order.
    task: Box<dyn Task<()>>,
    panics: Arc<PanicSink>,
    ticket: Ticket,
}

/// The memory for one, so that none need be allocated at a time when that is not welcome.
pub(super) type Place = Box<MaybeUninit<Erased>>;

impl Erased {
    pub(super) fn place() -> Place {
        Box::new_uninit()
    }

    /// # Safety
    ///
    /// All that `'a` is the lifetime of outlives the ticket: whoever borrowed it out waits until the
    /// ticket's headcount is empty, before doing anything else with it, on whatever way out.
    pub(super) unsafe fn new<'a>(
        task: Box<dyn Task<()> + 'a>,
        panics: &Arc<PanicSink>,
        ticket: Ticket,
        place: Place,
    ) -> Box<Self> {
        // SAFETY: the two types differ in a lifetime alone, which has no part in their layout or
        // behaviour. That nothing is used after that lifetime is for the reasons above.
        let task = unsafe { mem::transmute::<Box<dyn Task<()> + 'a>, Box<dyn Task<()>>>(task) };
        Box::write(place, Self { task, panics: Arc::clone(panics), ticket })
    }
}

impl Task<()> for Erased {
    fn view(&self) -> JobView {
        self.task.view()
    }

    fn ticket(&self) -> Option<ticket::Ticket> {
        self.task.ticket()
    }

    fn limit(&mut self, bytes: usize) {
        self.task.limit(bytes);
    }

    fn work(&mut self) {
        self.task.work();
    }

    fn exact(&mut self) {
        self.task.exact();
    }

    fn file(&self) -> Option<&FileHandle> {
        self.task.file()
    }

    fn advance(&mut self, done: usize, begin: usize) {
        self.task.advance(done, begin);
    }

    fn run(self: Box<Self>, res: i64) {
        let brief = self.task.view();
        let Self { task, panics, ticket } = *self;
        // In here the callback runs, and everything that it had is dropped, whatever it does.
        let outcome = catch(|| task.run(res));
        if let Err(payload) = outcome {
            panics.report(&payload, brief.transfer.operation, brief.offset());
            discard(payload);
            ticket.0.panicked();
        }
        drop(ticket);
    }

    fn buffer_type(&self) -> TypeId {
        TypeId::of::<Self>()
    }

    fn buffer_into(self: Box<Self>, _place: &mut dyn Any) {}

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
