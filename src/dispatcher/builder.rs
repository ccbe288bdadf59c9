//! A dispatcher's settings and their limits.

use std::fmt;
use std::hint;
use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::error::{BuildError, BuildFailure};
use crate::admission::limits::Limits;
use crate::blocking::ThreadSettings;
use crate::engine::backend::Backend;
use crate::pipeline::panics::{CallbackPanic, PanicHandler};

/// The most slots, waiting jobs and threads that a caller may ask for. These numbers are far above
/// any that is of use, and far below those that a mistaken computation asks for.
const DEPTH_MAX: usize = 1 << 20;
const BACKLOG_MAX: usize = 1 << 24;
const WORKERS_MAX: usize = 4096;
const BLOCKING_THREADS_MAX: usize = 512;
const CONVERTERS_MAX: usize = 4096;

/// With smaller stacks, frames of the crate's own and of the standard library might not have room.
const STACK_MIN: usize = 64 << 10;
const STACK_MAX: usize = 1 << 30;

const DEPTH_DEFAULT: usize = 128;
const BLOCKING_THREADS_DEFAULT: usize = 16;
const PARKED_DEFAULT: usize = 1 << 20;
/// More than a slot takes in memory: its control block, and its places in the table, on the channel
/// and on the list of free slots.
const SLOT_BYTES: usize = 256;

const COALESCE_MAX: Duration = Duration::from_millis(10);
const COALESCE_DEFAULT: Duration = Duration::from_micros(100);

/// Settings of a [`Dispatcher`](crate::Dispatcher) or a [`LoopDispatcher`](crate::LoopDispatcher).
///
/// # Examples
///
/// ```
/// use reapool::Dispatcher;
///
/// let dispatcher = Dispatcher::builder()
///     .depth(64)
///     .backlog(1000)
///     .workers(2)
///     .panic_handler(|panic| eprintln!("{panic}"))
///     .build()?;
/// assert_eq!(dispatcher.depth(), 64);
/// # Ok::<(), reapool::BuildError>(())
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    backend: Backend,
    depth: usize,
    shrink_depth: bool,
    /// `None`: as many as the depth.
    backlog: Option<usize>,
    parked_limit: usize,
    /// `None`: as many as there are CPUs.
    workers: Option<usize>,
    /// `None`: 16, or none for an event loop.
    blocking_threads: Option<usize>,
    coalesce: Duration,
    panic_handler: Option<PanicHandler>,
    pub(super) threads: ThreadSettings,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            backend: Backend::default(),
            depth: DEPTH_DEFAULT,
            shrink_depth: false,
            backlog: None,
            parked_limit: PARKED_DEFAULT,
            workers: None,
            blocking_threads: None,
            coalesce: COALESCE_DEFAULT,
            panic_handler: None,
            threads: ThreadSettings::default(),
        }
    }
}

impl Builder {
    /// How operations are performed; [`Backend::Aio`] by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Backend, Dispatcher};
    ///
    /// let dispatcher = Dispatcher::builder().backend(Backend::Automatic).build()?;
    /// assert_ne!(dispatcher.backend(), Backend::Automatic);
    /// # Ok::<(), reapool::BuildError>(())
    /// ```
    pub fn backend(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// How many jobs can be in the kernel, with a blocking thread, on the channel or in a callback
    /// at the same time; 128 by default.
    ///
    /// The system counts this number and one more against its limit `fs.aio-max-nr` (65536 on most
    /// systems).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io;
    /// use std::os::fd::OwnedFd;
    /// use reapool::{Dispatcher, FileHandle, Job, PollEvents};
    ///
    /// let dispatcher = Dispatcher::builder().depth(2).build()?;
    /// let (reader, writer) = io::pipe()?;
    /// let pipe = FileHandle::from(OwnedFd::from(reader));
    /// for _ in 0..3 {
    ///     dispatcher.submit(Job::poll(&pipe, PollEvents::READABLE, |_| ()))?;
    /// }
    /// let stats = dispatcher.stats();
    /// assert_eq!((stats.in_flight, stats.parked), (2, 1), "one waits for a slot");
    /// drop(writer); // a hang-up, for which every poll waits
    /// dispatcher.drain()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn depth(mut self, jobs: usize) -> Self {
        self.depth = jobs;
        self
    }

    /// Whether to take a smaller depth if the system does not grant the depth that was asked for.
    /// [`Dispatcher::depth`](crate::Dispatcher::depth) says how much it granted. Off by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{AlignedBuf, Dispatcher};
    ///
    /// let dispatcher = Dispatcher::builder().depth(256).shrink_depth(true).build()?;
    /// // As many as the system has granted.
    /// let buffers: Vec<_> = (0..dispatcher.depth()).map(|_| AlignedBuf::zeroed(4096)).collect();
    /// assert!((1..=256).contains(&buffers.len()));
    /// # Ok::<(), reapool::BuildError>(())
    /// ```
    pub fn shrink_depth(mut self, allowed: bool) -> Self {
        self.shrink_depth = allowed;
        self
    }

    /// How many jobs beyond the depth can be outstanding before callers outside callbacks wait; by
    /// default as many as the depth. With 0, workers fill slots only with jobs that callbacks
    /// submit.
    ///
    /// Depth and backlog together bound the jobs that such callers can have outstanding, and so the
    /// memory in their buffers. A chain of jobs counts as one job until its last callback has
    /// returned. So callbacks that never stop submitting should keep fewer jobs going than depth
    /// and backlog together.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use reapool::{Dispatcher, Job, Refusal};
    ///
    /// let dispatcher = Dispatcher::builder().depth(1).backlog(1).build()?;
    /// let (go, wait) = mpsc::channel::<()>();
    /// dispatcher.submit(Job::nop(move || _ = wait.recv()))?; // has the slot
    /// dispatcher.try_submit(Job::nop(|| ()))?; // waits for it
    /// let refused = dispatcher.try_submit(Job::nop(|| ())).unwrap_err();
    /// assert_eq!(refused.kind(), Refusal::Full);
    /// drop(go);
    /// dispatcher.submit(refused.into_inner())?; // waits for room
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn backlog(mut self, jobs: usize) -> Self {
        self.backlog = Some(jobs);
        self
    }

    /// How many jobs beyond the backlog can wait for a free slot before a submission in a callback
    /// is refused; 1,048,576 by default. A callback can't wait for room, so this bounds the memory
    /// that a runaway fan-out takes.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::builder().depth(1).backlog(0).parked_limit(2).build()?;
    /// let submitter = dispatcher.submitter();
    /// let accepted = dispatcher.run(Job::nop(move || {
    ///     let jobs = (0..10).map(|_| Job::nop(|| ()));
    ///     submitter.submit_batch(jobs).unwrap_err().accepted()
    /// }))?;
    /// assert_eq!(accepted, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn parked_limit(mut self, jobs: usize) -> Self {
        self.parked_limit = jobs;
        self
    }

    /// How many threads run callbacks; by default as many as there are CPUs.
    ///
    /// Callbacks that wait for each other, by locks or channels of their own, need as many threads
    /// as there are callbacks at the same time. With fewer they wait for ever.
    ///
    /// # Processes that callbacks start
    ///
    /// All signals are blocked in these threads, except those that report a thread's own faults.
    /// Threads and processes that callbacks start inherit this. So a child process ignores
    /// `SIGTERM` and `SIGINT`, and only `SIGKILL` ends it from outside. Unblock the signals in the
    /// child, before it runs its program:
    ///
    /// ```
    /// use std::os::unix::process::{CommandExt, ExitStatusExt};
    /// use std::process::Command;
    /// use nix::sys::signal::SigSet;
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let job = Job::nop(|| {
    ///     let mut child = Command::new("sh");
    ///     child.args(["-c", "kill -TERM $$"]);
    ///     // SAFETY: the child only makes a system call here, which is allowed after a fork.
    ///     unsafe { child.pre_exec(|| Ok(SigSet::empty().thread_set_mask()?)) };
    ///     child.status()
    /// });
    /// let status = dispatcher.spawn(job)?.join()??;
    /// assert_eq!(status.signal(), Some(15), "it was ended by SIGTERM");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn workers(mut self, threads: usize) -> Self {
        self.workers = Some(threads);
        self
    }

    /// The most blocking threads; by default 16, and none for an event loop.
    ///
    /// They do the work of [`Job::blocking`](crate::Job::blocking), write through the page cache,
    /// and read what isn't in it. With [`Backend::BlockingThreads`] they perform all transfers and
    /// syncs. They are started when they are needed, and end when they have had nothing to do for a
    /// second.
    ///
    /// Work that waits long keeps these threads from other jobs. Work that waits for another job's
    /// callback may wait for ever, if all blocking threads do.
    ///
    /// Signals are blocked in these threads, and in processes that they start, as in the
    /// [workers](Self::workers).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::{Arc, Barrier};
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::builder().blocking_threads(2).build()?;
    /// let barrier = Arc::new(Barrier::new(2));
    /// let meet = || {
    ///     let barrier = Arc::clone(&barrier);
    ///     Job::blocking(move || barrier.wait(), |met| met.is_leader())
    /// };
    /// let (first, second) = (dispatcher.spawn(meet())?, dispatcher.spawn(meet())?);
    /// // With one thread, each would wait for the other for ever.
    /// assert_ne!(first.join()?, second.join()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn blocking_threads(mut self, threads: usize) -> Self {
        self.blocking_threads = Some(threads);
        self
    }

    /// How long a completion may wait for others, so that one wake-up of the reaper serves several;
    /// 100 microseconds by default. Zero turns this off.
    ///
    /// The reaper waits for half of the requests that are in the kernel. It waits for more only
    /// while workers have several times as many jobs to go on with. If fewer completions come in
    /// time, it waits for as few the next time. With fewer than four requests in the kernel, and
    /// workers with little to do, it doesn't wait for others at all. Polls don't count. A limit of
    /// more than 10 milliseconds is taken as 10.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use reapool::{AlignedBuf, Dispatcher, FileHandle, Job};
    ///
    /// // Latency counts here: no completion waits for another.
    /// let dispatcher = Dispatcher::builder().coalesce(Duration::ZERO).build()?;
    /// let file = FileHandle::open_direct_or_buffered("Cargo.toml")?;
    /// let job = Job::read(&file, AlignedBuf::zeroed(4096), 0, |done| done.into_success());
    /// let (_, buffer) = dispatcher.run(job)??;
    /// assert!(buffer.starts_with(b"[package]"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn coalesce(mut self, limit: Duration) -> Self {
        self.coalesce = limit.min(COALESCE_MAX);
        self
    }

    /// Sets a function that the worker calls with each panic of a callback, after the panic hook.
    ///
    /// There is none by default. With and without it, a panic is counted, and its payload goes to
    /// the job's handle if the job was spawned. A panic of the handler itself, or of its
    /// destructor, is caught and dropped.
    ///
    /// The handler is dropped when the dispatcher ends: by the worker that ran the last callback,
    /// or by the thread that drops the dispatcher, or shuts it down, if no job is outstanding. So
    /// it may hold a [`Submitter`](crate::Submitter) of its own dispatcher. It must not hold the
    /// dispatcher itself, which would never be dropped then.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use reapool::{Dispatcher, Job};
    ///
    /// # std::panic::set_hook(Box::new(|_| ()));
    /// let (tell, told) = mpsc::channel();
    /// let tell = move |line| _ = tell.send(line);
    /// let dispatcher =
    ///     Dispatcher::builder().panic_handler(move |panic| tell(panic.to_string())).build()?;
    /// dispatcher.submit(Job::nop(|| panic!("no such planet")))?;
    /// dispatcher.drain()?;
    /// assert_eq!(told.try_recv()?, "the callback of a nop at offset 0 panicked: no such planet");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn panic_handler<F>(mut self, handler: F) -> Self
    where
        F: Fn(&CallbackPanic<'_>) + Send + Sync + 'static,
    {
        self.panic_handler = Some(Arc::new(handler));
        self
    }

    /// The settings of a dispatcher with threads, if they make sense.
    pub(crate) fn for_workers(self) -> Result<Settings, BuildError> {
        let workers = self.workers.unwrap_or_else(|| num_cpus::get().clamp(1, WORKERS_MAX));
        let threads = self.blocking_threads.unwrap_or(BLOCKING_THREADS_DEFAULT);
        within("workers", workers, 1..=WORKERS_MAX)?;
        within("blocking_threads", threads, 1..=BLOCKING_THREADS_MAX)?;
        self.settings(workers, threads)
    }

    /// The settings of a dispatcher for an event loop, if they make sense.
    pub(crate) fn for_event_loop(self) -> Result<Settings, BuildError> {
        let threads = self.blocking_threads.unwrap_or(0);
        within("blocking_threads", threads, 0..=BLOCKING_THREADS_MAX)?;
        self.settings(0, threads)
    }

    fn settings(self, workers: usize, blocking_threads: usize) -> Result<Settings, BuildError> {
        let backlog = self.backlog.unwrap_or(self.depth);
        within("depth", self.depth, 1..=DEPTH_MAX)?;
        within("backlog", backlog, 0..=BACKLOG_MAX)?;
        if self.threads.prefix.contains('\0') {
            return Err(BuildError::new(BuildFailure::NulInName, None));
        }
        if let Some(threads) = self.threads.converters {
            within("converters", threads, 1..=CONVERTERS_MAX)?;
        }
        if let Some(bytes) = self.threads.stack_size {
            within("stack_size", bytes, STACK_MIN..=STACK_MAX)?;
        }
        let depth = affordable(self.depth, self.shrink_depth)?;
        Ok(Settings {
            backend: self.backend,
            // The depth is at most 2^20, just checked.
            limits: Limits { depth: depth as u32, backlog, parked: self.parked_limit },
            shrink_depth: self.shrink_depth,
            workers,
            blocking_threads,
            coalesce: self.coalesce,
            panic_handler: self.panic_handler,
            threads: self.threads,
        })
    }
}

/// Settings that make sense together.
pub(crate) struct Settings {
    pub(crate) backend: Backend,
    pub(crate) limits: Limits,
    pub(crate) shrink_depth: bool,
    /// How many threads run callbacks; none for an event loop.
    pub(crate) workers: usize,
    pub(crate) blocking_threads: usize,
    pub(crate) coalesce: Duration,
    pub(crate) panic_handler: Option<PanicHandler>,
    pub(crate) threads: ThreadSettings,
}

/// Returns this depth if there is memory for it. If the depth may shrink, returns a smaller one for
/// which there is. The memory itself is allocated later, as any memory in Rust: the process aborts
/// if there is none.
fn affordable(mut depth: usize, shrink: bool) -> Result<usize, BuildError> {
    let has_memory = |depth: usize| {
        let mut trial = Vec::<u8>::new();
        let reserved = trial.try_reserve_exact(depth * SLOT_BYTES).is_ok();
        // Without this, the compiler may leave out the allocation, as nothing uses it.
        hint::black_box(&trial);
        reserved
    };
    while !has_memory(depth) {
        if !shrink || depth == 1 {
            let failure = BuildFailure::TooLarge { asked: depth as u32 + 1 };
            return Err(BuildError::new(failure, io::Error::from(io::ErrorKind::OutOfMemory)));
        }
        depth /= 2;
    }
    Ok(depth)
}

fn within(
    setting: &'static str,
    value: usize,
    range: RangeInclusive<usize>,
) -> Result<(), BuildError> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(BuildError::new(BuildFailure::OutOfRange { setting, value, range }, None))
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("backend", &self.backend)
            .field("depth", &self.depth)
            .field("shrink_depth", &self.shrink_depth)
            .field("backlog", &self.backlog)
            .field("parked_limit", &self.parked_limit)
            .field("workers", &self.workers)
            .field("blocking_threads", &self.blocking_threads)
            .field("coalesce", &self.coalesce)
            .field("panic_handler", &self.panic_handler.as_ref().map(|_| "Fn(..)"))
            .field("threads", &self.threads)
            .finish()
    }
}
