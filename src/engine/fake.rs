//! A scripted engine for tests: it gives every answer that a kernel can give, when the test says.

#![expect(unsafe_code, reason = "plays the kernel's part: writes into the buffers of reads")]

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::{Engine, Errno, Event, Request, Retired, STOP};
use crate::completion::Operation;

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

/// The byte that reads put everywhere.
pub(crate) const FILL: u8 = 0x5a;

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
    closed: bool,
}

impl Fake {
    /// Completes requests as they are accepted, before `submit` returns.
    pub(crate) fn automatic() -> Self {
        let fake = Self::default();
        fake.lock().automatic = true;
        fake
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
                transfer(&state.held.remove(position), res);
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

/// What the kernel does to memory, for reads.
fn transfer(request: &Request, res: i64) {
    let mut left = usize::try_from(res).unwrap_or(0);
    let address = usize::try_from(request.transfer.address).unwrap();
    let length = usize::try_from(request.transfer.length).unwrap();
    match request.transfer.operation {
        Operation::Read => fill(std::ptr::with_exposed_provenance_mut(address), left.min(length)),
        Operation::ReadVectored => {
            let list = std::ptr::with_exposed_provenance::<libc::iovec>(address);
            // SAFETY: `submit`'s caller lends an array of `length` elements there. This engine reads
            // it only now, and the job that keeps it is still in its slot.
            let list = unsafe { std::slice::from_raw_parts(list, length) };
            for segment in list {
                fill(segment.iov_base.cast(), left.min(segment.iov_len));
                left -= left.min(segment.iov_len);
            }
        }
        _ => {}
    }
}

fn fill(buffer: *mut u8, count: usize) {
    // SAFETY: `submit`'s caller lends at least `count` bytes there until the event is returned,
    // which has not happened.
    unsafe { buffer.write_bytes(FILL, count) };
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
                self.0.changed.notify_all();
                return Err(Errno(errno));
            }
            Some(Answer::Accept(most)) => most.min(batch.len()),
            None => batch.len(),
        };
        for request in &batch[..accepted] {
            if state.automatic {
                transfer(request, full(request));
                state.add(Event { token: request.token, res: full(request) });
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
        state.held.remove(position);
        state.events.push_back(Event { token, res: 0 });
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
        let mut state = match limit {
            None => self.0.changed.wait_while(state, few).unwrap(),
            Some(limit) => self.0.changed.wait_timeout_while(state, limit, few).unwrap().0,
        };
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
