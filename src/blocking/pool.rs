//! A bounded set of threads that may wait, and the queue of requests in front of them.
//!
//! It has no bound on the queue: those who push requests have one. Threads start
//! when they are needed and end when they have had nothing to do for a while. Waking a thread takes
//! longer than many a system call, so the pool wakes one at a time. That thread wakes the next if
//! it finds more than it takes itself. A thread that has finished a request looks for another
//! before it sleeps.
//!
//! Whenever nobody holds the lock: if the queue is not empty, a thread is on its way to it, or all
//! threads that there may be are busy.

use std::collections::{VecDeque, vec_deque};
use std::io;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{OnceLock, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::threads::{DispatcherThread, ThreadHandlers, ThreadKind, ThreadSettings};
use crate::sync::{Arc, Condvar, Mutex, MutexGuard, lock};
use crate::sys::signals;
use crate::unwind::AbortOnUnwind;
use crate::wait::limit::WaitLimit;

/// How long a thread waits for something to do before it ends. Tests of the inside let it wait for
/// ever, so that they hang if a thread is not told to end.
const KEEP_ALIVE: Duration = Duration::from_secs(if cfg!(test) { u64::MAX } else { 1 });

impl AfterWork {
    /// Goes on, unless this is a forked child.
    fn then(self, next: impl FnOnce() -> Self) -> Self {
        match self {
            Self::GoOn => next(),
            Self::Forked => Self::Forked,
        }
    }
}

/// Something for a thread of a pool to do.
pub(crate) trait PoolRequest: Send + 'static {
    /// Whether it is one of the pool's [jobs](ThreadPool::jobs).
    fn is_job(&self) -> bool;
}

/// The user of the threads, which knows how to perform a request.
pub(crate) trait PoolService<R>: Send + Sync {
    /// Performs a request on the calling thread and sends the result where it belongs.
    fn perform(&self, request: R) -> AfterWork;

    /// Runs a handler of the user's for the calling thread, which is about to serve requests, or
    /// has served the last.
    fn run_handler(&self, handler: &mut dyn FnMut()) -> AfterWork;
}

/// How a thread goes on after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AfterWork {
    /// It takes the next request.
    GoOn,
    /// The work forked, and this is the child. Everything else here is the parent's, so the
    /// child's copy of the thread ends.
    Forked,
}

pub(crate) struct ThreadPool<R: PoolRequest> {
    kind: ThreadKind,
    /// The most threads.
    limit: usize,
    /// Without the handlers, which are in the state.
    settings: ThreadSettings,
    /// For the threads, which share the pool.
    this: Weak<Self>,
    service: OnceLock<Weak<dyn PoolService<R>>>,
    /// How many jobs that workers are to get are in the queue or with threads. For jobs in the
    /// queue it changes under the lock.
    jobs: AtomicUsize,
    state: Mutex<PoolState<R>>,
    /// Idle threads wait here.
    wake_up: Condvar,
}

struct PoolState<R> {
    queue: VecDeque<R>,
    /// Threads that have been started and have not ended.
    threads: usize,
    /// Threads that wait to be woken.
    idle: usize,
    /// A thread has been woken or started and has not looked into the queue yet.
    coming: bool,
    /// Threads in the user's start handler, each of which then takes a request. What the handler
    /// waits for, and what is queued beside, is for other threads.
    starting: usize,
    /// The threads are to end.
    dismissed: bool,
    /// Handles of threads, and of some that have ended.
    handles: Vec<JoinHandle<()>>,
    /// The numbers in the names of threads that have ended.
    free_numbers: Vec<usize>,
    /// The lowest number that no thread has had.
    next_number: usize,
    /// Until the threads are dismissed, as the reaper may be the last that has the pool.
    handlers: ThreadHandlers,
}

impl<R: PoolRequest> ThreadPool<R> {
    pub(crate) fn of_kind(
        kind: ThreadKind,
        limit: usize,
        mut settings: ThreadSettings,
    ) -> Arc<Self> {
        let handlers = mem::take(&mut settings.handlers);
        Arc::new_cyclic(|this| Self {
            kind,
            limit,
            settings,
            this: Weak::clone(this),
            service: OnceLock::new(),
            jobs: AtomicUsize::new(0),
            state: Mutex::new(PoolState::new(handlers)),
            wake_up: Condvar::new(),
        })
    }

    /// Sets the service that performs requests. The caller does so before it pushes the first
    /// request.
    pub(crate) fn serve(&self, service: Weak<dyn PoolService<R>>) {
        self.service.get_or_init(|| service);
    }

    /// How many threads there may be.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// How many threads there are.
    pub(crate) fn threads(&self) -> usize {
        self.lock().threads
    }

    /// How the threads are started, with the handlers, unless these are gone.
    pub(crate) fn thread_settings(&self) -> ThreadSettings {
        ThreadSettings { handlers: self.lock().handlers.clone(), ..self.settings.clone() }
    }

    /// How many jobs are in the queue or with threads. Requests of the engine do not count.
    pub(crate) fn jobs(&self) -> usize {
        // All accesses are relaxed: a thread that knows of a job's end sees its subtraction too.
        self.jobs.load(Ordering::Relaxed)
    }

    /// Takes note that the job of a request is about to be sent to the workers. From then on the
    /// blocking threads don't count it any more.
    pub(crate) fn job_leaves(&self, request: &R) {
        self.jobs.fetch_sub(usize::from(request.is_job()), Ordering::Relaxed);
    }

    /// Queues requests. False, and nothing queued, if there is no thread and none can be started.
    pub(crate) fn push(&self, requests: impl IntoIterator<Item = R>) -> bool {
        let mut state = self.lock();
        for request in requests {
            self.jobs.fetch_add(usize::from(request.is_job()), Ordering::Relaxed);
            state.queue.push_back(request);
        }
        if self.wake_one(&mut state) {
            return true;
        }
        // Without a thread the queue was empty before.
        let refused = mem::take(&mut state.queue);
        self.jobs.store(0, Ordering::Relaxed);
        drop(state);
        drop(refused);
        false
    }

    /// Looks at the requests in the queue.
    pub(crate) fn queued<T>(&self, look: impl FnOnce(vec_deque::Iter<'_, R>) -> T) -> T {
        look(self.lock().queue.iter())
    }

    /// Takes a request out of the queue that no thread has begun.
    pub(crate) fn take_queued(&self, wanted: impl Fn(&R) -> bool) -> Option<R> {
        let mut state = self.lock();
        let position = state.queue.iter().position(wanted)?;
        let request = state.queue.remove(position)?;
        self.job_leaves(&request);
        Some(request)
    }

    /// Takes all of these requests out of the queue.
    pub(crate) fn take_all_queued(&self, wanted: impl Fn(&R) -> bool) -> VecDeque<R> {
        let mut state = self.lock();
        let queue = mem::take(&mut state.queue).into_iter();
        let (taken, rest) = queue.partition::<VecDeque<_>, _>(wanted);
        state.queue = rest;
        taken.iter().for_each(|request| self.job_leaves(request));
        taken
    }

    /// Makes sure that a thread comes for what is queued. False if there is no thread.
    fn wake_one(&self, state: &mut PoolState<R>) -> bool {
        if state.coming || state.queue.len() <= state.starting {
            return true;
        }
        if state.idle > 0 {
            state.coming = true;
            self.wake_up.notify_one();
        } else if state.threads < self.limit {
            // If the start fails, the threads that exist get to the request.
            state.coming = self.start(state).is_ok();
        }
        state.threads > 0
    }

    /// The body of a thread.
    fn run(&self, service: &dyn PoolService<R>, number: usize, handlers: ThreadHandlers) {
        let _guard = AbortOnUnwind;
        let thread = DispatcherThread { kind: self.kind, number };
        let went = self
            .run_start_handler(service, &handlers, thread)
            .then(|| self.work(service))
            .then(|| service.run_handler(&mut || handlers.ends(thread)))
            // Last, so that no two threads have the number.
            .then(|| self.free(number));
        match went {
            AfterWork::GoOn => handlers.give_up(),
            // The child doesn't run the parent's destructors.
            AfterWork::Forked => mem::forget(handlers),
        }
    }

    /// Runs the user's handler for the start of the calling thread. Other threads come meanwhile.
    fn run_start_handler(
        &self,
        service: &dyn PoolService<R>,
        handlers: &ThreadHandlers,
        thread: DispatcherThread,
    ) -> AfterWork {
        if handlers.start.is_none() {
            return AfterWork::GoOn;
        }
        let mut state = self.lock();
        state.coming = false;
        state.starting += 1;
        self.wake_one(&mut state);
        drop(state);
        service.run_handler(&mut || handlers.started(thread)).then(|| {
            self.lock().starting -= 1;
            AfterWork::GoOn
        })
    }

    fn free(&self, number: usize) -> AfterWork {
        self.lock().free_numbers.push(number);
        AfterWork::GoOn
    }

    /// Serves requests until there has been none for a while or the pool is dismissed.
    fn work(&self, service: &dyn PoolService<R>) -> AfterWork {
        let mut state = self.lock();
        state.coming = false;
        loop {
            while let Some(request) = state.queue.pop_front() {
                self.wake_one(&mut state);
                drop(state);
                if service.perform(request) == AfterWork::Forked {
                    return AfterWork::Forked;
                }
                state = self.lock();
            }
            state = self.wait(state);
            if !mem::take(&mut state.coming) {
                state.threads -= 1;
                return AfterWork::GoOn;
            }
        }
    }

    /// Waits to be woken: not for long, and not if the threads are to end.
    fn wait<'a>(&'a self, mut state: MutexGuard<'a, PoolState<R>>) -> MutexGuard<'a, PoolState<R>> {
        let limit = WaitLimit::after(KEEP_ALIVE);
        state.idle += 1;
        let mut is_over = false;
        while !state.coming && !state.dismissed && !is_over {
            let waited = limit.wait(&self.wake_up, state);
            is_over = waited.is_err();
            state = waited.unwrap_or_else(|state| state);
        }
        state.idle -= 1;
        state
    }

    /// Tells the threads to end. The queue is empty and stays so. The caller is not the reaper, as
    /// this may be the end of the user's handlers.
    pub(crate) fn dismiss(&self) {
        let mut state = self.lock();
        state.dismissed = true;
        let handlers = mem::take(&mut state.handlers);
        drop(state);
        self.wake_up.notify_all();
        handlers.give_up();
    }

    /// Waits for the threads to end. They have been told to.
    pub(crate) fn join(&self) {
        let handles = mem::take(&mut self.lock().handles);
        let this = thread::current().id();
        for handle in handles {
            // A thread finds its own handle here if one of its thread-local values dropped the
            // dispatcher.
            if handle.thread().id() != this {
                // The crate's own threads don't panic: they would have aborted the process.
                let _ = handle.join();
            }
        }
    }

    /// Starts a thread, under the lock. So nobody finds the thread gone before its handle is here.
    fn start(&self, state: &mut PoolState<R>) -> io::Result<()> {
        let service = self.service.get().and_then(Weak::upgrade);
        let (Some(service), Some(pool)) = (service, self.this.upgrade()) else {
            return Err(io::Error::other("the dispatcher is gone"));
        };
        let number = state.free_numbers.pop().unwrap_or(state.next_number);
        let handlers = state.handlers.clone();
        let name = DispatcherThread { kind: self.kind, number };
        let mut builder = thread::Builder::new().name(self.settings.name(name));
        if let Some(bytes) = self.settings.stack_size {
            builder = builder.stack_size(bytes);
        }
        let run = move || pool.run(&*service, number, handlers);
        match signals::blocked_during(|| builder.spawn(run)) {
            Ok(handle) => {
                state.next_number = state.next_number.max(number + 1);
                state.handles.retain(|handle| !handle.is_finished());
                state.handles.push(handle);
                state.threads += 1;
                Ok(())
            }
            Err(error) => {
                state.next_number = state.next_number.max(number + 1);
                state.free_numbers.push(number);
                Err(error)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, PoolState<R>> {
        lock(&self.state)
    }
}

impl<R> PoolState<R> {
    fn new(handlers: ThreadHandlers) -> Self {
        Self {
            queue: VecDeque::new(),
            threads: 0,
            idle: 0,
            coming: false,
            starting: 0,
            dismissed: false,
            handles: Vec::new(),
            free_numbers: Vec::new(),
            next_number: 0,
            handlers,
        }
    }
}
