//! Event-loop mode: a dispatcher without threads, whose owner runs the callbacks.
//!
//! `doorbell.rs` has the counter by which the owner is told, `turn.rs` what it does then.

mod turn;

use std::fmt;
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::admission::limits::Limits;
use crate::blocking::BlockingPool;
use crate::dispatcher::builder::{Builder, Settings};
use crate::dispatcher::error::{BuildError, BuildFailure, DrainError, ShutdownError};
use crate::dispatcher::setup::set_up_counting;
use crate::dispatcher::{ShutdownReport, check_wait};
use crate::engine::Engine;
use crate::job::Job;
use crate::pipeline::wakeups::doorbell::Doorbell;
use crate::pipeline::{Pipeline, Runs};
use crate::submit::Submitter;
use crate::submit::handle::JobHandle;
use crate::submit::refused::Refused;
use crate::submit::stats::Stats;
use crate::sync::Instant;
use crate::wait::limit::WaitLimit;

/// How long [`LoopDispatcher::drain`] leaves a kernel alone that doesn't hand over completions. There
/// is no such error for a live context, but a policy that forbids the call may have been put in place.
const PAUSE: Duration = Duration::from_millis(10);

/// Performs jobs without threads, for programs that live in an event loop: it is a file descriptor for
/// epoll(7), poll(2), select(2), or what wraps them, and when that is readable, [`run`](Self::run) runs
/// the callbacks on the thread that calls it.
///
/// Made by [`Builder::build_loop`]. Jobs, submitting and what is guaranteed are as with a
/// [`Dispatcher`](crate::Dispatcher), but for what concerns its threads.
///
/// # When to choose it
///
/// For a program that has a loop, with little to do in callbacks: there is no thread to be woken, and
/// callbacks share the loop's data without locks, by way of channels or messages. Where callbacks
/// compute, use a [`Dispatcher`](crate::Dispatcher), and a queue for what they bring to the loop.
///
/// # The descriptor
///
/// It is readable while there is something to do. [`run`](Self::run) takes no more completions than
/// it has been told of by then, and leaves or makes the descriptor readable if there are more: with a
/// level-triggered loop, call it when the descriptor is readable; with an edge-triggered one, once for
/// each edge. Calling it more often does no harm. Don't read or write the descriptor, an eventfd whose
/// count is what `run` goes by, and don't add it to an epoll set in a forked child.
///
/// # What blocks
///
/// Everything that blocks the calling thread blocks the loop: callbacks, and what native AIO doesn't do
/// asynchronously. Without threads for what blocks, the default here,
///
/// - reads through the page cache are done in `run`: at once if the data is there, else waiting for it;
/// - writes through the page cache are done by the thread that submits them, or in `run`;
/// - the work of [`Job::blocking`] is done in `run`.
///
/// With [`blocking_threads`](Builder::blocking_threads) it is these that wait, and callbacks
/// run in `run` as ever. Direct I/O, syncs and polls need none.
///
/// # Other threads, and waiting
///
/// A [`Submitter`] lets callbacks and other threads submit. Other threads can wait for room and for
/// [handles](JobHandle) as with a dispatcher, as long as the owner calls `run`.
///
/// The owner can't: it would wait for itself. So on the thread that last called `run` or
/// [`drain`](Self::drain), whatever would wait for room is refused with
/// [`Full`](crate::Refusal::Full), and [`JobHandle::join`] as in a callback. Waiting for what
/// only callbacks bring by other means, a channel or a full [`BufferPool`](crate::BufferPool), is not
/// found out, and lasts for ever; nor is it found out before the first `run` or `drain`, nor if a
/// [scope](Submitter::scope)'s body is what calls them first.
///
/// # Dropping
///
/// Waits until all callbacks have run, running them, as [`shutdown`](Self::shutdown) does; so does
/// dropping it while a panic unwinds. [`std::mem::forget`] leaks instead what is outstanding, and no
/// callback runs any more: it is what there is for a program that can't wait for a stuck device.
/// It is leaked as well when it is dropped in a forked child, or by the work of a blocking job of its
/// own, which can't wait for itself.
///
/// # Examples
///
/// ```
/// use std::os::fd::AsFd;
/// use std::sync::mpsc;
/// use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
/// use reapool::{AlignedBuf, Dispatcher, FileHandle, Job};
///
/// let mut jobs = Dispatcher::builder().depth(16).build_loop()?;
/// let file = FileHandle::open_direct_or_buffered("Cargo.toml")?;
/// let (tell, told) = mpsc::channel();
/// jobs.submit(Job::read(&file, AlignedBuf::zeroed(4096), 0, move |done| {
///     let _ = tell.send(done.data().starts_with(b"[package]"));
/// }))?;
///
/// let mut ready = [PollFd::new(jobs.as_fd(), PollFlags::POLLIN)];
/// poll(&mut ready, PollTimeout::NONE)?;
/// assert_eq!(jobs.run(64)?, 1);
/// assert_eq!(told.try_recv(), Ok(true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct LoopDispatcher {
    submitter: Submitter,
    /// It has been shut down.
    is_over: bool,
}

impl LoopDispatcher {
    /// Makes one with the default settings.
    ///
    /// # Errors
    ///
    /// As for [`Builder::build_loop`].
    pub fn new() -> Result<Self, BuildError> {
        Builder::default().build_loop()
    }

    /// A handle for submitting from callbacks and from other threads.
    #[must_use]
    pub fn submitter(&self) -> Submitter {
        self.submitter.clone()
    }

    /// How many jobs can be in the kernel, on their way to a callback or in it at a time: what was
    /// asked of the builder, or less if it was allowed to shrink.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.pipeline().admission().limits().depth as usize
    }

    /// The counters; all zero in a forked child.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.submitter.stats()
    }

    /// Submits a job if there is room.
    ///
    /// It never waits for room, unlike [`Submitter::submit`] elsewhere. If a slot is free, it enters the
    /// kernel, once.
    ///
    /// # Errors
    ///
    /// The job comes back with [`Full`](crate::Refusal::Full) if as many are outstanding as
    /// depth and backlog together, and with [`Forked`](crate::Refusal::Forked) in a forked
    /// child.
    pub fn try_submit(&self, job: Job) -> Result<(), Refused<Job>> {
        self.submitter.try_submit(job)
    }

    /// Submits as many of these jobs as there is room for, with one call of io_submit(2).
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit); those that were not accepted come back.
    pub fn try_submit_batch(
        &self,
        jobs: impl IntoIterator<Item = Job>,
    ) -> Result<(), Refused<Vec<Job>>> {
        self.submitter.try_submit_batch(jobs)
    }

    /// Submits a job, and returns a handle with the callback's value: to be
    /// [joined](JobHandle::join) when it is [finished](JobHandle::is_finished), or by another thread.
    ///
    /// # Errors
    ///
    /// As for [`submit`](Self::submit).
    pub fn try_spawn<R: Send + 'static>(
        &self,
        job: Job<R>,
    ) -> Result<JobHandle<R>, Refused<Job<R>>> {
        self.submitter.try_spawn(job)
    }

    /// Takes what has completed, no more than was told by then and no more than `most`, runs the
    /// callbacks, and submits what these have submitted and what waited for a free slot. Returns how
    /// many callbacks ran.
    ///
    /// It may be called at any time, and does nothing if there is nothing to do. If some were left, the
    /// descriptor stays readable, and an edge-triggered loop gets an edge. `usize::MAX` stands for all
    /// that are there; a smaller number lets a loop see to its other descriptors. With 0 no callback
    /// runs.
    ///
    /// A callback's panic doesn't get here: as with a [`Dispatcher`](crate::Dispatcher) it is
    /// counted, given to the handle, and told to the [panic handler](Builder::panic_handler).
    ///
    /// # Blocking
    ///
    /// It waits for no completion; see [what blocks](Self#what-blocks).
    ///
    /// # Errors
    ///
    /// What io_getevents(2) says, which knows no error for a live context. Nothing is lost then: the
    /// descriptor stays readable. And of the kind [`Unsupported`](io::ErrorKind::Unsupported) in
    /// a forked child, also if it was a callback that forked.
    pub fn run(&mut self, most: usize) -> io::Result<usize> {
        turn::run(self.pipeline(), most)
    }

    /// When [`run`](Self::run) is to be called although the descriptor may not be readable: the first
    /// [deadline](Job::start_by) of a job that waits. To be asked after each `run`, for the loop's
    /// timer; if an earlier one comes up meanwhile, the descriptor gets readable. `None` in a forked
    /// child.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let pipeline = self.pipeline();
        if pipeline.is_forked() {
            return None;
        }
        let mut books = pipeline.admission().lock();
        let next = books.next_deadline();
        books.flags_mut().tell_deadline(next);
        next
    }

    /// Runs callbacks until no job is outstanding: those of jobs that callbacks and other threads submit
    /// meanwhile included.
    ///
    /// # Blocking
    ///
    /// As long as jobs are outstanding, waiting for the kernel.
    ///
    /// # Errors
    ///
    /// [`DrainError`], if called by the work of a blocking job of its own or in a forked child.
    pub fn drain(&mut self) -> Result<(), DrainError> {
        self.drain_until(WaitLimit::NEVER)
    }

    /// As [`drain`](Self::drain), but doesn't wait longer than `limit`. What is there to be run is run,
    /// once, even if that is zero.
    ///
    /// # Errors
    ///
    /// As for `drain`, and [`DrainError::TimedOut`].
    pub fn drain_timeout(&mut self, limit: Duration) -> Result<(), DrainError> {
        self.drain_until(WaitLimit::after(limit))
    }

    fn drain_until(&mut self, limit: WaitLimit) -> Result<(), DrainError> {
        check_wait(self.pipeline())?;
        self.doorbell().become_owner();
        let mut was_last = false;
        while self.pipeline().admission().lock().outstanding() > 0 {
            if was_last {
                return Err(DrainError::TimedOut);
            }
            let next =
                self.next_deadline().map(|next| next.saturating_duration_since(Instant::now()));
            self.doorbell().wait(limit.left().into_iter().chain(next).min());
            was_last = limit.left() == Some(Duration::ZERO);
            if self.run(usize::MAX).is_err() {
                if self.pipeline().is_forked() {
                    return Err(DrainError::Forked);
                }
                thread::sleep(PAUSE);
            }
        }
        Ok(())
    }

    /// Refuses new jobs from outside callbacks, runs callbacks until no job is outstanding, ends the
    /// kernel's context, and reports.
    ///
    /// # Blocking
    ///
    /// As long as jobs are outstanding: a stuck device blocks it for as long as it is stuck. And then
    /// for the tens of milliseconds that io_destroy(2) takes. [`drain_timeout`](Self::drain_timeout) finds that out.
    ///
    /// # Errors
    ///
    /// [`ShutdownError::InCallback`] with the dispatcher if called by the work of a blocking job of its
    /// own, [`ShutdownError::Forked`] in a forked child.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Job, LoopDispatcher};
    ///
    /// let jobs = LoopDispatcher::new()?;
    /// jobs.submit(Job::nop(|| ()))?;
    /// assert_eq!(jobs.shutdown()?.jobs, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shutdown(mut self) -> Result<ShutdownReport, ShutdownError<Self>> {
        match self.end() {
            Ok(()) => Ok(ShutdownReport::of(self.stats())),
            Err(refusal) => Err(ShutdownError::refused(refusal, self)),
        }
    }

    fn end(&mut self) -> Result<(), DrainError> {
        check_wait(self.pipeline())?;
        self.pipeline().close();
        self.drain_until(WaitLimit::NEVER)?;
        self.is_over = true;
        let launcher = self.pipeline().launcher();
        launcher.engine().close();
        launcher.blocking().join();
        Ok(())
    }

    fn pipeline(&self) -> &Pipeline {
        &self.submitter.pipeline
    }

    fn doorbell(&self) -> &Doorbell {
        self.pipeline().wakeups().owner().doorbell()
    }
}

impl Builder {
    /// Makes a dispatcher without threads, for an event loop: whoever has it runs the callbacks.
    ///
    /// [`workers`](Self::workers) and [`coalesce`](Self::coalesce) mean nothing to it. There are no
    /// [`blocking_threads`](Self::blocking_threads) unless they are asked for: [`LoopDispatcher`] says
    /// what that means.
    ///
    /// # Errors
    ///
    /// As for [`build`](Self::build). It takes native AIO: [`Backend::BlockingThreads`] is refused, and
    /// [`Backend::Automatic`] is [`Backend::Aio`].
    pub fn build_loop(self) -> Result<LoopDispatcher, BuildError> {
        let mut settings = self.for_event_loop()?;
        let doorbell = Doorbell::new().map_err(|error| BuildError(BuildFailure::Setup(error)))?;
        let Settings { backend, limits, shrink_depth, .. } = settings;
        let (engine, depth) =
            set_up_counting(backend, limits.depth, shrink_depth, &doorbell.counter())?;
        settings.limits = Limits { depth, ..limits };
        Ok(settings.start_loop(engine, doorbell))
    }
}

impl Settings {
    /// Makes an event loop over an engine that counts completions on the doorbell's eventfd.
    pub(crate) fn start_loop(self, engine: Box<dyn Engine>, doorbell: Doorbell) -> LoopDispatcher {
        let blocking = BlockingPool::new(self.blocking_threads);
        let runs = Runs::Owner(doorbell);
        // Nobody but the pipeline sends, so there is no use for the other sender.
        let (pipeline, _) = Pipeline::new(engine, self.limits, runs, blocking, self.panic_handler);
        LoopDispatcher { submitter: Submitter { pipeline }, is_over: false }
    }
}

impl AsFd for LoopDispatcher {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.doorbell().as_fd()
    }
}

impl AsRawFd for LoopDispatcher {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl Drop for LoopDispatcher {
    fn drop(&mut self) {
        if self.is_over || self.end().is_ok() {
            return;
        }
        // The context and what is outstanding are the parent's, or nobody runs the callbacks any more:
        // what the kernel may still write into is never freed.
        if !self.pipeline().is_forked() {
            self.pipeline().close();
        }
        mem::forget(Arc::clone(&self.submitter.pipeline));
    }
}

impl fmt::Debug for LoopDispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopDispatcher")
            .field("depth", &self.depth())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
