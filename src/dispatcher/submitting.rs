//! A dispatcher's methods that submit jobs. Each calls the one of its submitter.

use std::time::Duration;

use super::Dispatcher;
use crate::admission::refusal::Refusal;
use crate::job::Job;
use crate::scope::Scope;
use crate::scope::error::ScopeError;
use crate::submit::handle::JobHandle;
use crate::submit::refused::Refused;
use crate::submit::run::RunError;
use crate::submit::stats::Stats;
use crate::submit::submit_future::{SpawnFuture, SubmitFuture};

impl Dispatcher {
    /// Submits a job, waiting for room if there is none: see [`Submitter::submit`].
    ///
    /// [`Submitter::submit`]: crate::Submitter::submit
    ///
    /// # Errors
    ///
    /// The job comes back in a forked child, and if it was submitted in a callback while too many
    /// jobs were parked.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// dispatcher.submit(Job::nop(|| println!("on a worker")))?;
    /// dispatcher.drain()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn submit(&self, job: Job) -> Result<(), Refused<Job>> {
        self.submitter.submit(job)
    }

    /// Submits a job if there is room now: see [`Submitter::try_submit`].
    ///
    /// [`Submitter::try_submit`]: crate::Submitter::try_submit
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit), and the job comes back if there is no room.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use reapool::{Dispatcher, Job, Refusal};
    ///
    /// let dispatcher = Dispatcher::builder().depth(1).backlog(0).build()?;
    /// let (go, wait) = mpsc::channel::<()>();
    /// dispatcher.try_submit(Job::nop(move || _ = wait.recv()))?;
    /// let refused = dispatcher.try_submit(Job::nop(|| ())).unwrap_err();
    /// assert_eq!(refused.kind(), Refusal::Full);
    /// drop(go);
    /// dispatcher.submit(refused.into_inner())?; // waits for room
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_submit(&self, job: Job) -> Result<(), Refused<Job>> {
        self.submitter.try_submit(job)
    }

    /// Submits a job, waiting no longer than `limit` for room: see [`Submitter::submit_timeout`].
    ///
    /// [`Submitter::submit_timeout`]: crate::Submitter::submit_timeout
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit), and the job comes back if there was no room in time.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    /// use reapool::{Dispatcher, Job, Refusal};
    ///
    /// let dispatcher = Dispatcher::builder().depth(1).backlog(0).build()?;
    /// let (go, wait) = mpsc::channel::<()>();
    /// dispatcher.submit(Job::nop(move || _ = wait.recv()))?;
    /// let limit = Duration::from_millis(1);
    /// let refused = dispatcher.submit_timeout(Job::nop(|| ()), limit).unwrap_err();
    /// assert_eq!(refused.kind(), Refusal::TimedOut);
    /// drop(go);
    /// dispatcher.submit_timeout(refused.into_inner(), Duration::from_secs(60))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn submit_timeout(&self, job: Job, limit: Duration) -> Result<(), Refused<Job>> {
        self.submitter.submit_timeout(job, limit)
    }

    /// Submits many jobs, with one call of io_submit(2) for all that find a free slot, and waits
    /// for room for the others: see [`Submitter::submit_batch`].
    ///
    /// [`Submitter::submit_batch`]: crate::Submitter::submit_batch
    ///
    /// # Errors
    ///
    /// Jobs that were not accepted come back, for the reasons of [`submit`](Self::submit).
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, FileHandle, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = FileHandle::open_buffered("Cargo.toml")?;
    /// let jobs = [0, 512].map(|offset| Job::read(&file, vec![0; 512], offset, |_| ()));
    /// dispatcher.submit_batch(jobs)?;
    /// dispatcher.drain()?;
    /// assert_eq!(dispatcher.stats().finished, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn submit_batch(
        &self,
        jobs: impl IntoIterator<Item = Job>,
    ) -> Result<(), Refused<Vec<Job>>> {
        self.submitter.submit_batch(jobs)
    }

    /// Submits as many of these jobs as there is room for now: see [`Submitter::try_submit_batch`].
    ///
    /// [`Submitter::try_submit_batch`]: crate::Submitter::try_submit_batch
    ///
    /// # Errors
    ///
    /// The others come back.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, FileHandle, Job, Refusal};
    ///
    /// let dispatcher = Dispatcher::builder().depth(4).backlog(4).build()?;
    /// let file = FileHandle::open_buffered("Cargo.toml")?;
    /// let jobs = (0..20).map(|block| Job::read(&file, vec![0; 64], block * 64, |_| ()));
    /// let mut jobs: Vec<_> = jobs.collect();
    /// while let Err(refused) = dispatcher.try_submit_batch(jobs) {
    ///     // Until there is room, something else could be done.
    ///     assert_eq!(refused.kind(), Refusal::Full);
    ///     jobs = refused.into_inner();
    /// }
    /// dispatcher.drain()?;
    /// assert_eq!(dispatcher.stats().finished, 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_submit_batch(
        &self,
        jobs: impl IntoIterator<Item = Job>,
    ) -> Result<(), Refused<Vec<Job>>> {
        self.submitter.try_submit_batch(jobs)
    }

    /// Submits a job, waiting for room, and returns a handle to its callback's value: see
    /// [`Submitter::spawn`].
    ///
    /// [`Submitter::spawn`]: crate::Submitter::spawn
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit).
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let sum = dispatcher.spawn(Job::nop(|| (1..=100).sum::<u64>()))?;
    /// assert_eq!(sum.join()?, 5050);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn spawn<R: Send + 'static>(&self, job: Job<R>) -> Result<JobHandle<R>, Refused<Job<R>>> {
        self.submitter.spawn(job)
    }

    /// Spawns a job if there is room now: see [`Submitter::try_spawn`].
    ///
    /// [`Submitter::try_spawn`]: crate::Submitter::try_spawn
    ///
    /// # Errors
    ///
    /// As for [`try_submit`](Self::try_submit).
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Job};
    ///
    /// fn sum() -> u64 {
    ///     (1..=100).sum()
    /// }
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let total = match dispatcher.try_spawn(Job::nop(sum)) {
    ///     Ok(handle) => handle.join()?,
    ///     // The workers have enough to do, so this thread does it.
    ///     Err(_) => sum(),
    /// };
    /// assert_eq!(total, 5050);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_spawn<R: Send + 'static>(
        &self,
        job: Job<R>,
    ) -> Result<JobHandle<R>, Refused<Job<R>>> {
        self.submitter.try_spawn(job)
    }

    /// Submits a job, waits until its callback has run, and returns the callback's value: see
    /// [`Submitter::run`].
    ///
    /// [`Submitter::run`]: crate::Submitter::run
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit), in a callback of this dispatcher, and if the job's callback
    /// panicked.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// assert_eq!(dispatcher.run(Job::nop(|| (1..=100).sum::<u64>()))?, 5050);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run<R: Send + 'static>(&self, job: Job<R>) -> Result<R, RunError<R>> {
        self.submitter.run(job)
    }

    /// Submits a job for a task, which waits for room without blocking a thread: see
    /// [`Submitter::submit_async`].
    ///
    /// [`Submitter::submit_async`]: crate::Submitter::submit_async
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit).
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, FileHandle, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = FileHandle::open_buffered("Cargo.toml")?;
    /// futures::executor::block_on(async {
    ///     dispatcher.submit_async(Job::read(&file, vec![0; 64], 0, |_| ())).await?;
    ///     dispatcher.drain_async().await?;
    ///     Ok::<_, Box<dyn std::error::Error>>(())
    /// })?;
    /// assert_eq!(dispatcher.stats().finished, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn submit_async(&self, job: Job) -> SubmitFuture {
        self.submitter.submit_async(job)
    }

    /// Spawns a job for a task, which waits for room without blocking a thread: see
    /// [`Submitter::spawn_async`].
    ///
    /// [`Submitter::spawn_async`]: crate::Submitter::spawn_async
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit).
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Job, Refused};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let sum = futures::executor::block_on(async {
    ///     let handle = dispatcher.spawn_async(Job::nop(|| (1..=100).sum())).await?;
    ///     Ok::<_, Refused<Job<u64>>>(handle.await)
    /// })?;
    /// assert_eq!(sum, 5050);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn spawn_async<R: Send + 'static>(&self, job: Job<R>) -> SpawnFuture<R> {
        self.submitter.spawn_async(job)
    }

    /// Opens a scope, whose jobs may borrow, and waits for all of them: see [`Submitter::scope`].
    ///
    /// [`Submitter::scope`]: crate::Submitter::scope
    ///
    /// # Errors
    ///
    /// If this is a forked child, or a callback of this dispatcher.
    ///
    /// # Panics
    ///
    /// If `body` panics, the panic goes on after the wait. It also panics if a scoped job did and
    /// no handle took that panic.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::fs::{self, File};
    /// use reapool::{Dispatcher, Refusal, ScopedJob};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let manifest = File::open("Cargo.toml")?;
    /// let (mut head, mut next) = ([0u8; 64], [0u8; 64]);
    /// dispatcher.scope(|scope| {
    ///     scope.submit(ScopedJob::read(&manifest, &mut head[..], 0, |_| ()))?;
    ///     scope.submit(ScopedJob::read(&manifest, &mut next[..], 64, |_| ()))?;
    ///     Ok::<(), Refusal>(())
    /// })??;
    /// assert_eq!([head, next].concat(), fs::read("Cargo.toml")?[..128]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn scope<'env, F, T>(&self, body: F) -> Result<T, ScopeError>
    where
        F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
    {
        self.submitter.scope(body)
    }

    /// Sends waiting jobs to the kernel as far as slots are free: see [`Submitter::flush`].
    ///
    /// [`Submitter::flush`]: crate::Submitter::flush
    ///
    /// # Errors
    ///
    /// If this is a forked child.
    pub fn flush(&self) -> Result<(), Refusal> {
        self.submitter.flush()
    }

    /// The dispatcher's counters; all zero in a forked child.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, FileHandle, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = FileHandle::open_buffered("Cargo.toml")?;
    /// dispatcher.run(Job::read(&file, vec![0; 64], 0, |_| ()))?;
    /// assert_eq!(dispatcher.stats().buffered, 1, "it went through the page cache");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.submitter.stats()
    }
}
