//! An engine for models: it accepts everything, and each request completes in full, at once or
//! when the model says.

#![expect(unsafe_code, reason = "plays the kernel's part: is lent the buffers of jobs")]

use std::sync::Arc;
use std::time::Duration;

use crate::engine::context::Retired;
use crate::engine::lent::{fill, whole};
use crate::engine::{Engine, Errno, Event, Request, STOP};
use crate::sync::thread::{self, Thread};
use crate::sync::{Condvar, Instant, Mutex, MutexGuard};

/// When a request completes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Completes {
    AtOnce,
    /// When the model calls [`ModelEngine::complete`].
    Later,
}

/// The engine and, cloned, the model's hold on it.
#[derive(Clone)]
pub(super) struct ModelEngine {
    completes: Completes,
    state: Arc<Mutex<ModelEngineState>>,
    accepted: Arc<Condvar>,
}

#[derive(Default)]
struct ModelEngineState {
    /// Accepted and not completed.
    held: Vec<Request>,
    events: Vec<Event>,
    /// The waiter, while it sleeps.
    waiter: Option<Thread>,
    woken: bool,
    closed: bool,
}

impl ModelEngine {
    pub(super) fn new(completes: Completes) -> Self {
        Self { completes, state: Arc::default(), accepted: Arc::default() }
    }

    /// Completes requests one by one until it is so many, and waits for those that are to come.
    pub(super) fn complete(&self, count: usize) {
        for _ in 0..count {
            let mut state = self.lock();
            while state.held.is_empty() {
                state = self.accepted.wait(state).unwrap();
            }
            let request = state.held.remove(0);
            state.complete(&[request]);
            wake_waiter(state);
        }
    }

    fn lock(&self) -> MutexGuard<'_, ModelEngineState> {
        self.state.lock().unwrap()
    }
}

impl ModelEngineState {
    fn complete(&mut self, requests: &[Request]) {
        for request in requests {
            let count = whole(request);
            fill(request, count);
            self.events.push(Event { token: request.token, res: count as i64 });
        }
    }
}

fn wake_waiter(mut state: MutexGuard<'_, ModelEngineState>) {
    let waiter = state.waiter.take();
    drop(state);
    if let Some(waiter) = waiter {
        waiter.unpark();
    }
}

impl Engine for ModelEngine {
    unsafe fn submit(&self, batch: &[Request]) -> Result<usize, Errno> {
        let mut state = self.lock();
        assert!(!state.woken, "a job is outstanding, so the threads go on");
        match self.completes {
            Completes::AtOnce => state.complete(batch),
            Completes::Later => state.held.extend(batch),
        }
        self.accepted.notify_all();
        wake_waiter(state);
        Ok(batch.len())
    }

    fn cancel(&self, _token: u64) -> bool {
        unreachable!("no model cancels a poll that the engine has");
    }

    /// The limit is over when it is late.
    fn wait(
        &self,
        events: &mut Vec<Event>,
        least: usize,
        limit: Option<Duration>,
    ) -> Result<(), Errno> {
        let end = limit.map(|limit| Instant::now() + limit);
        loop {
            let mut state = self.lock();
            if state.events.len() >= least || end.is_some_and(|end| Instant::now() >= end) {
                events.append(&mut state.events);
                return Ok(());
            }
            state.waiter = Some(thread::current());
            drop(state);
            match limit {
                None => thread::park(),
                Some(limit) => thread::park_timeout(limit),
            }
        }
    }

    fn wake(&self) -> Result<(), Errno> {
        let mut state = self.lock();
        assert!(state.held.is_empty() && state.events.is_empty(), "a request is outstanding");
        assert!(!state.woken && !state.closed, "the waiter is woken once, before it closes");
        state.woken = true;
        state.events.push(Event { token: STOP, res: 0 });
        wake_waiter(state);
        Ok(())
    }

    fn close(&self) -> Option<Retired> {
        let mut state = self.lock();
        assert!(state.woken && !state.closed, "the waiter closes once, when it was woken");
        state.closed = true;
        None
    }
}
