//! The start of a dispatcher: its engine, then its threads.

use std::convert::Infallible;
use std::mem;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::Dispatcher;
use super::builder::{Builder, Settings};
use super::error::{BuildError, BuildFailure};
use super::setup::set_up;
use crate::blocking::{BlockingPool, DispatcherThread, ThreadHandlers, ThreadKind, ThreadSettings};
use crate::engine::Engine;
use crate::pipeline::reaper::Reaper;
use crate::pipeline::{Pipeline, Runs, worker};
use crate::submit::Submitter;
use crate::sync::thread::{self, JoinHandle};
use crate::sys::signals;
use crate::unwind::AbortOnUnwind;

impl Dispatcher {
    /// Makes a dispatcher with the default settings.
    ///
    /// # Errors
    ///
    /// As for [`Builder::build`].
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Backend, Dispatcher};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// assert_eq!((dispatcher.depth(), dispatcher.backend()), (128, Backend::Aio));
    /// # Ok::<(), reapool::BuildError>(())
    /// ```
    pub fn new() -> Result<Self, BuildError> {
        Builder::default().build()
    }
}

impl Builder {
    /// Sets up the kernel's context, starts the threads, and returns the dispatcher.
    ///
    /// All threads run when it returns, and have returned from the
    /// [start handler](Self::start_handler). So their first steps are behind them if the process
    /// then gives itself a limit or a filter of system calls.
    ///
    /// # Blocking
    ///
    /// It waits for the first steps of the threads. So don't call it in a library's constructor:
    /// meanwhile the loader keeps threads from starting.
    ///
    /// # Errors
    ///
    /// If a setting makes no sense, if the kernel has no context to give, or if a thread can't be
    /// started. Nothing is left behind then.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::builder().depth(32).workers(2).build()?;
    /// assert_eq!(dispatcher.run(Job::nop(|| (1..=100).sum::<u64>()))?, 5050);
    /// let error = Dispatcher::builder().workers(0).build().unwrap_err();
    /// assert!(error.to_string().starts_with("workers can't be 0"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn build(self) -> Result<Dispatcher, BuildError> {
        let mut settings = self.for_workers()?;
        let blocking = BlockingPool::new(settings.blocking_threads, settings.threads.clone());
        let engine = set_up(&mut settings, &blocking)?;
        settings.start(engine, blocking)
    }
}

impl Settings {
    /// Starts the threads of a dispatcher that has this engine. If one can't be started, ends those
    /// that were.
    pub(crate) fn start(
        self,
        engine: Box<dyn Engine>,
        blocking: Arc<BlockingPool>,
    ) -> Result<Dispatcher, BuildError> {
        let runs = Runs::Workers(self.workers);
        let (pipeline, completed_tx) =
            Pipeline::new(engine, self.limits, runs, blocking, self.panic_handler);
        let submitter = Submitter { pipeline: Arc::clone(&pipeline) };
        let starting = Starting::new();
        let ThreadSettings { prefix, stack_size, handlers, .. } = &self.threads;
        let reaper = Reaper::start(Arc::clone(&pipeline), completed_tx, self.coalesce, |run| {
            starting.start(format!("{prefix}-reaper"), None, move |coming| {
                drop(coming);
                run();
            })
        })?;
        // If a thread can't be started, this is dropped, and ends the threads that it has.
        let mut dispatcher = Dispatcher { submitter, reaper: Some(reaper), workers: Vec::new() };
        for number in 0..self.workers {
            let thread = DispatcherThread { kind: ThreadKind::Worker, number };
            let (shared, handlers) = (Arc::clone(&pipeline), handlers.clone());
            let run = move |coming| run_worker(&shared, thread, handlers, coming);
            let name = self.threads.name(thread);
            dispatcher.workers.push(starting.start(name, *stack_size, run)?);
        }
        starting.wait();
        Ok(dispatcher)
    }
}

/// The body of a worker, between the user's handlers.
fn run_worker(
    pipeline: &Pipeline,
    thread: DispatcherThread,
    handlers: ThreadHandlers,
    coming: Coming,
) {
    let _guard = AbortOnUnwind;
    handlers.started(thread);
    if pipeline.is_forked() {
        // Its channel's lock may be held for ever.
        mem::forget(coming);
    } else {
        drop(coming);
        worker::run(pipeline, thread.number);
    }
    if !pipeline.is_forked() {
        handlers.ends(thread);
    }
    if pipeline.is_forked() {
        // A callback or a handler has forked, and this is the child. It doesn't run the parent's
        // destructors.
        mem::forget(handlers);
    } else {
        handlers.give_up();
    }
}

/// Dropped by a thread when its first steps are behind it.
type Coming = Sender<Infallible>;

/// Starts threads, named and with signals blocked, and waits for their first steps.
///
/// A caller that has the dispatcher may at once put a limit or a filter of system calls on the
/// process. This can take away what a thread needs for its first steps: Rust aborts the process if
/// a thread can't have the stack for its signal handlers.
struct Starting {
    /// Each thread whose first steps are not behind it has a clone.
    coming: Coming,
    all_run: Receiver<Infallible>,
}

impl Starting {
    fn new() -> Self {
        let (coming, all_run) = bounded(0);
        Self { coming, all_run }
    }

    /// Starts a thread with this name, and with a stack of this size if one is given.
    fn start(
        &self,
        name: String,
        stack_size: Option<usize>,
        run: impl FnOnce(Coming) + Send + 'static,
    ) -> Result<JoinHandle<()>, BuildError> {
        let mut builder = thread::Builder::new().name(name.clone());
        if let Some(bytes) = stack_size {
            builder = builder.stack_size(bytes);
        }
        let coming = self.coming.clone();
        signals::blocked_during(|| builder.spawn(move || run(coming)))
            .map_err(|source| BuildError::new(BuildFailure::Thread { name }, source))
    }

    /// Waits for the first steps of all threads that were started.
    fn wait(self) {
        drop(self.coming);
        // Nothing is ever sent. The channel is disconnected when the last clone is gone.
        let _ = self.all_run.recv();
    }
}
