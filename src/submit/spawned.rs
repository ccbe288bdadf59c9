//! The task of a spawned job: it wraps the job's own task, and gives the callback's value to the
//! job's handle.

use std::any::Any;
use std::sync::Arc;

use crate::file::FileHandle;
use crate::job::Job;
use crate::job::meta::Ticket;
use crate::job::progress::JobEnd;
use crate::job::task::{Found, JobHead, Route, Task, UserTask, reclaim};
use crate::pipeline::Pipeline;
use crate::pipeline::panics::PanicSink;
use crate::submit::handle::JobHandle;
use crate::unwind::{catch, ignore_panic, message};
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
struct Promise<R>(Option<Arc<Delivery<R>>>);

impl<R> Promise<R> {
    /// Ends the wait. If the handle is gone, to drop what this returns drops the value, too.
    fn end(&mut self, with: Delivered<R>) -> Option<Arc<Delivery<R>>> {
        let delivery = self.0.take();
        wake(delivery.as_ref().and_then(|delivery| delivery.end(with)));
        delivery
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
        let promise = Promise(Some(Arc::clone(delivery)));
        Self { inner, promise, panics: Arc::clone(panics), scope }
    }
}

impl<R: Send + 'static> Spawned<'static, R> {
    /// Ties a job to a handle.
    pub(crate) fn tie(job: Job<R>, pipeline: &Arc<Pipeline>) -> (Job, JobHandle<R>) {
        let delivery = Delivery::pending();
        let spawned = Self::new(job.into_task(), &delivery, pipeline.panics(), None);
        let mut job = Job::from_task(Box::new(spawned));
        job.meta_mut().set_ticket(Some(Ticket::of(&delivery)));
        (job, JobHandle::new(delivery, Arc::clone(pipeline), None))
    }

    /// Unties a refused job, which `tie` made, from its handle.
    pub(crate) fn untie(mut job: Job) -> Job<R> {
        job.meta_mut().set_ticket(None);
        Job::from_task(reclaim(job.into_task()).ok().expect("`tie` made this task"))
    }
}

impl<R: Send> Task<()> for Spawned<'_, R> {
    fn head(&self) -> &JobHead {
        self.inner.head()
    }

    fn head_mut(&mut self) -> &mut JobHead {
        self.inner.head_mut()
    }

    fn route(&self) -> Route {
        self.inner.route()
    }

    fn file(&self) -> Option<&FileHandle> {
        self.inner.file()
    }

    fn advance(&mut self, done: usize, begin: usize) {
        self.inner.advance(done, begin);
    }

    fn choose_way(&mut self, found: Found) -> bool {
        self.inner.choose_way(found)
    }

    fn work(&mut self) {
        self.inner.work();
    }

    fn run(self: Box<Self>, end: JobEnd) {
        let head = self.inner.head();
        let (operation, offset) = (head.operation(), head.offset());
        let Self { inner, mut promise, panics, scope } = *self;
        match catch(|| inner.run(end)) {
            // If the handle is gone, the value is dropped here, still as a part of the job.
            Ok(value) => drop(promise.end(Delivered::Returned(value))),
            Err(payload) => {
                panics.report(&payload, operation, offset);
                if let Some(jobs) = scope {
                    // Before a handle can take the panic.
                    let handle = promise.0.as_ref().map(|delivery| delivery.address());
                    jobs.panicked(handle, message(&*payload));
                }
                let delivery = promise.end(Delivered::Panicked(payload));
                // If the handle is gone, this drops the payload. A panic of that would be a second
                // one.
                ignore_panic(|| drop(delivery));
            }
        }
    }
}

/// Users don't change a spawned job. A refused one gives back the task that it wraps.
impl<R: Send> UserTask<()> for Spawned<'_, R> {
    fn take_apart(self: Box<Self>, place: &mut dyn Any) -> Result<(), Box<dyn UserTask<()>>>
    where
        Self: 'static,
    {
        type Inner<R> = Box<dyn UserTask<R>>;
        let Some(place) = place.downcast_mut::<Option<Inner<R>>>() else { return Err(self) };
        *place = Some(self.inner);
        Ok(())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::Spawned;
    use crate::admission::limits::Limits;
    use crate::blocking::BlockingPool;
    use crate::engine::fake::Fake;
    use crate::job::Job;
    use crate::pipeline::{Pipeline, Runs};

    #[test]
    fn a_job_is_found_by_its_handle_alone_and_by_none_once_it_has_come_back() {
        let limits = Limits { depth: 1, backlog: 0, parked: 0 };
        let (engine, blocking) =
            (Box::new(Fake::default()), BlockingPool::new(1, Default::default()));
        let (pipeline, _) = Pipeline::new(engine, limits, Runs::Workers(1), blocking, None);
        let (job, handle) = Spawned::tie(Job::nop(|| ()), &pipeline);
        let (other, _) = Spawned::tie(Job::nop(|| ()), &pipeline);
        assert_eq!(job.meta().ticket(), Some(handle.ticket()));
        assert_ne!(other.meta().ticket(), job.meta().ticket());
        // The handle's memory is used again, by a handle that is not to find this job.
        assert_eq!(Spawned::<()>::untie(job).meta().ticket(), None);
    }
}
