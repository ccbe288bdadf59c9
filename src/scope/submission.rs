//! The ways into a scope. A job is counted, and its lifetime hidden, at the moment of its
//! acceptance.

#![expect(unsafe_code, reason = "promises to wait for what jobs borrow")]

use std::sync::Arc;

use crate::admission::limits::Patience;
use crate::admission::refusal::Refusal;
use crate::job::Job;
use crate::job::meta::Ticket;
use crate::job::task::Task;
use crate::pipeline::entrance::accept;
use crate::scope::Scope;
use crate::scope::erased::{Counted, Erased, Place};
use crate::scope::job::ScopedJob;
use crate::submit::handle::JobHandle;
use crate::submit::refused::Refused;
use crate::submit::spawned::Spawned;
use crate::wait::delivery::Delivery;
use crate::wait::limit::WaitLimit;

impl<'scope> Scope<'scope, '_> {
    /// Submits a job, waiting for room if there is none; see [`Submitter::submit`].
    ///
    /// A scoped job costs an allocation more than others.
    ///
    /// [`Submitter::submit`]: crate::Submitter::submit
    ///
    /// # Blocking
    ///
    /// As `Submitter::submit`: not in a callback.
    ///
    /// # Errors
    ///
    /// As `Submitter::submit`; the job comes back.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Refusal, ScopedJob};
    ///
    /// let (dispatcher, file) = (Dispatcher::new()?, std::fs::File::open("Cargo.toml")?);
    /// let (mut head, mut name) = ([0; 9], [0; 4]);
    /// dispatcher.scope(|scope| {
    ///     scope.submit(ScopedJob::read(&file, &mut head, 0, |_| ()))?;
    ///     scope.submit(ScopedJob::read(&file, &mut name, 10, |_| ()))?;
    ///     Ok::<(), Refusal>(())
    /// })??;
    /// assert_eq!((&head, &name), (b"[package]", b"name"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn submit(&self, job: ScopedJob<'scope>) -> Result<(), Refused<ScopedJob<'scope>>> {
        self.submit_with(job, Patience::Until(WaitLimit::NEVER))
    }

    /// Submits a job if there is room now; see
    /// [`Submitter::try_submit`](crate::Submitter::try_submit).
    ///
    /// # Errors
    ///
    /// As `Submitter::try_submit`; the job comes back.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use reapool::{Dispatcher, Refusal, ScopedJob};
    ///
    /// let dispatcher = Dispatcher::builder().depth(1).backlog(0).build()?;
    /// let ((open, opened), mut words) = (mpsc::channel::<()>(), ["reap", "pool"]);
    /// dispatcher.scope(|scope| {
    ///     scope.submit(ScopedJob::nop(move || _ = opened.recv()))?; // keeps the only slot
    ///     let refused = scope.try_submit(ScopedJob::nop(|| words.sort())).unwrap_err();
    ///     assert_eq!(refused.kind(), Refusal::Full);
    ///     drop(open);
    ///     scope.submit(refused.into_inner()).map_err(Refusal::from) // waits for the slot
    /// })??;
    /// assert_eq!(words, ["pool", "reap"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_submit(&self, job: ScopedJob<'scope>) -> Result<(), Refused<ScopedJob<'scope>>> {
        self.submit_with(job, Patience::None)
    }

    fn submit_with(
        &self,
        job: ScopedJob<'scope>,
        patience: Patience,
    ) -> Result<(), Refused<ScopedJob<'scope>>> {
        self.accept([(job, Erased::place())], patience, |(job, place)| {
            self.enter(job.into_task(), place)
        })
        .map_err(|(kind, refused)| refused_job(kind, refused))
    }

    /// Submits many jobs, together as far as there is room, and waits for room for the others; see
    /// [`Submitter::submit_batch`](crate::Submitter::submit_batch).
    ///
    /// # Blocking
    ///
    /// As `Submitter::submit_batch`: not in a callback.
    ///
    /// # Errors
    ///
    /// As `Submitter::submit_batch`; the jobs that were not accepted come back, in their order.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, FileHandle, ScopedJob};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = FileHandle::open_buffered("Cargo.toml")?;
    /// let mut buffer = [0; 100];
    /// dispatcher.scope(|scope| {
    ///     let parts = buffer.chunks_mut(10).zip((0..).step_by(10));
    ///     let jobs = parts.map(|(part, offset)| ScopedJob::read(&file, part, offset, |_| ()));
    ///     scope.submit_batch(jobs).map_err(|refused| refused.kind())
    /// })??;
    /// assert!(std::fs::read("Cargo.toml")?.starts_with(&buffer));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn submit_batch(
        &self,
        jobs: impl IntoIterator<Item = ScopedJob<'scope>>,
    ) -> Result<(), Refused<Vec<ScopedJob<'scope>>>> {
        // Collected first, as the iterator is the user's code and may itself submit or wait.
        let jobs: Vec<_> = jobs.into_iter().map(|job| (job, Erased::place())).collect();
        let (count, patience) = (jobs.len(), Patience::Until(WaitLimit::NEVER));
        self.accept(jobs, patience, |(job, place)| self.enter(job.into_task(), place)).map_err(
            |(kind, refused)| {
                let accepted = count - refused.len();
                Refused::batch(kind, accepted, refused.into_iter().map(|(job, _)| job).collect())
            },
        )
    }

    /// Submits a job, waiting for room, and returns a handle for the callback's value.
    ///
    /// The handle owns nothing of the job, and lives as long as the value's type. If the callback
    /// panics, the payload goes to the caller that [joins](JobHandle::join) the handle. If nobody
    /// has joined it when the scope ends, the scope panics.
    ///
    /// # Blocking
    ///
    /// As [`Submitter::spawn`](crate::Submitter::spawn): not in a callback, nor does
    /// [`join`](JobHandle::join) block there.
    ///
    /// # Errors
    ///
    /// As `Submitter::spawn`; the job comes back.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, ScopedJob};
    ///
    /// let (dispatcher, numbers) = (Dispatcher::new()?, [1, 2, 3, 4]);
    /// let sum = dispatcher.scope(|scope| {
    ///     let (left, right) = numbers.split_at(2);
    ///     let left = scope.spawn(ScopedJob::nop(|| left.iter().sum::<u32>()))?;
    ///     let right = scope.spawn(ScopedJob::nop(|| right.iter().sum::<u32>()))?;
    ///     Ok::<u32, Box<dyn std::error::Error>>(left.join()? + right.join()?)
    /// })??;
    /// assert_eq!(sum, 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn spawn<R: Send + 'scope>(
        &self,
        job: ScopedJob<'scope, R>,
    ) -> Result<JobHandle<R>, Refused<ScopedJob<'scope, R>>> {
        self.spawn_with(job, Patience::Until(WaitLimit::NEVER))
    }

    /// Spawns a job if there is room now.
    ///
    /// # Errors
    ///
    /// As [`try_submit`](Self::try_submit).
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, ScopedJob};
    ///
    /// let (dispatcher, numbers) = (Dispatcher::new()?, [1, 2, 3, 4]);
    /// let sum = || numbers.iter().sum::<u32>();
    /// let total = dispatcher.scope(|scope| match scope.try_spawn(ScopedJob::nop(sum)) {
    ///     Ok(handle) => handle.join(),
    ///     Err(_) => Ok(sum()), // on this thread, if there is no room
    /// })??;
    /// assert_eq!(total, 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_spawn<R: Send + 'scope>(
        &self,
        job: ScopedJob<'scope, R>,
    ) -> Result<JobHandle<R>, Refused<ScopedJob<'scope, R>>> {
        self.spawn_with(job, Patience::None)
    }

    fn spawn_with<R: Send + 'scope>(
        &self,
        job: ScopedJob<'scope, R>,
        patience: Patience,
    ) -> Result<JobHandle<R>, Refused<ScopedJob<'scope, R>>> {
        let pipeline = &self.submitter.pipeline;
        let (delivery, scope) = (Delivery::pending(), Some(Arc::clone(&self.jobs)));
        let places = (Box::new_uninit(), Erased::place());
        self.accept([(job, places)], patience, |(job, (place, outer))| {
            let task = job.into_task();
            let spawned = Spawned::new(task, &delivery, pipeline.panics(), scope.clone());
            let spawned = Box::write(place, spawned);
            let mut job = self.enter(spawned, outer);
            job.meta_mut().set_ticket(Some(Ticket::of(&delivery)));
            job
        })
        .map_err(|(kind, refused)| refused_job(kind, refused))?;
        Ok(JobHandle::new(delivery, Arc::clone(pipeline), scope))
    }

    /// Sends waiting jobs to the kernel as far as slots are free; see
    /// [`Submitter::flush`](crate::Submitter::flush).
    ///
    /// # Errors
    ///
    /// As `Submitter::flush`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::error::Error;
    /// use reapool::{AlignedBuf, Dispatcher, FileHandle, Refusal, ScopedJob};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = FileHandle::open_direct_or_buffered("Cargo.toml")?;
    /// let mut head = AlignedBuf::zeroed(4096);
    /// let sum = dispatcher.scope(|scope| {
    ///     let job = ScopedJob::nop(|| {
    ///         scope.submit(ScopedJob::read(&file, &mut head[..], 0, |_| ()))?;
    ///         scope.flush()?; // The file is read during what follows.
    ///         Ok::<u64, Refusal>((1..=1000).sum())
    ///     });
    ///     Ok::<_, Box<dyn Error>>(scope.spawn(job)?.join()??)
    /// })??;
    /// assert!(sum == 500_500 && head.starts_with(b"[package]"));
    /// # Ok::<(), Box<dyn Error>>(())
    /// ```
    pub fn flush(&self) -> Result<(), Refusal> {
        self.submitter.flush()
    }

    /// Has jobs accepted. `erase` makes the dispatcher's job of each of `jobs` at the moment of its
    /// acceptance. The others come back.
    fn accept<J>(
        &self,
        jobs: impl IntoIterator<Item = J, IntoIter: ExactSizeIterator>,
        patience: Patience,
        erase: impl FnMut(J) -> Job,
    ) -> Result<(), (Refusal, Vec<J>)> {
        let accepted = accept(&self.submitter.pipeline, jobs.into_iter(), erase, patience);
        accepted.map_err(|(kind, refused)| (kind, refused.collect()))
    }

    /// Counts a job that is accepted now, and hides the lifetime of its task.
    fn enter(&self, task: Box<dyn Task<()> + 'scope>, place: Place) -> Job {
        let counted = Counted::new(&self.jobs);
        // SAFETY: everything that is borrowed for `'scope` stays borrowed until `Submitter::scope`
        // returns or unwinds. The body of a scope has to work for any `'scope`, so nothing that it
        // can lend lives exactly that long but the scope itself, and everything that lives longer
        // outlives that call. The lifetime is invariant, so the only scope that has it is the one
        // which that function made. Whether the body returns or panics, the function waits until
        // this headcount is empty; if it can't, it aborts.
        let task = unsafe { Erased::new(task, self.submitter.pipeline.panics(), counted, place) };
        Job::from_task(task)
    }
}

/// The refusal of a submission of one job.
fn refused_job<R, P>(
    kind: Refusal,
    refused: Vec<(ScopedJob<'_, R>, P)>,
) -> Refused<ScopedJob<'_, R>> {
    let job = refused.into_iter().next().map(|(job, _)| job).expect("a refused job comes back");
    Refused::one(kind, job.operation(), job.offset(), job)
}
