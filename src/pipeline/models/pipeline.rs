//! The whole pipeline: jobs get from a caller to their callbacks, and the threads end.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use super::engine::{Completes, ModelEngine};
use super::explore;
use crate::admission::refusal::SubmitErrorKind;
use crate::admission::{Limits, Patience};
use crate::blocking::BlockingPool;
use crate::engine::lent::FILL;
use crate::file::FileHandle;
use crate::job::Job;
use crate::pipeline::reaper::Reaper;
use crate::pipeline::{Pipeline, worker};
use crate::sync::Mutex;
use crate::sync::thread::{self, JoinHandle};
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
        let blocking = BlockingPool::new(1);
        let (pipeline, sender) =
            Pipeline::new(Box::new(engine), limits, workers, blocking, None, None);
        let spawn = |run| thread::Builder::new().spawn(run);
        let reaper = Reaper::start(Arc::clone(&pipeline), sender, Duration::ZERO, spawn).unwrap();
        let start = |number| {
            let pipeline = Arc::clone(&pipeline);
            thread::spawn(move || worker::run(&pipeline, number))
        };
        let workers = (0..workers).map(start).collect();
        Self { pipeline, reaper, workers }
    }

    fn submit(&self, job: Job) -> Result<(), SubmitErrorKind> {
        let patience = Patience::Until(WaitLimit::NEVER);
        self.pipeline.accept(&mut Some(job).into_iter(), patience)
    }

    fn drain(&self) {
        assert!(self.pipeline.admission.wait_until_quiet(WaitLimit::NEVER));
    }

    /// Closes the pipeline and waits for its threads.
    fn end(self) {
        self.pipeline.close();
        self.reaper.join();
        self.workers.into_iter().for_each(|worker| worker.join().unwrap());
    }
}

/// Counts the callbacks that have run.
fn counting(done: &Arc<Mutex<usize>>) -> impl FnOnce() + Send + 'static {
    let done = Arc::clone(done);
    move || *done.lock().unwrap() += 1
}

#[test]
fn a_job_is_run_and_the_threads_end() {
    explore(2, || {
        let running = Running::start(ModelEngine::new(Completes::AtOnce), 1, 0, 1);
        let done = Arc::new(Mutex::new(0));
        running.submit(Job::nop(counting(&done))).unwrap();
        running.drain();
        assert_eq!(*done.lock().unwrap(), 1);
        running.end();
    });
}

#[test]
fn a_read_gets_from_the_engine_to_its_callback() {
    let file = FileHandle::from(File::open("/dev/null").unwrap());
    explore(2, move || {
        let engine = ModelEngine::new(Completes::Later);
        let running = Running::start(engine.clone(), 1, 1, 1);
        let done = Arc::new(Mutex::new(0));
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
        assert_eq!(*done.lock().unwrap(), 2);
        running.end();
    });
}
