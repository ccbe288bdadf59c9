//! The start of a dispatcher: its engine, then its threads.

use std::sync::Arc;

use super::Dispatcher;
use super::builder::{
    BLOCKING_THREADS_DEFAULT, BLOCKING_THREADS_MAX, Builder, WORKERS_MAX, within,
};
use super::error::BuildError;
use super::setup::set_up;
use super::threads::Threads;
use crate::admission::Limits;
use crate::blocking::BlockingPool;
use crate::engine::Engine;
use crate::pipeline::reaper::Reaper;
use crate::pipeline::{Pipeline, worker};
use crate::submit::Submitter;

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
        let limits = self.limits()?;
        let workers = self.workers.unwrap_or_else(|| num_cpus::get().clamp(1, WORKERS_MAX));
        within("workers", workers, 1, WORKERS_MAX)?;
        let threads = self.blocking_threads.unwrap_or(BLOCKING_THREADS_DEFAULT);
        within("blocking_threads", threads, 1, BLOCKING_THREADS_MAX)?;
        let lane = BlockingPool::new(threads);
        let (engine, depth) = set_up(self.backend, limits.depth, self.shrink_depth, &lane)?;
        self.start(engine, lane, Limits { depth, ..limits }, workers)
    }

    /// Starts the threads over an engine; ends what has been started if one can't be.
    pub(crate) fn start(
        self,
        engine: Box<dyn Engine>,
        lane: Arc<BlockingPool>,
        limits: Limits,
        workers: usize,
    ) -> Result<Dispatcher, BuildError> {
        let (pipeline, outlet) =
            Pipeline::new(engine, limits, workers, lane, self.panic_handler, None);
        let submitter = Submitter { pipeline: Arc::clone(&pipeline) };
        let starting = Threads::new();
        let reaper = Reaper::start(Arc::clone(&pipeline), outlet, self.coalesce, |run| {
            starting.start("aio-reaper".into(), run)
        })?;
        let mut threads = Vec::with_capacity(workers);
        let mut failure = None;
        for number in 0..workers {
            let shared = Arc::clone(&pipeline);
            let run = move || worker::run(&shared, number);
            match starting.start(format!("aio-worker-{number}"), run) {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        // Dropped if there was a failure: it ends the threads that it has.
        let dispatcher = Dispatcher::from_parts(submitter, reaper, threads);
        match failure {
            None => {
                starting.wait();
                Ok(dispatcher)
            }
            Some(error) => Err(error),
        }
    }
}
