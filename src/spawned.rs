//! A job whose callback's value goes to a handle.

use std::any::{Any, TypeId};
use std::sync::Arc;

use crate::file::FileHandle;
use crate::handle::JobHandle;
use crate::job::Job;
use crate::pipeline::Pipeline;
use crate::task::{Brief, Task};
use crate::ticket::Ticket;
use crate::unwind::{PanicSink, catch, discard};
use crate::wait::delivery::{Delivery, End};
use crate::wait::wake;

/// A spawned job as the dispatcher sees it: its callback's value goes to the handle.
pub(crate) struct Spawned<R> {
    inner: Box<dyn Task<R>>,
    promise: Promise<R>,
    panics: Arc<PanicSink>,
}

/// Ends the handle's wait, with a value, a panic, or, dropped before, with neither.
pub(crate) struct Promise<R>(pub(crate) Arc<Delivery<R>>);

impl<R> Promise<R> {
    pub(crate) fn end(&self, with: End<R>) {
        wake(self.0.end(with));
    }
}

impl<R> Drop for Promise<R> {
    fn drop(&mut self) {
        self.end(End::Abandoned);
    }
}

impl<R: Send + 'static> Spawned<R> {
    /// Ties a job to a handle.
    pub(crate) fn tie(job: Job<R>, pipeline: &Arc<Pipeline>) -> (Job, JobHandle<R>) {
        let delivery = Delivery::pending();
        let due = job.due;
        let spawned = Self {
            inner: job.into_task(),
            promise: Promise(Arc::clone(&delivery)),
            panics: Arc::clone(&pipeline.panics),
        };
        let handle = JobHandle::new(delivery, Arc::clone(pipeline));
        let mut job = Job::from_task(Box::new(spawned));
        job.due = due;
        (job, handle)
    }

    /// Takes a job that `tie` made, and that was refused, off its handle.
    pub(crate) fn untie(job: Job) -> Job<R> {
        let due = job.due;
        let spawned = job
            .into_task()
            .into_any()
            .downcast::<Self>()
            .expect("the job is the one that was just tied");
        let mut job = Job::from_task(spawned.inner);
        job.due = due;
        job
    }
}

impl<R: Send + 'static> Task<()> for Spawned<R> {
    fn brief(&self) -> Brief {
        self.inner.brief()
    }

    fn ticket(&self) -> Option<Ticket> {
        Some(Ticket::of(&self.promise.0))
    }

    fn limit(&mut self, bytes: usize) {
        self.inner.limit(bytes);
    }

    fn work(&mut self) {
        self.inner.work();
    }

    fn exact(&mut self) {
        self.inner.exact();
    }

    fn file(&self) -> Option<&FileHandle> {
        self.inner.file()
    }

    fn advance(&mut self, done: usize, begin: usize) {
        self.inner.advance(done, begin);
    }

    fn run(self: Box<Self>, res: i64) {
        let brief = self.inner.brief();
        let Self { inner, promise, panics } = *self;
        match catch(|| inner.run(res)) {
            Ok(value) => promise.end(End::Returned(value)),
            Err(payload) => {
                panics.report(&payload, brief.transfer.operation, brief.offset());
                promise.end(End::Panicked(payload));
                // Without a handle this drops the payload, whose panic would be a second one.
                if let Err(second) = catch(|| drop(promise)) {
                    discard(second);
                }
            }
        }
    }

    fn buffer_type(&self) -> TypeId {
        self.inner.buffer_type()
    }

    fn buffer_into(self: Box<Self>, place: &mut dyn Any) {
        let Self { inner, .. } = *self;
        inner.buffer_into(place);
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
