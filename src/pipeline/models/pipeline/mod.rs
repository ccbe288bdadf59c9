//! The whole pipeline: jobs get from callers and callbacks through free slots to their callbacks,
//! and the threads end. Everything is the crate's own but the engine.
//!
//! Callbacks here are taken to be slow: their pace is not known before several have run.

mod ending;
mod parking;

use std::convert::identity;
use std::fs::File;
use std::iter;
use std::sync::Arc;
use std::time::Duration;

use super::engine::{Completes, ModelEngine};
use super::explore;
use crate::admission::limits::{Limits, Patience};
use crate::admission::refusal::Refusal;
use crate::blocking::BlockingPool;
use crate::engine::lent::FILL;
use crate::file::FileHandle;
use crate::job::Job;
use crate::pipeline::reaper::Reaper;
use crate::pipeline::{Pipeline, Runs, entrance, worker};
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Condvar, Mutex};
use crate::wait::limit::WaitLimit;

/// A pipeline with its threads.
struct Running {
    pipeline: Arc<Pipeline>,
    reaper: Reaper,
    workers: Vec<JoinHandle<()>>,
}

impl Running {
    fn start(engine: ModelEngine, depth: u32, backlog: usize, workers: usize) -> Self {
        let limits = Limits { depth, backlog, parked: 9 };
        let blocking = BlockingPool::new(1, Default::default());
        let (pipeline, sender) =
            Pipeline::new(Box::new(engine), limits, Runs::Workers(workers), blocking, None);
        let spawn = |run| thread::Builder::new().spawn(run);
        let reaper = Reaper::start(Arc::clone(&pipeline), sender, Duration::ZERO, spawn).unwrap();
        let start = |number| {
            let pipeline = Arc::clone(&pipeline);
            thread::spawn(move || worker::run(&pipeline, number))
        };
        let workers = (0..workers).map(start).collect();
        Self { pipeline, reaper, workers }
    }

    /// One whose jobs have no part in the kernel.
    fn without_kernel(depth: u32, backlog: usize, workers: usize) -> Self {
        Self::start(ModelEngine::new(Completes::AtOnce), depth, backlog, workers)
    }

    fn submit(&self, job: Job) -> Result<(), Refusal> {
        submit(&self.pipeline, job)
    }

    fn drain(&self) {
        assert!(self.pipeline.admission.wait_until_quiet(WaitLimit::NEVER));
    }

    /// Waits for the threads, and checks that nothing is left.
    fn join(self) {
        self.reaper.join();
        self.workers.into_iter().for_each(|worker| worker.join().unwrap());
        self.pipeline.admission.wait_until_threads_are_told();
        assert_eq!(self.pipeline.admission.lock().outstanding(), 0);
    }

    /// Closes the pipeline and waits for its threads.
    fn end(self) {
        self.pipeline.close();
        self.join();
    }
}

/// Submits a job, in a callback or outside.
fn submit(pipeline: &Pipeline, job: Job) -> Result<(), Refusal> {
    let patience = Patience::Until(WaitLimit::NEVER);
    entrance::accept(pipeline, iter::once(job), identity, patience).map_err(|(why, _)| why)
}

/// How many callbacks have run.
#[derive(Default)]
struct Done {
    count: Mutex<usize>,
    more: Condvar,
}

impl Done {
    fn new() -> Arc<Self> {
        Arc::default()
    }

    fn add(&self) {
        *self.count.lock().unwrap() += 1;
        self.more.notify_all();
    }

    fn count(&self) -> usize {
        *self.count.lock().unwrap()
    }

    /// Waits until so many have run.
    fn wait_for(&self, count: usize) {
        let mut done = self.count.lock().unwrap();
        while *done < count {
            done = self.more.wait(done).unwrap();
        }
    }
}

/// A callback that counts itself.
fn counting(done: &Arc<Done>) -> impl FnOnce() + Send + 'static {
    let done = Arc::clone(done);
    move || done.add()
}

#[test]
fn a_job_is_run_and_the_threads_end() {
    explore(2, || {
        let running = Running::without_kernel(1, 0, 1);
        let done = Done::new();
        running.submit(Job::nop(counting(&done))).unwrap();
        running.drain();
        assert_eq!(done.count(), 1);
        running.end();
    });
}

#[test]
fn a_read_gets_from_the_engine_to_its_callback() {
    let file = FileHandle::from(File::open("/dev/null").unwrap());
    explore(2, move || {
        let engine = ModelEngine::new(Completes::Later);
        let running = Running::start(engine.clone(), 1, 1, 1);
        let done = Done::new();
        for _ in 0..2 {
            let count = counting(&done);
            let read = Job::read(&file, vec![0; 4], 0, move |read| {
                assert_eq!(read.buffer, [FILL; 4]);
                count();
            });
            running.submit(read).unwrap();
        }
        engine.complete(2);
        running.drain();
        assert_eq!(done.count(), 2);
        running.end();
    });
}
