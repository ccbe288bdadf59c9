//! The start of a dispatcher: its engine, then its threads.

use std::convert::Infallible;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::Dispatcher;
use super::builder::{Builder, Settings};
use super::error::{BuildError, BuildFailure};
use super::setup::set_up;
use crate::blocking::BlockingPool;
use crate::engine::Engine;
use crate::pipeline::reaper::Reaper;
use crate::pipeline::{Pipeline, Runs, worker};
use crate::submit::Submitter;
use crate::sync::thread::{self, JoinHandle};
use crate::sys::signals;

impl Dispatcher {
    /// Makes a dispatcher with the default settings.
    ///
    /// # Errors
    ///
    /// As for [`Builder::build`].
    pub fn new() -> Result<Self, BuildError> {
        Builder::default().build()
    }
}

impl Builder {
    /// Sets up the kernel's context, starts the threads, and returns the dispatcher.
    ///
    /// All threads run when it returns. So their first steps are behind them if the process then
    /// gives itself a limit or a filter of system calls.
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
    pub fn build(self) -> Result<Dispatcher, BuildError> {
        let mut settings = self.for_workers()?;
        let blocking = BlockingPool::new(settings.blocking_threads);
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
        let starting = Threads::new();
        let reaper = Reaper::start(Arc::clone(&pipeline), completed_tx, self.coalesce, |run| {
            starting.start("aio-reaper".into(), run)
        })?;
        // If a thread can't be started, this is dropped, and ends the threads that it has.
        let mut dispatcher = Dispatcher { submitter, reaper: Some(reaper), workers: Vec::new() };
        for number in 0..self.workers {
            let shared = Arc::clone(&pipeline);
            let run = move || worker::run(&shared, number);
            dispatcher.workers.push(starting.start(format!("aio-worker-{number}"), run)?);
        }
        starting.wait();
        Ok(dispatcher)
    }
}

/// Starts threads, named and with signals blocked, and waits for them to run.
///
/// A caller that has the dispatcher may at once put a limit or a filter of system calls on the
/// process. This can take away what a thread needs for its first steps: Rust aborts the process if
/// a thread can't have the stack for its signal handlers.
struct Threads {
    /// Each thread that doesn't run yet has a clone.
    coming: Sender<Infallible>,
    all_run: Receiver<Infallible>,
}

impl Threads {
    fn new() -> Self {
        let (coming, all_run) = bounded(0);
        Self { coming, all_run }
    }

    /// Starts a thread with this name.
    fn start(
        &self,
        name: String,
        run: impl FnOnce() + Send + 'static,
    ) -> Result<JoinHandle<()>, BuildError> {
        let builder = thread::Builder::new().name(name.clone());
        let coming = self.coming.clone();
        let run = move || {
            drop(coming);
            run();
        };
        signals::blocked_during(|| builder.spawn(run))
            .map_err(|source| BuildError::new(BuildFailure::Thread { name }, source))
    }

    /// Waits until all threads that were started run.
    fn wait(self) {
        drop(self.coming);
        // Nothing is ever sent. The channel is disconnected when the last clone is gone.
        let _ = self.all_run.recv();
    }
}
