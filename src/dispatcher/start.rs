//! The start of a dispatcher: its engine, then its threads.

use std::sync::Arc;

use super::Dispatcher;
use super::builder::{Builder, Settings};
use super::error::BuildError;
use super::setup::set_up;
use super::threads::Threads;
use crate::admission::limits::Limits;
use crate::blocking::BlockingPool;
use crate::engine::Engine;
use crate::pipeline::reaper::Reaper;
use crate::pipeline::{Pipeline, Runs, worker};
use crate::submit::Submitter;

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
        let Settings { backend, limits, shrink_depth, .. } = settings;
        let (engine, depth) = set_up(backend, limits.depth, shrink_depth, &blocking)?;
        settings.limits = Limits { depth, ..limits };
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
