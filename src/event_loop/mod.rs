//! Event-loop mode: a dispatcher without threads. Its owner, a thread of the user's, runs the
//! callbacks. How such a dispatcher ends is here, too (drain, shutdown, drop).
//!
//! `turn.rs` has what the owner does in a turn. `pipeline/wakeups/doorbell.rs` has the counter that
//! tells it of work. "Event loop" in `pipeline/README.md` is the protocol.

mod turn;

use std::fmt;
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

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

/// How long [`LoopDispatcher::drain`] pauses after the kernel has refused to hand over completions.
/// There is no such error for a live context, but the process may have put a policy in place that
/// forbids the call.
const PAUSE: Duration = Duration::from_millis(10);

/// Performs jobs without threads of its own, for programs that have an event loop.
///
/// It is a file descriptor for epoll(7), poll(2), select(2), or a library that wraps them. When the
/// descriptor is readable, the program calls [`run`](Self::run), which runs the callbacks on the
/// calling thread.
///
/// [`Builder::build_loop`] makes it. Jobs, submitting and the guarantees are as with a
/// [`Dispatcher`](crate::Dispatcher), except for what concerns a dispatcher's threads.
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
/// jobs.try_submit(Job::read(&file, AlignedBuf::zeroed(4096), 0, move |done| {
///     let _ = tell.send(done.data().starts_with(b"[package]"));
/// }))?;
///
/// let mut ready = [PollFd::new(jobs.as_fd(), PollFlags::POLLIN)];
/// poll(&mut ready, PollTimeout::NONE)?;
/// assert_eq!(jobs.run(64)?, 1);
/// assert_eq!(told.try_recv(), Ok(true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # When to choose it
///
/// For a program that has a loop, with little to do in callbacks. There is no thread to be woken,
/// and callbacks share the loop's data without locks, by way of channels or messages. If callbacks
/// compute, use a [`Dispatcher`](crate::Dispatcher), and a queue that takes their results to the
/// loop.
///
/// # The descriptor
///
/// It is readable while there is something to do. [`run`](Self::run) takes no more completions than
/// it has been told of when it begins. If there are more, it leaves the descriptor readable, or
/// makes it readable. In a level-triggered loop, call `run` when the descriptor is readable. In an
/// edge-triggered loop, call it once for each edge. Calling it more often does no harm.
///
/// Don't read or write the descriptor: it is an eventfd, and `run` goes by its count. Don't add it
/// to an epoll set in a forked child.
///
/// # What blocks
///
/// Everything that blocks the calling thread blocks the loop: callbacks, and operations that native
/// AIO doesn't perform asynchronously. Without blocking threads, which is the default here,
///
/// - `run` performs reads through the page cache: at once if the data is there, else it waits;
/// - the thread that submits performs writes through the page cache, or `run` does;
/// - `run` does the work of [`Job::blocking`].
///
/// With [`blocking_threads`](Builder::blocking_threads), it is these threads that wait, and
/// callbacks run in `run` as ever. Direct I/O, syncs and polls need no blocking threads.
///
/// # Other threads, and waiting
///
/// A [`Submitter`] lets callbacks and other threads submit. Other threads can wait for room and for
/// [handles](JobHandle) as with a dispatcher, as long as the owner calls `run`.
///
/// The owner can't: it would wait for itself. So on the thread that last called `run` or
/// [`drain`](Self::drain), a submission that would wait for room is refused with
/// [`Full`](crate::Refusal::Full), and [`JobHandle::join`] is refused as in a callback.
///
/// Some waits of the owner for its own callbacks are not found out. They last for ever:
///
/// - waits by other means, such as a channel or a full [`BufferPool`](crate::BufferPool);
/// - waits before the first `run` or `drain`;
/// - the wait of a [scope](Submitter::scope) whose body is the first to call one of these.
///
/// # Dropping
///
/// Dropping it waits until all callbacks have run, and runs them, as [`shutdown`](Self::shutdown)
/// does. It does so while a panic unwinds, too.
///
/// A program that can't wait for a stuck device can pass it to [`std::mem::forget`] instead. This
/// leaks all that is outstanding, and no callback runs any more. Outstanding jobs are leaked as
/// well if it is dropped in a forked child, or by the work of a blocking job of its own, which
/// can't wait for itself.
pub struct LoopDispatcher {
    submitter: Submitter,
    /// It has been shut down.
    is_over: bool,
}

impl LoopDispatcher {
    /// Makes a dispatcher for an event loop with the default settings.
    ///
    /// # Errors
    ///
    /// As for [`Builder::build_loop`].
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Job, LoopDispatcher};
    ///
    /// let mut jobs = LoopDispatcher::new()?;
    /// jobs.try_submit(Job::nop(|| println!("on the thread that calls run")))?;
    /// assert_eq!(jobs.run(64)?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new() -> Result<Self, BuildError> {
        Builder::default().build_loop()
    }

    /// A handle for submitting from callbacks and from other threads.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::thread;
    /// use reapool::{Job, LoopDispatcher};
    ///
    /// let mut jobs = LoopDispatcher::new()?;
    /// let submitter = jobs.submitter();
    /// thread::spawn(move || submitter.submit(Job::nop(|| ()))).join().unwrap()?;
    /// assert_eq!(jobs.run(64)?, 1, "on this thread");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn submitter(&self) -> Submitter {
        self.submitter.clone()
    }

    /// How many jobs can be in the kernel, with a blocking thread, on their way to a callback or in
    /// it at the same time. This is the depth that the builder was asked for, or a smaller one if
    /// it was allowed to shrink.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.pipeline().admission().limits().depth as usize
    }

    /// The counters; all zero in a forked child.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Job, LoopDispatcher};
    ///
    /// let mut jobs = LoopDispatcher::new()?;
    /// jobs.try_submit(Job::nop(|| ()))?;
    /// assert_eq!(jobs.stats().outstanding, 1);
    /// jobs.run(64)?;
    /// assert_eq!((jobs.stats().outstanding, jobs.stats().finished), (0, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.submitter.stats()
    }

    /// Submits a job if there is room.
    ///
    /// It never waits for room, unlike [`Submitter::submit`] on other threads. If a slot is free,
    /// the calling thread enters the kernel, once.
    ///
    /// # Errors
    ///
    /// The job comes back with [`Full`](crate::Refusal::Full) if as many are outstanding as
    /// depth and backlog together, and with [`Forked`](crate::Refusal::Forked) in a forked
    /// child.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Job, Refusal};
    ///
    /// let mut jobs = Dispatcher::builder().depth(1).backlog(0).build_loop()?;
    /// jobs.try_submit(Job::nop(|| ()))?;
    /// let refused = jobs.try_submit(Job::nop(|| ())).unwrap_err();
    /// assert_eq!(refused.kind(), Refusal::Full);
    /// jobs.run(64)?; // makes room
    /// jobs.try_submit(refused.into_inner())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_submit(&self, job: Job) -> Result<(), Refused<Job>> {
        self.submitter.try_submit(job)
    }

    /// Submits as many of these jobs as there is room for, with one call of io_submit(2), or more
    /// as for [`Submitter::submit_batch`].
    ///
    /// # Errors
    ///
    /// As for [`try_submit`](Self::try_submit). The jobs that were not accepted come back.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Job};
    ///
    /// let mut jobs = Dispatcher::builder().depth(2).backlog(1).build_loop()?;
    /// let refused = jobs.try_submit_batch((0..5).map(|_| Job::nop(|| ()))).unwrap_err();
    /// assert_eq!(refused.accepted(), 3);
    /// jobs.drain()?;
    /// jobs.try_submit_batch(refused.into_inner())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_submit_batch(
        &self,
        jobs: impl IntoIterator<Item = Job>,
    ) -> Result<(), Refused<Vec<Job>>> {
        self.submitter.try_submit_batch(jobs)
    }

    /// Submits a job if there is room, and returns a handle to its callback's value. The owner can
    /// [join](JobHandle::join) the handle when it is [finished](JobHandle::is_finished), other
    /// threads at any time.
    ///
    /// # Errors
    ///
    /// As for [`try_submit`](Self::try_submit).
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Job, LoopDispatcher};
    ///
    /// let mut jobs = LoopDispatcher::new()?;
    /// let handle = jobs.try_spawn(Job::nop(|| (1..=100).sum::<u64>()))?;
    /// assert!(!handle.is_finished());
    /// jobs.run(64)?;
    /// assert_eq!(handle.join()?, 5050);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_spawn<R: Send + 'static>(
        &self,
        job: Job<R>,
    ) -> Result<JobHandle<R>, Refused<Job<R>>> {
        self.submitter.try_spawn(job)
    }

    /// Runs the callbacks of completed jobs. Then it submits the jobs that these callbacks have
    /// submitted, and jobs that waited for a free slot. Returns how many callbacks ran.
    ///
    /// It takes at most `most` completed jobs, and no more than it has been told of when it begins.
    /// If some are left, the descriptor stays readable, and an edge-triggered loop gets an edge.
    /// `usize::MAX` stands for all that are there. A smaller number lets a loop look after its
    /// other descriptors. With 0 no callback runs.
    ///
    /// It may be called at any time, and does nothing if there is nothing to do.
    ///
    /// A callback's panic doesn't leave `run`. As with a [`Dispatcher`](crate::Dispatcher), it is
    /// counted, given to the job's handle, and reported to the
    /// [panic handler](Builder::panic_handler).
    ///
    /// # Blocking
    ///
    /// It waits for no completion. Callbacks, and what native AIO doesn't do, may block: see
    /// [What blocks](Self#what-blocks).
    ///
    /// # Errors
    ///
    /// The error of io_getevents(2), which has none for a live context. Nothing is lost then, and
    /// the descriptor stays readable. In a forked child, an error of the kind
    /// [`Unsupported`](io::ErrorKind::Unsupported), also if it was a callback that forked.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Job, LoopDispatcher};
    ///
    /// let mut jobs = LoopDispatcher::new()?;
    /// jobs.try_submit_batch((0..3).map(|_| Job::nop(|| ())))?;
    /// assert_eq!([jobs.run(2)?, jobs.run(2)?, jobs.run(2)?], [2, 1, 0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run(&mut self, most: usize) -> io::Result<usize> {
        turn::run(self.pipeline(), most)
    }

    /// The time at which to call [`run`](Self::run) although the descriptor may not be readable:
    /// the first [deadline](Job::start_by) of a job that waits. `None` if there is no deadline, and
    /// in a forked child.
    ///
    /// Ask for it after each `run`, and set the loop's timer to it. If an earlier deadline comes up
    /// meanwhile, the descriptor becomes readable.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io;
    /// use std::os::fd::OwnedFd;
    /// use std::time::{Duration, Instant};
    /// use reapool::{FileHandle, Job, LoopDispatcher, PollEvents};
    ///
    /// let mut jobs = LoopDispatcher::new()?;
    /// let (reader, writer) = io::pipe()?;
    /// let pipe = FileHandle::from(OwnedFd::from(reader));
    /// let deadline = Instant::now() + Duration::from_secs(60);
    /// jobs.try_submit(Job::poll(&pipe, PollEvents::READABLE, |_| ()).start_by(deadline))?;
    /// assert_eq!(jobs.next_deadline(), Some(deadline));
    /// drop(writer); // a hang-up, for which every poll waits
    /// jobs.drain()?;
    /// assert_eq!(jobs.next_deadline(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

    /// Runs callbacks until no job is outstanding. This includes jobs that callbacks and other
    /// threads submit meanwhile.
    ///
    /// # Blocking
    ///
    /// As long as jobs are outstanding. It waits for the kernel.
    ///
    /// # Errors
    ///
    /// [`DrainError`], if called by the work of a blocking job of its own or in a forked child.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{FileHandle, Job, LoopDispatcher};
    ///
    /// let mut jobs = LoopDispatcher::new()?;
    /// let submitter = jobs.submitter();
    /// let file = FileHandle::open_buffered("Cargo.toml")?;
    /// jobs.try_submit(Job::read(file, vec![0; 64], 0, move |done| {
    ///     let next = Job::read(done.file, done.buffer, 64, |_| ());
    ///     submitter.submit(next).expect("is not refused in a callback");
    /// }))?;
    /// jobs.drain()?;
    /// assert_eq!(jobs.stats().finished, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn drain(&mut self) -> Result<(), DrainError> {
        self.drain_until(WaitLimit::NEVER)
    }

    /// Drains like [`drain`](Self::drain), but waits no longer than `limit`. It runs the callbacks
    /// that are ready once, even if the limit is zero.
    ///
    /// # Errors
    ///
    /// As for `drain`, and [`DrainError::TimedOut`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io;
    /// use std::os::fd::OwnedFd;
    /// use std::time::Duration;
    /// use reapool::{DrainError, FileHandle, Job, LoopDispatcher, PollEvents};
    ///
    /// let mut jobs = LoopDispatcher::new()?;
    /// let (reader, writer) = io::pipe()?;
    /// let pipe = FileHandle::from(OwnedFd::from(reader));
    /// jobs.try_submit(Job::poll(&pipe, PollEvents::READABLE, |_| ()))?;
    /// assert_eq!(jobs.drain_timeout(Duration::from_millis(1)), Err(DrainError::TimedOut));
    /// drop(writer); // a hang-up, for which every poll waits
    /// jobs.drain_timeout(Duration::from_secs(60))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

    /// Refuses new jobs from outside callbacks, runs callbacks until no job is outstanding, ends
    /// the kernel's context, and reports.
    ///
    /// # Blocking
    ///
    /// As long as jobs are outstanding. A stuck device blocks this for as long as it is stuck;
    /// [`drain_timeout`](Self::drain_timeout) finds that out beforehand. Then for the tens of
    /// milliseconds that io_destroy(2) takes.
    ///
    /// # Errors
    ///
    /// [`ShutdownError::InCallback`] with the dispatcher if called by the work of a blocking job of
    /// its own, [`ShutdownError::Forked`] in a forked child.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Job, LoopDispatcher};
    ///
    /// let jobs = LoopDispatcher::new()?;
    /// jobs.try_submit(Job::nop(|| ()))?;
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
        launcher.join_threads();
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
    /// Makes a dispatcher without threads, for an event loop. Its owner runs the callbacks.
    ///
    /// [`workers`](Self::workers) and [`coalesce`](Self::coalesce) mean nothing to it. There are no
    /// [`blocking_threads`](Self::blocking_threads) unless they are asked for:
    /// [`LoopDispatcher`](LoopDispatcher#what-blocks) says what that means.
    ///
    /// # Errors
    ///
    /// As for [`build`](Self::build). An event loop needs native AIO, so
    /// [`BlockingThreads`](crate::Backend::BlockingThreads) is refused, and
    /// [`Automatic`](crate::Backend::Automatic) is taken as [`Aio`](crate::Backend::Aio).
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Job};
    ///
    /// let mut jobs = Dispatcher::builder().depth(16).build_loop()?;
    /// jobs.try_submit(Job::nop(|| println!("on the thread that calls run")))?;
    /// assert_eq!(jobs.run(64)?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn build_loop(self) -> Result<LoopDispatcher, BuildError> {
        let mut settings = self.for_event_loop()?;
        let doorbell =
            Doorbell::new().map_err(|error| BuildError::new(BuildFailure::Setup, error))?;
        let engine = set_up_counting(&mut settings, &doorbell.counter())?;
        Ok(settings.start_loop(engine, doorbell))
    }
}

impl Settings {
    /// Makes an event loop over an engine that counts completions on the doorbell's eventfd.
    pub(crate) fn start_loop(self, engine: Box<dyn Engine>, doorbell: Doorbell) -> LoopDispatcher {
        let blocking = BlockingPool::new(self.blocking_threads, self.threads);
        let runs = Runs::Owner(doorbell);
        // The other sender is for a reaper, which an event loop doesn't have.
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
        // In a forked child, the context and the outstanding jobs are the parent's. Else nobody
        // runs the callbacks any more. Either way, memory that the kernel may still write into is
        // never freed.
        if !self.pipeline().is_forked() {
            self.pipeline().close();
        }
        mem::forget(Arc::clone(&self.submitter.pipeline));
    }
}

impl AsRef<Submitter> for LoopDispatcher {
    fn as_ref(&self) -> &Submitter {
        &self.submitter
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
