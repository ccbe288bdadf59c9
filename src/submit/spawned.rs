//! A job whose callback's value goes to a handle.

use std::any::{Any, TypeId};
use std::sync::Arc;

use crate::file::FileHandle;
use crate::job::Job;
use crate::job::task::{JobView, Task};
use crate::job::ticket::Ticket;
use crate::pipeline::Pipeline;
use crate::pipeline::panics::PanicSink;
use crate::submit::handle::JobHandle;
use crate::unwind::{catch, discard};
use crate::wait::delivery::{Delivered, Delivery};
use crate::wait::headcount::Headcount;
use crate::wait::wake;

/// A spawned job as the dispatcher sees it: its callback's value goes to the handle.
pub(crate) struct Spawned<'a, R> {
    inner: Box<dyn Task<R> + 'a>,
    promise: Promise<R>,
    panics: Arc<PanicSink>,
    /// A scope's job: it hears of a panic.
    scope: Option<Arc<Headcount>>,
}

/// Ends the handle's wait, with a value, a panic, or, dropped before, with neither.
struct Promise<R>(Arc<Delivery<R>>);

impl<R> Promise<R> {
    fn end(&self, with: Delivered<R>) {
        wake(self.0.end(with));
    }
}

impl<R> Drop for Promise<R> {
    fn drop(&mut self) {
        self.end(Delivered::Abandoned);
    }
}

impl<'a, R> Spawned<'a, R> {
    /// One whose value comes by this delivery.
    pub(crate) fn new(
        inner: Box<dyn Task<R> + 'a>,
        delivery: &Arc<Delivery<R>>,
        panics: &Arc<PanicSink>,
        scope: Option<Arc<Headcount>>,
    ) -> Self {
        Self { inner, promise: Promise(Arc::clone(delivery)), panics: Arc::clone(panics), scope }
    }
}

impl<R: Send + 'static> Spawned<'static, R> {
    /// Ties a job to a handle.
    pub(crate) fn tie(job: Job<R>, pipeline: &Arc<Pipeline>) -> (Job, JobHandle<R>) {
        let delivery = Delivery::pending();
        let due = job.due;
        let spawned = Self::new(job.into_task(), &delivery, &pipeline.panics, None);
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

impl<R: Send> Task<()> for Spawned<'_, R> {
    fn view(&self) -> JobView {
        self.inner.view()
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
        let brief = self.inner.view();
        let Self { inner, promise, panics, scope } = *self;
        match catch(|| inner.run(res)) {
            // Without a handle the value is dropped at the end of this, by the job still.
            Ok(value) => promise.end(Delivered::Returned(value)),
            Err(payload) => {
                panics.report(&payload, brief.transfer.operation, brief.offset());
                if let Some(jobs) = scope {
                    // Before a handle can take it.
                    jobs.panicked();
                }
                promise.end(Delivered::Panicked(payload));
                // Without a handle this drops the payload, whose panic would be a second one.
                if let Err(second) = catch(|| drop(promise)) {
                    discard(second);
                }
            }
        }
    }

    fn buffer_type(&self) -> TypeId
    where
        Self: 'static,
    {
        self.inner.buffer_type()
    }

    fn buffer_into(self: Box<Self>, place: &mut dyn Any)
    where
        Self: 'static,
    {
        let Self { inner, .. } = *self;
        inner.buffer_into(place);
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any>
    where
        Self: 'static,
    {
        self
    }
}
