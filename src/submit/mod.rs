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
#[derive(Clone)]
pub struct Submitter {
    pub(crate) pipeline: Arc<Pipeline>,
}

impl Submitter {
    /// Submits a job, waiting for room if there is none.
    ///
    /// Its callback returns nothing, as there is no handle that would get the value. To get one,
    /// [`run`](Self::run) the job or [`spawn`](Self::spawn) it; to do without, end the callback
    /// with a semicolon.
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
    ///
    /// # Examples
    ///
    /// The callback of a read submits the write of what was read:
    ///
    /// ```
    /// use reapool::{Dispatcher, FileHandle, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let submitter = dispatcher.submitter();
    /// let source = FileHandle::open_buffered("Cargo.toml")?;
    /// let copy = FileHandle::from(tempfile::tempfile()?);
    /// let target = copy.clone();
    /// dispatcher.submit(Job::read(source, vec![0; 64], 0, move |done| {
    ///     let write = Job::write(target, done.buffer, 0, |_| ());
    ///     submitter.submit(write).expect("is not refused in a callback");
    /// }))?;
    /// dispatcher.drain()?;
    /// assert_eq!(copy.size()?, 64);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn submit(&self, job: Job) -> Result<(), Refused<Job>> {
        self.submit_with(job, Patience::Until(WaitLimit::NEVER))
    }

    /// Submits a job if there is room now.
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit), and the job comes back if there is no room.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use reapool::{Dispatcher, FileHandle, Job};
    ///
    /// let dispatcher = Dispatcher::builder().depth(1).backlog(0).build()?;
    /// let submitter = dispatcher.submitter();
    /// let (go, wait) = mpsc::channel::<()>();
    /// submitter.try_submit(Job::nop(move || _ = wait.recv()))?;
    /// let file = FileHandle::open_buffered("Cargo.toml")?;
    /// let refused = submitter.try_submit(Job::read(file, vec![0; 512], 0, |_| ())).unwrap_err();
    /// let buffer: Vec<u8> = refused.into_inner().into_buffer().expect("it is of this type");
    /// assert_eq!(buffer.len(), 512);
    /// drop(go);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_submit(&self, job: Job) -> Result<(), Refused<Job>> {
        self.submit_with(job, Patience::None)
    }

    /// Submits a job, waiting no longer than `limit` for room.
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit), and the job comes back if there was no room in time.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use std::thread;
    /// use std::time::Duration;
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::builder().depth(1).backlog(0).build()?;
    /// let submitter = dispatcher.submitter();
    /// let (go, wait) = mpsc::channel::<()>();
    /// submitter.submit(Job::nop(move || _ = wait.recv()))?;
    /// thread::spawn(move || drop(go)); // ends the job, and so makes room
    /// submitter.submit_timeout(Job::nop(|| ()), Duration::from_secs(60))?;
    /// assert_eq!(dispatcher.stats().accepted, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::builder().depth(1).backlog(2).build()?;
    /// let submitter = dispatcher.submitter();
    /// let (go, wait) = mpsc::channel::<()>();
    /// submitter.submit(Job::nop(move || _ = wait.recv()))?;
    /// let jobs = (0..5).map(|_| Job::nop(|| ()));
    /// let rest = submitter.try_submit_batch(jobs).unwrap_err().into_inner();
    /// assert_eq!(rest.len(), 3);
    /// drop(go);
    /// submitter.submit_batch(rest)?; // waits for room
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// # Examples
    ///
    /// Both reads are under way before the first wait:
    ///
    /// ```
    /// use reapool::{Dispatcher, FileHandle, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let submitter = dispatcher.submitter();
    /// let file = FileHandle::open_buffered("Cargo.toml")?;
    /// let read = |offset| Job::read(&file, vec![0; 512], offset, |done| done.transferred);
    /// let (first, second) = (submitter.spawn(read(0))?, submitter.spawn(read(512))?);
    /// assert_eq!(first.join()? + second.join()?, 1024);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn spawn<R: Send + 'static>(&self, job: Job<R>) -> Result<JobHandle<R>, Refused<Job<R>>> {
        self.spawn_with(job, Patience::Until(WaitLimit::NEVER))
    }

    /// Spawns a job if there is room now.
    ///
    /// # Errors
    ///
    /// As for [`try_submit`](Self::try_submit).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use reapool::{Dispatcher, Job, Refusal};
    ///
    /// let dispatcher = Dispatcher::builder().depth(1).backlog(0).build()?;
    /// let submitter = dispatcher.submitter();
    /// let (go, wait) = mpsc::channel::<()>();
    /// let handle = submitter.try_spawn(Job::nop(move || wait.recv().is_err()))?;
    /// let refused = submitter.try_spawn(Job::nop(|| 7)).unwrap_err();
    /// assert_eq!(refused.kind(), Refusal::Full);
    /// drop(go);
    /// assert!(handle.join()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Job, Refusal};
    ///
    /// let dispatcher = Dispatcher::builder().workers(1).build()?;
    /// let (submitter, file) = (dispatcher.submitter(), tempfile::tempfile()?);
    /// let sent = dispatcher.run(Job::nop(move || {
    ///     submitter.submit(Job::sync_data(file, |_| ()))?;
    ///     let before = submitter.stats().submitted;
    ///     submitter.flush()?;
    ///     // The kernel has it, and this callback may go on for long.
    ///     Ok::<_, Refusal>(submitter.stats().submitted - before)
    /// }))??;
    /// assert_eq!(sent, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flush(&self) -> Result<(), Refusal> {
        if self.pipeline.is_forked() {
            return Err(Refusal::Forked);
        }
        self.pipeline.flush();
        Ok(())
    }

    /// The dispatcher's counters; all zero in a forked child.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let submitter = dispatcher.submitter();
    /// submitter.submit(Job::nop(|| ()))?;
    /// drop(dispatcher); // the counters stay
    /// assert_eq!(submitter.stats().finished, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
