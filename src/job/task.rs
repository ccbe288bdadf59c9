//! A job's task: buffer, file and callback behind one pointer, with their types forgotten. The
//! dispatcher sees of it a [`JobHead`] and a [`Route`].

use std::any::Any;

use crate::engine::operation::Operation;
use crate::engine::{Request, Transfer};
use crate::file::FileHandle;
use crate::file::residency::CacheLook;
use crate::job::meta::{JobDeadline, Meta};
use crate::job::progress::{JobEnd, Progress};

/// The dispatcher's side of a task: how a job is performed and ends. `R` is the type that the
/// callback returns.
pub(crate) trait Task<R>: Send {
    /// What the dispatcher knows of the job.
    fn head(&self) -> &JobHead;

    fn head_mut(&mut self) -> &mut JobHead;

    /// Where the job goes next. Others may change that at any time, as what is found out about a
    /// file holds for all its jobs. So who moves the job asks once, and goes by that answer.
    fn route(&self) -> Route;

    /// The file, if the operation has one.
    fn file(&self) -> Option<&FileHandle>;

    /// Records that the first `done` bytes of a transfer are done, and makes the next request
    /// begin after the first `begin`, which is at most `done`. Runs no user code.
    fn advance(&mut self, done: usize, begin: usize);

    /// Takes note of what was found out about a read's data, and chooses the way of what is
    /// missing. False if the way stays as it was.
    fn choose_way(&mut self, found: Found) -> bool;

    /// Does the work of a blocking job. If the work panics, the payload is kept for `run`.
    fn work(&mut self) {}

    /// Runs the callback. `end` is what the kernel's last answer means for the job.
    fn run(self: Box<Self>, end: JobEnd) -> R;
}

/// The user's side of a task: what may be changed or taken back as long as no dispatcher has
/// accepted the job.
///
/// The defaults are for tasks on which the settings have no effect, and for tasks that are made at
/// the submission, when users can't change the job any more.
pub(crate) trait UserTask<R>: Task<R> {
    /// Makes a plain transfer ask for no more than `bytes`.
    fn limit(&mut self, _bytes: usize) {}

    /// Makes a transfer go on until everything is transferred.
    fn exact(&mut self) {}

    /// Takes the task apart and puts the value that it was made of into `place`, an `Option` of the
    /// value's type. An operation gives back its buffer, a task that wraps another one gives back
    /// that. If `place` is of another type, the task comes back.
    fn take_apart(self: Box<Self>, place: &mut dyn Any) -> Result<(), Box<dyn UserTask<R>>>
    where
        Self: 'static;
}

/// Takes a task apart that is made of a `T`. Another one comes back.
pub(crate) fn reclaim<T: 'static, R: 'static>(
    task: Box<dyn UserTask<R>>,
) -> Result<T, Box<dyn UserTask<R>>> {
    let mut place: Option<T> = None;
    task.take_apart(&mut place)?;
    Ok(place.expect("a task that was taken apart has given its value"))
}

/// What was found out about a read's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The page cache had all of it.
    Cached,
    /// The page cache lacks some of it.
    NotCached,
    /// The kernel refuses to read it directly.
    NotDirect,
}

/// What the dispatcher knows of a job. It is a part of the task's allocation, so that a job is
/// moved as a pointer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JobHead {
    /// The request for the kernel. If a part of the job is done, it asks for the rest.
    pub(crate) transfer: Transfer,
    pub(crate) progress: Progress,
    pub(crate) meta: Meta,
}

/// Where a job goes when it is moved into a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// To the engine: of transfers, those that go past the page cache, and no others.
    Engine,
    /// To a worker, which looks into the page cache. From there the job goes to its callback if
    /// everything was cached. If not, it goes to a blocking thread, or, if the file is automatic,
    /// to the engine.
    LookInPageCache(CacheLook),
    /// To a blocking thread.
    Blocking,
    /// To a worker, for its callback.
    Worker,
}

impl JobHead {
    pub(crate) const fn new(transfer: Transfer) -> Self {
        Self { transfer, progress: Progress::new(), meta: Meta::new() }
    }

    pub(crate) fn operation(&self) -> Operation {
        self.transfer.operation
    }

    /// The request under this token.
    #[inline]
    pub(crate) fn request(&self, token: u64) -> Request {
        // A job that is done in part has started.
        let deadline = if self.progress.done() == 0 { self.meta.deadline() } else { None };
        Request { token, transfer: self.transfer, deadline }
    }

    /// The offset at which the job begins, whatever part of it is done.
    pub(crate) fn offset(&self) -> u64 {
        self.progress.start_of(self.transfer.offset)
    }

    /// Sets the moment by which the job has to have started. If its callback takes no result that
    /// could say that it has passed, this has no effect.
    pub(crate) fn set_deadline(&mut self, deadline: JobDeadline) {
        if self.has_result() {
            self.meta.set_deadline(deadline);
        }
    }

    /// Whether the callback takes a result.
    pub(crate) fn has_result(&self) -> bool {
        !matches!(self.operation(), Operation::Nop | Operation::Blocking)
    }

    /// Whether the job may be ended while it is in a slot. Most may not, which saves them the
    /// upkeep.
    pub(crate) fn may_end_in_slot(&self) -> bool {
        self.meta.deadline().is_some() || self.operation() == Operation::Poll
    }

    /// Whether this answer of the kernel may be another than the one that the job ends with: it may
    /// have been cancelled, or go on. Most may not, which saves them a closer look.
    #[inline]
    pub(crate) fn may_end_otherwise(&self, res: i64) -> bool {
        res < 0 || self.progress.is_exact() || self.may_end_in_slot()
    }

    /// How the job ends if this answer of the kernel is its last.
    pub(crate) fn end(&self, res: i64) -> JobEnd {
        self.progress.end(self.transfer.operation, res)
    }
}
