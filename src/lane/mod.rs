//! The blocking lane: threads for what Linux doesn't do asynchronously.
//!
//! What it is handed occupies slots, which bound its queue. Threads start when they are needed and
//! end when they have had nothing to do for a while. Waking one takes longer than many a system
//! call, so one at a time is called: it calls the next, if it finds more than it takes. A thread
//! that is done with something looks for more before it sleeps.
//!
//! At any time that the lock is free: if there is something in the queue, a thread is coming for it,
//! or all that there may be are busy.

mod thread;
mod transfer;

pub(crate) use transfer::{Look, look, perform};

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::deadline::Deadline;
use crate::engine::Request;
use crate::pipeline::Pipeline;
use crate::signals;

/// How long a thread waits for something to do before it ends. For ever in tests of the inside, so
/// that these hang if one is not told to end.
const KEEP_ALIVE: Duration = Duration::from_secs(if cfg!(test) { u64::MAX } else { 1 });

/// Something for a thread to do, for the job in the slot with the request's token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Errand {
    pub(crate) request: Request,
    /// Bytes of a plain read that have been read already.
    pub(crate) done: usize,
    pub(crate) reply: Reply,
}

/// Who is told when something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// The workers: they get the job.
    Workers,
    /// The engine, which had a request performed.
    Engine,
}

pub(crate) struct Lane {
    /// The most threads.
    limit: usize,
    /// What its threads work for.
    pipeline: OnceLock<Weak<Pipeline>>,
    /// Jobs that workers are to get, in the queue or with threads. Of the queue's, it is changed with the
    /// lock.
    jobs: AtomicUsize,
    state: Mutex<State>,
    /// Idle threads wait here.
    call: Condvar,
}

struct State {
    queue: VecDeque<Errand>,
    /// Threads that have been started and have not ended.
    threads: usize,
    /// Threads that wait to be called.
    idle: usize,
    /// One has been called or started, and has not looked into the queue yet.
    coming: bool,
    /// The threads are to end.
    dismissed: bool,
    /// Of threads, and of some that have ended.
    handles: Vec<JoinHandle<()>>,
    /// The numbers in the names of threads that have ended.
    numbers: Vec<usize>,
}

impl Lane {
    pub(crate) fn new(limit: usize) -> Self {
        let state = State {
            queue: VecDeque::new(),
            threads: 0,
            idle: 0,
            coming: false,
            dismissed: false,
            handles: Vec::new(),
            numbers: Vec::new(),
        };
        let (pipeline, jobs) = (OnceLock::new(), AtomicUsize::new(0));
        Self { limit, pipeline, jobs, state: Mutex::new(state), call: Condvar::new() }
    }

    /// Says what the threads work for, before there is something to do.
    pub(crate) fn serve(&self, pipeline: &Weak<Pipeline>) {
        self.pipeline.get_or_init(|| Weak::clone(pipeline));
    }

    /// How many threads there may be.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// How many threads there are.
    pub(crate) fn threads(&self) -> usize {
        self.lock().threads
    }

    /// How many jobs are in the queue or with threads, but for those that the engine has.
    pub(crate) fn jobs(&self) -> usize {
        // Relaxed, as all accesses are: who has heard of a job's end has its subtraction, too.
        self.jobs.load(Ordering::Relaxed)
    }

    /// A thread is about to send the job of an errand to the workers: once it is there, it is not the
    /// lane's any more.
    fn sends(&self, errand: &Errand) {
        let job = usize::from(errand.reply == Reply::Workers);
        self.jobs.fetch_sub(job, Ordering::Relaxed);
    }

    /// Queues what these tokens' slots hold. False, and nothing done, if there is no thread and none
    /// can be started.
    pub(crate) fn push(&self, errands: impl IntoIterator<Item = Errand>) -> bool {
        let mut state = self.lock();
        for errand in errands {
            let job = usize::from(errand.reply == Reply::Workers);
            self.jobs.fetch_add(job, Ordering::Relaxed);
            state.queue.push_back(errand);
        }
        if self.call(&mut state) {
            return true;
        }
        // Without a thread there was nothing else in it.
        state.queue.clear();
        self.jobs.store(0, Ordering::Relaxed);
        false
    }

    /// Takes something out of the queue that no thread has begun with, to be sent.
    pub(crate) fn withdraw(&self, wanted: impl Fn(&Errand) -> bool) -> Option<Errand> {
        let mut state = self.lock();
        let position = state.queue.iter().position(wanted)?;
        let errand = state.queue.remove(position)?;
        self.sends(&errand);
        Some(errand)
    }

    /// Sees to it that somebody comes for what is in the queue. False if there is nobody.
    fn call(&self, state: &mut State) -> bool {
        if state.coming || state.queue.is_empty() {
            return true;
        }
        if state.idle > 0 {
            state.coming = true;
            self.call.notify_one();
        } else if state.threads < self.limit {
            // Otherwise those that there are will get to it.
            state.coming = self.start(state).is_ok();
        }
        state.threads > 0
    }

    /// What the calling thread is to do next, which has done something before, or has just started;
    /// or `None` if it is to end.
    fn next(&self, number: usize, started: bool) -> Option<Errand> {
        let mut state = self.lock();
        if started {
            state.coming = false;
        }
        loop {
            if let Some(errand) = state.queue.pop_front() {
                self.call(&mut state);
                return Some(errand);
            }
            let (waited, called) = self.wait(state);
            state = waited;
            if !called {
                state.threads -= 1;
                state.numbers.push(number);
                return None;
            }
        }
    }

    /// Waits to be called. False if nobody did for a while, or nobody ever will.
    fn wait<'a>(&'a self, mut state: MutexGuard<'a, State>) -> (MutexGuard<'a, State>, bool) {
        let deadline = Deadline::after(KEEP_ALIVE);
        state.idle += 1;
        while !state.coming && !state.dismissed {
            match deadline.wait(&self.call, state) {
                Ok(waited) => state = waited,
                Err(waited) => {
                    state = waited;
                    break;
                }
            }
        }
        state.idle -= 1;
        let called = std::mem::take(&mut state.coming);
        (state, called)
    }

    /// Tells the threads to end. Nothing is in the queue, nor will be.
    pub(crate) fn dismiss(&self) {
        self.lock().dismissed = true;
        self.call.notify_all();
    }

    /// Waits for the threads, which have been told to end.
    pub(crate) fn join(&self) {
        let handles = std::mem::take(&mut self.lock().handles);
        let this = std::thread::current().id();
        for handle in handles {
            // A thread's own is here if it drops the dispatcher with its last thread-local values.
            if handle.thread().id() != this {
                // Threads of ours don't panic: they would have aborted.
                let _ = handle.join();
            }
        }
    }

    /// Starts a thread. Under the lock, so that nobody finds it gone before its handle is here.
    fn start(&self, state: &mut State) -> io::Result<()> {
        let pipeline = self.pipeline.get().and_then(Weak::upgrade);
        let pipeline = pipeline.ok_or_else(|| io::Error::other("the pipeline is gone"))?;
        let number = state.numbers.pop().unwrap_or(state.threads);
        let builder = std::thread::Builder::new().name(format!("aio-blocking-{number}"));
        match signals::blocked_during(|| builder.spawn(move || thread::run(&pipeline, number))) {
            Ok(handle) => {
                state.handles.retain(|handle| !handle.is_finished());
                state.handles.push(handle);
                state.threads += 1;
                Ok(())
            }
            Err(error) => {
                state.numbers.push(number);
                Err(error)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
