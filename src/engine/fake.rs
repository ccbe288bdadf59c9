//! A scripted engine for tests: it gives every answer that a kernel can give, when the test says.

#![expect(unsafe_code, reason = "plays the kernel's part: is lent the buffers of jobs")]

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::os::fd::RawFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::device::Device;
pub(crate) use super::device::{Entry, FILL, Share};
use super::{Engine, Errno, Event, Request, Retired, STOP};
use crate::engine::operation::Operation;

/// Only a hang takes this long.
const HANG: Duration = Duration::from_secs(60);

/// What a call of `submit` answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// Takes at most so many.
    Accept(usize),
    /// Takes none and gives this reason.
    Refuse(i32),
}

/// One call of `submit`, as it was made.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) thread: String,
    pub(crate) offsets: Vec<u64>,
}

/// The engine and, cloned, the test's hold on it.
#[derive(Clone, Default)]
pub(crate) struct Fake(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Answers to come; when there are none left, all is accepted.
    script: VecDeque<Answer>,
    /// Errors that `wait` has to return.
    wait_errors: VecDeque<i32>,
    /// The next call of `submit` by another thread than a worker blocks, once it has been counted.
    block_caller: bool,
    /// So does the next call of `cancel`.
    block_cancel: bool,
    blocked: bool,
    /// Completes each request, in full, when it is accepted.
    automatic: bool,
    /// Accepted and not completed.
    held: Vec<Request>,
    events: VecDeque<Event>,
    /// Where they are counted for an event loop.
    counter: Option<Arc<File>>,
    /// How many `take` was to take at most, and how many it took.
    takes: Vec<(usize, usize)>,
    calls: Vec<Call>,
    /// What each call of `wait` was to wait for.
    waits: Vec<(usize, Option<Duration>)>,
    /// The waiter sleeps, and has nothing to return.
    waiting: bool,
    device: Device,
    /// Tokens of requests that were completed.
    past: Vec<u64>,
    closed: bool,
}

impl Fake {
    /// Completes requests as they are accepted, before `submit` returns.
    pub(crate) fn automatic() -> Self {
        let fake = Self::default();
        fake.lock().automatic = true;
        fake
    }

    /// Is a device with these contents, and keeps a journal.
    pub(crate) fn with_contents(contents: Vec<u8>) -> Self {
        let fake = Self::default();
        fake.lock().device = Device::new(contents);
        fake
    }

    /// Calls the job that has this file so in the journal. No two jobs may have it at a time.
    pub(crate) fn name(&self, fd: RawFd, name: usize) {
        self.lock().device.name(fd, name);
    }

    /// What has happened since the last call.
    pub(crate) fn journal(&self) -> Vec<Entry> {
        self.lock().device.journal()
    }

    pub(crate) fn contents(&self) -> Vec<u8> {
        self.lock().device.contents()
    }

    /// Completes held requests, each by its place among them, counted round, in one harvest.
    pub(crate) fn complete_some(&self, places: impl IntoIterator<Item = (usize, Share)>) {
        let mut state = self.lock();
        for (place, share) in places {
            let count = state.held.len();
            if count > 0 {
                let request = state.held.remove(place % count);
                state.perform(&request, share);
            }
        }
        drop(state);
        self.0.changed.notify_all();
    }

    /// Completes all, in full, from now on.
    pub(crate) fn complete_from_now_on(&self) {
        let mut state = self.lock();
        state.automatic = true;
        state.script.clear();
        for request in std::mem::take(&mut state.held) {
            state.perform(&request, Share::Full);
        }
        drop(state);
        self.0.changed.notify_all();
    }

    /// The requests that are held, if nothing that has completed has not been taken and, unless it is
    /// an event loop's, the waiter sleeps.
    pub(crate) fn held_if_quiet(&self) -> Option<Vec<Request>> {
        let state = self.lock();
        let is_quiet = state.events.is_empty() && (state.waiting || state.counter.is_some());
        is_quiet.then(|| state.held.clone())
    }

    /// Counts events for an event loop.
    pub(crate) fn count_on(&self, counter: Arc<File>) {
        self.lock().counter = Some(counter);
    }

    /// How many events each call of `take` was to take at most, and how many it took.
    pub(crate) fn takes(&self) -> Vec<(usize, usize)> {
        self.lock().takes.clone()
    }

    pub(crate) fn script(&self, answers: impl IntoIterator<Item = Answer>) {
        self.lock().script.extend(answers);
    }

    /// Forgets the answers to come for others.
    pub(crate) fn script_anew(&self, answers: impl IntoIterator<Item = Answer>) {
        self.lock().script = answers.into_iter().collect();
    }

    /// Makes the next call of `submit` by another thread than a worker block until `unblock`.
    pub(crate) fn block_caller(&self) {
        self.lock().block_caller = true;
    }

    /// Makes the next call of `cancel` block until `unblock`.
    pub(crate) fn block_cancel(&self) {
        self.lock().block_cancel = true;
    }

    /// Holds nothing and nobody any more, so that a test that fails ends.
    pub(crate) fn give_up(&self) {
        let mut state = self.lock();
        (state.automatic, state.blocked) = (true, false);
        (state.block_caller, state.block_cancel) = (false, false);
        state.script.clear();
        drop(state);
        self.complete_all();
    }

    pub(crate) fn unblock(&self) {
        self.lock().blocked = false;
        self.0.changed.notify_all();
    }

    /// Makes `wait` fail like this, once for each.
    pub(crate) fn fail_waits(&self, errnos: impl IntoIterator<Item = i32>) {
        self.lock().wait_errors.extend(errnos);
        self.0.changed.notify_all();
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    /// What each call of `wait` was to wait for, once there has been one that is like that.
    pub(crate) fn waited(
        &self,
        like: impl Fn(usize, Option<Duration>) -> bool,
    ) -> Vec<(usize, Option<Duration>)> {
        let found = |state: &State| state.waits.iter().any(|&(least, limit)| like(least, limit));
        self.until(found).waits.clone()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Waits until so many requests are held, and lists them in the order of their acceptance.
    pub(crate) fn held(&self, count: usize) -> Vec<Request> {
        self.until(|state| state.held.len() >= count).held.clone()
    }

    /// Waits until a caller is blocked.
    pub(crate) fn blocked(&self) {
        drop(self.until(|state| state.blocked));
    }

    /// Waits until `submit` has been called so often.
    pub(crate) fn called(&self, count: usize) {
        drop(self.until(|state| state.calls.len() >= count));
    }

    /// Waits until the waiter has returned all errors that it was told to.
    pub(crate) fn waits_failed(&self) {
        drop(self.until(|state| state.wait_errors.is_empty()));
    }

    /// Completes held requests with these results, all in one harvest.
    pub(crate) fn complete(&self, results: impl IntoIterator<Item = (Request, i64)>) {
        let mut state = self.lock();
        for (request, res) in results {
            // Only memory that is still lent may be written; an event that comes again has none.
            let held = state.held.iter().position(|other| other.token == request.token);
            if let Some(position) = held {
                let held = state.held.remove(position);
                state.device.perform(&held, res);
            }
            state.add(Event { token: request.token, res });
        }
        drop(state);
        self.0.changed.notify_all();
    }

    /// Completes all that is held, in full.
    pub(crate) fn complete_all(&self) {
        let held = self.lock().held.clone();
        self.complete(held.into_iter().map(|request| (request, full(&request))));
    }

    /// Makes the event of a request come once more that has completed, counted round. False if none has.
    pub(crate) fn repeat(&self, place: usize) -> bool {
        let mut state = self.lock();
        let Some(&token) = state.past.get(place % state.past.len().max(1)) else { return false };
        state.add(Event { token, res: 0 });
        drop(state);
        self.0.changed.notify_all();
        true
    }

    /// Makes an event from nothing.
    pub(crate) fn invent(&self, token: u64) {
        self.lock().add(Event { token, res: 0 });
        self.0.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for_unblock<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.blocked = true;
        self.0.changed.notify_all();
        self.0.changed.wait_while(state, |state| state.blocked).unwrap()
    }

    fn until(&self, condition: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let waited =
            self.0.changed.wait_timeout_while(self.lock(), HANG, |state| !condition(state));
        let (state, timeout) = waited.unwrap();
        assert!(!timeout.timed_out(), "what the test waits for doesn't happen");
        state
    }
}

impl State {
    fn perform(&mut self, request: &Request, share: Share) {
        let res = share.of(request);
        self.device.perform(request, res);
        self.past.push(request.token);
        self.add(Event { token: request.token, res });
    }

    fn add(&mut self, event: Event) {
        self.events.push_back(event);
        if let Some(mut counter) = self.counter.as_deref() {
            counter.write_all(&1_u64.to_ne_bytes()).unwrap();
        }
    }
}

/// The result of a request that transfers all it asks for.
pub(crate) fn full(request: &Request) -> i64 {
    if request.transfer.operation.transfers() { request.transfer.length.cast_signed() } else { 0 }
}

impl Engine for Fake {
    unsafe fn submit(&self, batch: &[Request]) -> Result<usize, Errno> {
        let mut state = self.lock();
        let thread = thread::current().name().unwrap_or_default().to_owned();
        let block = !thread.starts_with("aio-worker") && std::mem::take(&mut state.block_caller);
        state.calls.push(Call {
            thread,
            offsets: batch.iter().map(|request| request.transfer.offset).collect(),
        });
        if block {
            state = self.wait_for_unblock(state);
        }
        let accepted = match state.script.pop_front() {
            Some(Answer::Refuse(errno)) => {
                state.device.asked(batch, Err(errno));
                self.0.changed.notify_all();
                return Err(Errno(errno));
            }
            Some(Answer::Accept(most)) => most.min(batch.len()),
            None => batch.len(),
        };
        state.device.asked(batch, Ok(accepted));
        for request in &batch[..accepted] {
            if state.automatic {
                state.perform(request, Share::Full);
            } else {
                state.held.push(*request);
            }
        }
        drop(state);
        self.0.changed.notify_all();
        Ok(accepted)
    }

    fn cancel(&self, token: u64) -> bool {
        let mut state = self.lock();
        if std::mem::take(&mut state.block_cancel) {
            state = self.wait_for_unblock(state);
        }
        let polls = |request: &Request| {
            request.token == token && request.transfer.operation == Operation::Poll
        };
        let Some(position) = state.held.iter().position(polls) else { return false };
        let poll = state.held.remove(position);
        state.device.perform(&poll, 0);
        state.add(Event { token, res: 0 });
        drop(state);
        self.0.changed.notify_all();
        true
    }

    fn wait(
        &self,
        events: &mut Vec<Event>,
        least: usize,
        limit: Option<Duration>,
    ) -> Result<(), Errno> {
        let mut state = self.lock();
        state.waits.push((least, limit));
        self.0.changed.notify_all();
        let few = |state: &mut State| state.events.len() < least && state.wait_errors.is_empty();
        state.waiting = true;
        let mut state = match limit {
            None => self.0.changed.wait_while(state, few).unwrap(),
            Some(limit) => self.0.changed.wait_timeout_while(state, limit, few).unwrap().0,
        };
        state.waiting = false;
        if let Some(errno) = state.wait_errors.pop_front() {
            self.0.changed.notify_all();
            return Err(Errno(errno));
        }
        events.extend(state.events.drain(..));
        Ok(())
    }

    fn take(&self, events: &mut Vec<Event>, most: usize) -> Result<(), Errno> {
        let mut state = self.lock();
        if let Some(errno) = state.wait_errors.pop_front() {
            return Err(Errno(errno));
        }
        let count = state.events.len().min(most);
        state.takes.push((most, count));
        events.extend(state.events.drain(..count));
        Ok(())
    }

    fn wake(&self) -> Result<(), Errno> {
        self.lock().events.push_back(Event { token: STOP, res: 0 });
        self.0.changed.notify_all();
        Ok(())
    }

    fn close(&self) -> Option<Retired> {
        self.lock().closed = true;
        None
    }
}
