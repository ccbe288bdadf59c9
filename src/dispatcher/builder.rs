//! A dispatcher's settings and their limits.

use std::fmt;
use std::hint;
use std::io;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::error::{BuildError, BuildFailure};
use crate::admission::limits::Limits;
use crate::engine::backend::Backend;
use crate::pipeline::panics::{CallbackPanic, PanicHandler};

/// The most slots, waiting jobs and threads that can be asked for: far above what is of use, and
/// far below what a mistake in a computation asks for.
const DEPTH_MAX: usize = 1 << 20;
const BACKLOG_MAX: usize = 1 << 24;
const WORKERS_MAX: usize = 4096;
const BLOCKING_THREADS_MAX: usize = 512;

const DEPTH_DEFAULT: usize = 128;
const BLOCKING_THREADS_DEFAULT: usize = 16;
const PARKED_DEFAULT: usize = 1 << 20;
/// More than a slot takes in memory: its control block, and a place in the table, on the channel and on
/// the list of free ones.
const SLOT_BYTES: usize = 256;

const COALESCE_MAX: Duration = Duration::from_millis(10);
const COALESCE_DEFAULT: Duration = Duration::from_micros(100);

/// Settings of a [`Dispatcher`] or [`LoopDispatcher`].
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
        }
    }
}

impl Builder {
    /// By what means operations are performed; [`Backend::Aio`] by default.
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

    /// How many jobs can be in the kernel, on the channel or in a callback at a time; 128 by
    /// default.
    ///
    /// The system counts it, and one more, against `fs.aio-max-nr` (65536 on most systems).
    pub fn depth(mut self, jobs: usize) -> Self {
        self.depth = jobs;
        self
    }

    /// If the system does not grant the depth asked for, takes what it does grant;
    /// [`Dispatcher::depth`] tells how much that is. Off by default.
    pub fn shrink_depth(mut self, allowed: bool) -> Self {
        self.shrink_depth = allowed;
        self
    }

    /// How many jobs beyond the depth can be outstanding before callers outside callbacks wait; as
    /// many as the depth by default. With 0 there is nothing for workers to fill slots from but
    /// what callbacks submit.
    ///
    /// Depth and backlog bound everything that such callers can have out, and so the memory in
    /// their buffers: a chain of jobs counts as one until its last callback has returned. So
    /// callbacks that never stop submitting should keep fewer jobs than that going.
    pub fn backlog(mut self, jobs: usize) -> Self {
        self.backlog = Some(jobs);
        self
    }

    /// How many jobs beyond the backlog can wait for a free slot before submitting in a callback is
    /// refused; 1,048,576 by default. A callback can't wait, so this is the bound on what a runaway
    /// fan-out takes in memory.
    pub fn parked_limit(mut self, jobs: usize) -> Self {
        self.parked_limit = jobs;
        self
    }

    /// How many threads run callbacks; as many as there are CPUs by default.
    ///
    /// All signals but those that report a thread's own faults are blocked in them. Processes and
    /// threads that callbacks start inherit this.
    pub fn workers(mut self, threads: usize) -> Self {
        self.workers = Some(threads);
        self
    }

    /// How many threads at most do what blocks: the work of [`Job::blocking`](crate::Job::blocking),
    /// writes through the page cache and reads of what isn't in it, and with
    /// [`Backend::BlockingThreads`] all transfers and syncs; 16 by default. They are started when
    /// they are needed and end when they have had nothing to do for a second.
    ///
    /// Work that waits long keeps them from other jobs, and work that waits for another job's
    /// callback may wait for ever, if all threads do.
    ///
    /// Signals are blocked in them as in the workers.
    pub fn blocking_threads(mut self, threads: usize) -> Self {
        self.blocking_threads = Some(threads);
        self
    }

    /// How long a completion may wait for others, so that one wake-up of the reaper serves several;
    /// 100 microseconds by default, and zero turns it off.
    ///
    /// It waits for half of what is in the kernel, for more only while workers have several times as
    /// much to go on with, and where so many don't come in time, for as few as did. With fewer than
    /// four requests in the kernel, and workers with little to do, there is no waiting at all; polls
    /// don't count. More than 10 milliseconds are taken for 10.
    pub fn coalesce(mut self, limit: Duration) -> Self {
        self.coalesce = limit.min(COALESCE_MAX);
        self
    }

    /// What is told of callbacks' panics, on the worker, after the panic hook. None by default: a
    /// panic is counted, and its payload goes to the job's handle if it was spawned.
    ///
    /// A panic of the handler itself is caught and dropped.
    pub fn panic_handler<F>(mut self, handler: F) -> Self
    where
        F: Fn(&CallbackPanic<'_>) + Send + Sync + 'static,
    {
        self.panic_handler = Some(Box::new(handler));
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
}

/// This depth, or a smaller one if it may shrink, for which there is memory. Later it is taken as Rust
/// takes all of it, by aborting where there is none.
fn affordable(mut depth: usize, shrink: bool) -> Result<usize, BuildError> {
    let has_memory = |depth: usize| {
        let mut trial = Vec::<u8>::new();
        let reserved = trial.try_reserve_exact(depth * SLOT_BYTES).is_ok();
        // An allocation that nobody sees need not be made.
        hint::black_box(&trial);
        reserved
    };
    while !has_memory(depth) {
        if !shrink || depth == 1 {
            let (asked, source) = (depth as u32 + 1, io::ErrorKind::OutOfMemory.into());
            return Err(BuildError(BuildFailure::TooLarge { asked, source }));
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
    Err(BuildError(BuildFailure::OutOfRange { setting, value, range }))
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
            .finish()
    }
}
