//! Every way into the dispatcher, and every way to get a value out. A [`Submitter`] takes jobs from
//! any thread and from callbacks: `submit` takes jobs whose callbacks return nothing, `spawn`
//! returns a [handle](handle::JobHandle) of the callback's value, and tasks do the same [without
//! blocking a thread](submit_future) or have an operation performed [without any
//! callback](operations). Jobs that are not accepted come back in a [`Refused`]. All of it rests on
//! `pipeline::entrance`, which decides.

pub(crate) mod handle;
pub(crate) mod io_future;
pub(crate) mod join;
mod not_shared;
mod operations;
pub(crate) mod panic_payload;
pub(crate) mod refused;
pub(crate) mod run;
pub(crate) mod spawned;
pub(crate) mod stats;
pub(crate) mod submit_future;

use std::convert::identity;
use std::fmt;
use std::iter;
use std::sync::Arc;
use std::time::Duration;

use crate::admission::limits::Patience;
use crate::admission::refusal::Refusal;
use crate::job::Job;
use crate::pipeline::Pipeline;
use crate::pipeline::entrance::accept;
use crate::submit::handle::JobHandle;
use crate::submit::refused::Refused;
use crate::submit::spawned::Spawned;
use crate::submit::stats::Stats;
use crate::wait::limit::WaitLimit;

/// A cheaply cloneable handle for submitting jobs, from other threads and from callbacks.
///
/// It does not keep the dispatcher open. Once the dispatcher is shut down or dropped, jobs from
/// outside callbacks are refused. Callbacks may go on submitting, and their jobs run too.
///
/// # In a callback
///
/// Nothing here but [`flush`](Self::flush) blocks in a callback of the same dispatcher. A job that
/// a callback submits waits for the end of the worker's run of callbacks, to enter the kernel
/// together with the jobs of the others. It doesn't wait for a slow callback while another worker
/// is idle: that worker then submits it, and waits for the kernel if need be. `flush` sends it now,
/// from the callback. Beyond the depth, jobs wait in order for free slots. A job is refused only if
/// more than
/// [`parked_limit`](crate::Builder::parked_limit) jobs wait.
///
/// # Examples
///
/// A chain of jobs, each submitted by the callback of the one before:
///
/// ```
/// use reapool::{Completion, Dispatcher, Job, Submitter};
///
/// fn read_on(submitter: Submitter, done: Completion<Vec<u8>>) {
///     let count = done.result.expect("reads the manifest");
///     if count > 0 {
///         let next = done.offset + count as u64;
///         let handle = submitter.clone();
///         let job = Job::read(done.file, done.buffer, next, move |done| read_on(handle, done));
///         submitter.submit(job).expect("is not refused in a callback");
///     }
/// }
///
/// let dispatcher = Dispatcher::new()?;
/// let (submitter, file) = (dispatcher.submitter(), std::fs::File::open("Cargo.toml")?);
/// dispatcher.submit(Job::read(file, vec![0; 512], 0, move |done| read_on(submitter, done)))?;
/// dispatcher.drain()?;
/// assert!(dispatcher.stats().finished > 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Submitter {
    pub(crate) pipeline: Arc<Pipeline>,
}

impl Submitter {
    /// Submits a job, waiting for room if there is none.
    ///
    /// Its callback returns nothing, as nobody would get a value. To get one, [`run`](Self::run)
    /// the job or [`spawn`](Self::spawn) it; to do without, end the callback with a semicolon.
    ///
    /// # Blocking
    ///
    /// Until fewer jobs than depth and backlog together are outstanding; never in a callback. The
    /// dispatcher wakes a waiting caller when the backlog is half empty, or when half as many jobs
    /// as it holds have ended. It doesn't do so for each job, as waking a thread costs more than a
    /// job does. If a slot is free, the calling thread enters the kernel itself, once. It leaves
    /// reads and writes that go through the page cache to workers and blocking threads.
    ///
    /// # Errors
    ///
    /// The job comes back if the dispatcher has been shut down, if this is a forked child, or, in a
    /// callback, if too many jobs are parked. Errors of the kernel come to the callback.
    pub fn submit(&self, job: Job) -> Result<(), Refused<Job>> {
        self.submit_with(job, Patience::Until(WaitLimit::NEVER))
    }

    /// Submits a job if there is room now.
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit), and the job comes back if there is no room.
    pub fn try_submit(&self, job: Job) -> Result<(), Refused<Job>> {
        self.submit_with(job, Patience::None)
    }

    /// Submits a job, waiting no longer than `limit` for room.
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit), and the job comes back if there was no room in time.
    pub fn submit_timeout(&self, job: Job, limit: Duration) -> Result<(), Refused<Job>> {
        self.submit_with(job, Patience::Until(WaitLimit::after(limit)))
    }

    fn submit_with(&self, job: Job, patience: Patience) -> Result<(), Refused<Job>> {
        accept(&self.pipeline, iter::once(job), identity, patience).map_err(|(why, mut refused)| {
            Refused::job(why, refused.next().expect("a refused job comes back"))
        })
    }

    /// Submits many jobs, with one call of `io_submit` for all that find a free slot, and waits for
    /// room for the others. Direct writes take more calls: only others to the same file go in
    /// behind a write, as it may keep this thread in the kernel.
    ///
    /// If the kernel refuses a job, that job's callback gets the error. The others are not
    /// affected.
    ///
    /// # Blocking
    ///
    /// As for [`submit`](Self::submit), as often as the backlog fills up.
    ///
    /// # Errors
    ///
    /// The jobs that were not accepted come back, for the reasons of `submit`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = Arc::new(std::fs::File::open("Cargo.toml")?);
    /// let jobs = (0..10).map(|block| Job::read(&file, vec![0; 64], block * 64, |_| ()));
    /// dispatcher.submit_batch(jobs)?;
    /// assert_eq!(dispatcher.shutdown()?.jobs, 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn submit_batch(
        &self,
        jobs: impl IntoIterator<Item = Job>,
    ) -> Result<(), Refused<Vec<Job>>> {
        self.submit_batch_with(jobs, Patience::Until(WaitLimit::NEVER))
    }

    /// Submits as many of these jobs as there is room for now.
    ///
    /// # Errors
    ///
    /// As for [`submit_batch`](Self::submit_batch), and the jobs for which there is no room come
    /// back.
    pub fn try_submit_batch(
        &self,
        jobs: impl IntoIterator<Item = Job>,
    ) -> Result<(), Refused<Vec<Job>>> {
        self.submit_batch_with(jobs, Patience::None)
    }

    fn submit_batch_with(
        &self,
        jobs: impl IntoIterator<Item = Job>,
        patience: Patience,
    ) -> Result<(), Refused<Vec<Job>>> {
        // Collected first, as the iterator is the user's code and may itself submit or wait.
        let jobs: Vec<Job> = jobs.into_iter().collect();
        let count = jobs.len();
        accept(&self.pipeline, jobs.into_iter(), identity, patience)
            .map_err(|(why, refused)| Refused::batch(why, count - refused.len(), refused.collect()))
    }

    /// Submits a job, waiting for room, and returns a handle that waits for the callback's value.
    ///
    /// # Blocking
    ///
    /// As for [`submit`](Self::submit).
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit).
    pub fn spawn<R: Send + 'static>(&self, job: Job<R>) -> Result<JobHandle<R>, Refused<Job<R>>> {
        self.spawn_with(job, Patience::Until(WaitLimit::NEVER))
    }

    /// Spawns a job if there is room now.
    ///
    /// # Errors
    ///
    /// As for [`try_submit`](Self::try_submit).
    pub fn try_spawn<R: Send + 'static>(
        &self,
        job: Job<R>,
    ) -> Result<JobHandle<R>, Refused<Job<R>>> {
        self.spawn_with(job, Patience::None)
    }

    fn spawn_with<R: Send + 'static>(
        &self,
        job: Job<R>,
        patience: Patience,
    ) -> Result<JobHandle<R>, Refused<Job<R>>> {
        let (job, handle) = Spawned::tie(job, &self.pipeline);
        self.submit_with(job, patience)
            .map(|()| handle)
            .map_err(|refused| Refused::job(refused.kind(), Spawned::untie(refused.into_inner())))
    }

    /// Sends waiting jobs to the kernel as far as slots are free, without waiting for the end of
    /// the worker's run of callbacks: for a callback that submits jobs and then goes on for long.
    /// Reads of buffered files, which would take this thread's time, are left to the workers.
    ///
    /// # Blocking
    ///
    /// As long as io_submit(2), also in a callback. It mostly returns at once, but may wait for a
    /// full queue, for metadata, or for a file system that is frozen or doesn't answer.
    ///
    /// # Errors
    ///
    /// [`Refusal::Forked`] in a forked child.
    pub fn flush(&self) -> Result<(), Refusal> {
        if self.pipeline.is_forked() {
            return Err(Refusal::Forked);
        }
        self.pipeline.flush();
        Ok(())
    }

    /// The dispatcher's counters; all zero in a forked child.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats::of(&self.pipeline)
    }
}

impl AsRef<Self> for Submitter {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl fmt::Debug for Submitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submitter").field("stats", &self.stats()).finish()
    }
}
