//! The dispatcher, which owns the threads and the kernel's context. It ends here: drain, shutdown
//! and drop, and for tasks in `futures.rs`. It begins in `start.rs`.
//!
//! `builder.rs` has its settings, and `setup.rs` makes the engine. `submitting.rs` has the methods
//! that submit. "Ending" in `pipeline/README.md` says in which order the threads end.

pub(crate) mod builder;
pub(crate) mod error;
pub(crate) mod futures;
pub(crate) mod setup;
mod start;
mod submitting;
mod threads;

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use crate::dispatcher::builder::Builder;
use crate::dispatcher::error::{DrainError, ShutdownError};
use crate::engine::backend::Backend;
use crate::pipeline::Pipeline;
use crate::pipeline::reaper::Reaper;
use crate::submit::Submitter;
use crate::submit::stats::Stats;
use crate::sync::thread::JoinHandle;
use crate::wait::limit::WaitLimit;

/// Performs jobs. It owns the kernel's context, the reaper thread and the workers.
///
/// It submits jobs like a [`Submitter`]. [`submitter`](Self::submitter) makes a `Submitter` for
/// other threads, for callbacks, and for operations that a task awaits ([`Submitter::read`]).
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use reapool::{AlignedBuf, Dispatcher, Job};
///
/// let dispatcher = Dispatcher::builder().depth(32).workers(2).build()?;
/// let file = Arc::new(std::fs::File::open("Cargo.toml")?);
/// let label = "manifest";
/// dispatcher.submit(Job::read(&file, AlignedBuf::zeroed(4096), 0, move |done| {
///     println!("{label}: {:?}", done.result);
/// }))?;
/// dispatcher.drain()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Dropping
///
/// Dropping a dispatcher does what [`shutdown`](Self::shutdown) does, but leaves the end of the
/// kernel's context to the reaper thread, which lasts a little longer: io_destroy(2) takes tens of
/// milliseconds even when nothing is in flight. If a dispatcher is dropped in a callback of its
/// own, this only refuses further jobs from outside callbacks. The threads then end by themselves
/// when the last callback has returned.
///
/// In a task, where nothing may block, await [`shutdown_async`](Self::shutdown_async). Where
/// nothing can be awaited, as in a destructor, [`detach`](Self::detach) leaves the threads to end
/// by themselves.
pub struct Dispatcher {
    submitter: Submitter,
    /// `None` once the threads have been joined or left to themselves.
    reaper: Option<Reaper>,
    workers: Vec<JoinHandle<()>>,
}

/// The counts of a dispatcher from its start to its shutdown.
///
/// # Examples
///
/// ```
/// use reapool::{Dispatcher, FileHandle, Job};
///
/// let dispatcher = Dispatcher::new()?;
/// let read_only = FileHandle::open_buffered("Cargo.toml")?;
/// dispatcher.submit(Job::read(&read_only, vec![0; 64], 0, |_| ()))?;
/// dispatcher.submit(Job::write(&read_only, "x", 0, |_| ()))?;
/// let report = dispatcher.shutdown()?;
/// assert_eq!((report.jobs, report.failed, report.panics), (2, 1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Jobs whose callback ran.
    pub jobs: u64,
    /// Of these, jobs whose result was an error.
    pub failed: u64,
    /// Of these, jobs whose callback panicked.
    pub panics: u64,
    /// All counters, as they stood at the end.
    pub stats: Stats,
}

impl ShutdownReport {
    pub(crate) fn of(stats: Stats) -> Self {
        Self { jobs: stats.finished, failed: stats.failed, panics: stats.panics, stats }
    }
}

/// Whether the calling thread may wait for jobs. In a callback it would wait for itself, and in a
/// forked child for nothing.
pub(crate) fn check_wait(pipeline: &Pipeline) -> Result<(), DrainError> {
    if pipeline.is_forked() {
        return Err(DrainError::Forked);
    }
    if pipeline.is_outstanding_here() { Err(DrainError::InCallback) } else { Ok(()) }
}

fn drain_until(pipeline: &Pipeline, limit: WaitLimit) -> Result<(), DrainError> {
    check_wait(pipeline)?;
    if pipeline.admission().wait_until_quiet(limit) { Ok(()) } else { Err(DrainError::TimedOut) }
}

fn shutdown_until(
    mut dispatcher: Dispatcher,
    limit: WaitLimit,
) -> Result<ShutdownReport, ShutdownError<Dispatcher>> {
    if let Err(refusal) = check_wait(dispatcher.pipeline()) {
        return Err(ShutdownError::refused(refusal, dispatcher));
    }
    dispatcher.pipeline().close();
    if !dispatcher.pipeline().admission().wait_until_quiet(limit) {
        dispatcher.reaper = None;
        return Err(ShutdownError::TimedOut(Box::new(dispatcher.stats())));
    }
    dispatcher.join_threads(Reaper::join);
    Ok(ShutdownReport::of(dispatcher.stats()))
}

impl Dispatcher {
    /// Returns the default settings of a dispatcher, to be changed and built.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::Dispatcher;
    ///
    /// let dispatcher = Dispatcher::builder().depth(64).workers(2).build()?;
    /// assert_eq!(dispatcher.depth(), 64);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A handle for submitting from other threads and from callbacks.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::thread;
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let submitter = dispatcher.submitter();
    /// let other = thread::spawn(move || submitter.run(Job::nop(|| (1..=100).sum::<u64>())));
    /// assert_eq!(other.join().unwrap()?, 5050);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn submitter(&self) -> Submitter {
        self.submitter.clone()
    }

    /// How many jobs can be in the kernel, with a blocking thread, on the channel or in a callback
    /// at the same time. This is the depth that the builder was asked for, or a smaller one if it
    /// was allowed to shrink.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.pipeline().admission().limits().depth as usize
    }

    /// How operations are performed. If the builder was asked for [`Backend::Automatic`], this is
    /// the backend that it chose.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.pipeline().launcher().engine().backend()
    }

    /// Waits until no job is outstanding. Then the callback of every accepted job has run, also of
    /// the jobs that callbacks submitted.
    ///
    /// # Blocking
    ///
    /// As long as jobs are outstanding. This never ends if other threads or callbacks keep
    /// submitting.
    ///
    /// # Errors
    ///
    /// [`DrainError`], if called in a callback of this dispatcher or in a forked child.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let submitter = dispatcher.submitter();
    /// dispatcher.submit(Job::nop(move || {
    ///     submitter.submit(Job::nop(|| ())).expect("is not refused in a callback");
    /// }))?;
    /// dispatcher.drain()?;
    /// assert_eq!(dispatcher.stats().finished, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn drain(&self) -> Result<(), DrainError> {
        drain_until(self.pipeline(), WaitLimit::NEVER)
    }

    /// Waits like [`drain`](Self::drain), but no longer than `limit`.
    ///
    /// # Errors
    ///
    /// As for `drain`, and [`DrainError::TimedOut`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    /// use reapool::{Dispatcher, DrainError, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let (go, wait) = mpsc::channel::<()>();
    /// dispatcher.submit(Job::nop(move || _ = wait.recv()))?;
    /// assert_eq!(dispatcher.drain_timeout(Duration::from_millis(1)), Err(DrainError::TimedOut));
    /// drop(go);
    /// dispatcher.drain_timeout(Duration::from_secs(60))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn drain_timeout(&self, limit: Duration) -> Result<(), DrainError> {
        drain_until(self.pipeline(), WaitLimit::after(limit))
    }

    /// Refuses new jobs from outside callbacks, and waits until the callback of every accepted job
    /// has run, also of the jobs that callbacks submit. Then it ends the threads and the kernel's
    /// context, and reports. Nothing of the dispatcher is left.
    ///
    /// # Blocking
    ///
    /// As long as jobs are outstanding. A stuck device blocks this for as long as it is stuck;
    /// [`shutdown_timeout`](Self::shutdown_timeout) stops waiting.
    ///
    /// # Errors
    ///
    /// [`ShutdownError::InCallback`] with the dispatcher if called in a callback of its own,
    /// [`ShutdownError::Forked`] in a forked child.
    ///
    /// # Examples
    ///
    /// ```
    /// let dispatcher = reapool::Dispatcher::new()?;
    /// let report = dispatcher.shutdown()?;
    /// assert_eq!((report.jobs, report.panics), (0, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shutdown(self) -> Result<ShutdownReport, ShutdownError<Self>> {
        shutdown_until(self, WaitLimit::NEVER)
    }

    /// Shuts down like [`shutdown`](Self::shutdown), but waits no longer than `limit` for the jobs.
    ///
    /// # Errors
    ///
    /// As for `shutdown`, and [`ShutdownError::TimedOut`], which says what was left. Memory that
    /// the kernel may still write into is not freed, but left to the threads. When the process
    /// exits, Linux itself waits for these requests (`exit_aio` in the kernel's `fs/aio.c`).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    /// use reapool::{Dispatcher, Job, ShutdownError};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let (go, wait) = mpsc::channel::<()>();
    /// let handle = dispatcher.spawn(Job::nop(move || wait.recv().is_err()))?;
    /// let ended = dispatcher.shutdown_timeout(Duration::from_millis(1));
    /// let Err(ShutdownError::TimedOut(stats)) = ended else { unreachable!() };
    /// assert_eq!(stats.outstanding, 1);
    /// drop(go);
    /// assert!(handle.join()?, "its callback runs as ever");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shutdown_timeout(self, limit: Duration) -> Result<ShutdownReport, ShutdownError<Self>> {
        shutdown_until(self, WaitLimit::after(limit))
    }

    /// Refuses new jobs from outside callbacks, and waits for nothing. When the callback of every
    /// accepted job has run, also of the jobs that callbacks submit, the threads end by themselves.
    ///
    /// Can be called in callbacks and destructors. In a forked child it does nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let handle = dispatcher.spawn(Job::nop(|| 7))?;
    /// let submitter = dispatcher.submitter();
    /// dispatcher.detach();
    /// assert!(submitter.submit(Job::nop(|| ())).is_err());
    /// assert_eq!(handle.join()?, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn detach(mut self) {
        if !self.pipeline().is_forked() {
            self.pipeline().close();
            self.reaper = None;
        }
    }

    /// Waits for the threads to end. They have been told to, or are about to be.
    fn join_threads(&mut self, join_reaper: fn(Reaper)) {
        let pipeline = &self.submitter.pipeline;
        pipeline.admission().wait_until_threads_are_told();
        let reaper = self.reaper.take();
        if !pipeline.is_reaper_deaf() {
            reaper.map(join_reaper);
            for worker in self.workers.drain(..) {
                // The crate's own threads don't panic: they would have aborted the process.
                let _ = worker.join();
            }
        }
        pipeline.launcher().join_threads();
    }

    pub(crate) fn pipeline(&self) -> &Arc<Pipeline> {
        &self.submitter.pipeline
    }
}

impl Drop for Dispatcher {
    fn drop(&mut self) {
        if self.pipeline().is_forked() {
            // The threads are the parent's, so there is nobody to tell and nothing to wait for. The
            // copies of their stacks never give up their shares of the pipeline, so the context
            // isn't touched.
            mem::forget(self.reaper.take());
            mem::forget(mem::take(&mut self.workers));
            return;
        }
        if self.reaper.is_none() {
            return;
        }
        self.pipeline().close();
        if !self.pipeline().is_outstanding_here() {
            self.pipeline().admission().wait_until_quiet(WaitLimit::NEVER);
            self.join_threads(Reaper::leave);
        }
    }
}

impl AsRef<Submitter> for Dispatcher {
    fn as_ref(&self) -> &Submitter {
        &self.submitter
    }
}

impl fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatcher")
            .field("depth", &self.depth())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
