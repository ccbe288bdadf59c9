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
    /// Makes the dispatcher: sets up the kernel's context and starts the threads.
    ///
    /// When it returns they run: a limit or a filter of system calls that the process gives itself then
    /// comes after their first steps.
    ///
    /// # Blocking
    ///
    /// It waits for these first steps. So it is not for a library's constructor: the loader keeps
    /// threads from starting meanwhile.
    ///
    /// # Errors
    ///
    /// If a setting makes no sense, if the kernel has no context to give, or if a thread can't be
    /// started; nothing is left behind then.
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
    /// Starts the threads over an engine. If one can't be started, ends those that have been.
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
        // Dropped if a thread can't be started: it ends the threads that it has.
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
