//! The task of a spawned job: it wraps the job's own task, and gives the callback's value to the
//! job's handle.

use std::any::{Any, TypeId};
use std::sync::Arc;

use crate::file::FileHandle;
use crate::job::Job;
use crate::job::task::{Task, UserTask, give_back, reclaim};
use crate::job::ticket::Ticket;
use crate::job::view::JobView;
use crate::pipeline::Pipeline;
use crate::pipeline::panics::PanicSink;
use crate::submit::handle::JobHandle;
use crate::unwind::{catch, discard};
use crate::wait::delivery::{Delivered, Delivery};
use crate::wait::headcount::Headcount;
use crate::wait::wake;

pub(crate) struct Spawned<'a, R> {
    inner: Box<dyn UserTask<R> + 'a>,
    promise: Promise<R>,
    panics: Arc<PanicSink>,
    /// If it is a scope's job: the scope, which has to hear of a panic.
    scope: Option<Arc<Headcount>>,
}

/// Ends the handle's wait: with a value, with a panic, or, if it is dropped before, with neither.
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
    pub(crate) fn new(
        inner: Box<dyn UserTask<R> + 'a>,
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
        let job = job.map_task(|task| {
            Box::new(Self::new(task, &delivery, &pipeline.panics, None)) as Box<dyn UserTask<()>>
        });
        (job, JobHandle::new(delivery, Arc::clone(pipeline)))
    }

    /// Unties a refused job, which `tie` made, from its handle.
    pub(crate) fn untie(job: Job) -> Job<R> {
        job.map_task(reclaim)
    }
}

impl<R: Send> Task<()> for Spawned<'_, R> {
    fn view(&self) -> JobView {
        self.inner.view()
    }

    fn ticket(&self) -> Option<Ticket> {
        Some(Ticket::of(&self.promise.0))
    }

    fn file(&self) -> Option<&FileHandle> {
        self.inner.file()
    }

    fn advance(&mut self, done: usize, begin: usize) {
        self.inner.advance(done, begin);
    }

    fn work(&mut self) {
        self.inner.work();
    }

    fn run(self: Box<Self>, res: i64) {
        let view = self.inner.view();
        let Self { inner, promise, panics, scope } = *self;
        match catch(|| inner.run(res)) {
            // If the handle is gone, this drops the value, still as a part of the job.
            Ok(value) => promise.end(Delivered::Returned(value)),
            Err(payload) => {
                panics.report(&payload, view.transfer.operation, view.offset());
                if let Some(jobs) = scope {
                    // Before a handle can take the panic.
                    jobs.panicked();
                }
                promise.end(Delivered::Panicked(payload));
                // If the handle is gone, this drops the payload. A panic of that would be a second
                // one.
                if let Err(second) = catch(|| drop(promise)) {
                    discard(second);
                }
            }
        }
    }
}

/// Users don't change a spawned job. A refused one gives back the task that it wraps.
impl<R: Send> UserTask<()> for Spawned<'_, R> {
    fn reclaimable(&self) -> Option<TypeId>
    where
        Self: 'static,
    {
        Some(TypeId::of::<Box<dyn UserTask<R>>>())
    }

    fn reclaim(self: Box<Self>, place: &mut dyn Any)
    where
        Self: 'static,
    {
        let Self { inner, .. } = *self;
        give_back(inner, place);
    }
}
