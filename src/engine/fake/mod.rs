//! A scripted engine for tests: it gives every answer that a kernel can give, when the test says.
//!
//! [`Fake`] is the test's side, `kernel` the engine's. `state` checks that the crate keeps to the
//! engine's contract, and `device` has the contents and the journal of a device.

mod device;
mod kernel;
mod state;

use std::fs::File;
use std::os::fd::RawFd;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use super::{Event, Request};
use crate::sync::lock;
use device::Device;
pub(crate) use device::{JournalEntry, Share};
pub(crate) use state::{Answer, SubmitCall, SubmittedBy};
use state::{FakeShared, FakeState};

/// Only a hang takes this long.
const HANG: Duration = Duration::from_secs(60);

/// The engine and, cloned, the test's hold on it.
#[derive(Clone, Default)]
pub(crate) struct Fake(Arc<FakeShared>);

impl Fake {
    /// An engine that completes requests as it accepts them, before `submit` returns.
    pub(crate) fn automatic() -> Self {
        let fake = Self::default();
        fake.lock().automatic = true;
        fake
    }

    /// An engine with a device that has these contents and keeps a journal.
    pub(crate) fn with_contents(contents: Vec<u8>) -> Self {
        let fake = Self::default();
        fake.lock().device = Device::new(contents);
        fake
    }

    /// Gives the job that has this file its name in the journal. No two jobs may have the file at a
    /// time.
    pub(crate) fn name(&self, fd: RawFd, name: usize) {
        self.lock().device.name(fd, name);
    }

    /// The entries of the journal since the last call.
    pub(crate) fn journal(&self) -> Vec<JournalEntry> {
        self.lock().device.journal()
    }

    pub(crate) fn contents(&self) -> Vec<u8> {
        self.lock().device.contents()
    }

    /// Completes held requests in one harvest. A place counts round among those that are held then.
    pub(crate) fn complete_some(&self, places: impl IntoIterator<Item = (usize, Share)>) {
        let mut state = self.lock();
        for (place, share) in places {
            let count = state.held.len();
            if count > 0 {
                let request = state.held.remove(place % count);
                state.perform(&request, share);
            }
        }
        self.tell_change(state);
    }

    /// Completes all requests, in full, from now on.
    pub(crate) fn complete_from_now_on(&self) {
        let mut state = self.lock();
        state.automatic = true;
        state.script.clear();
        for request in std::mem::take(&mut state.held) {
            state.perform(&request, Share::Full);
        }
        self.tell_change(state);
    }

    /// The requests that are held, if all events have been taken and the waiter sleeps. An event
    /// loop's waiter need not sleep.
    pub(crate) fn held_if_quiet(&self) -> Option<Vec<Request>> {
        let state = self.lock();
        let is_quiet = state.events.is_empty() && (state.waiting || state.counter.is_some());
        is_quiet.then(|| state.held.clone())
    }

    /// Counts events for an event loop.
    pub(crate) fn count_on(&self, counter: Arc<File>) {
        self.lock().counter = Some(counter);
    }

    /// How many events each call of `take` asked for at most, and how many it got.
    pub(crate) fn takes(&self) -> Vec<(usize, usize)> {
        self.lock().takes.clone()
    }

    pub(crate) fn script(&self, answers: impl IntoIterator<Item = Answer>) {
        self.lock().script.extend(answers);
    }

    /// Replaces the answers to come.
    pub(crate) fn script_anew(&self, answers: impl IntoIterator<Item = Answer>) {
        self.lock().script = answers.into_iter().collect();
    }

    /// Makes the next call of `submit` by another thread than a worker block until `unblock`.
    pub(crate) fn block_caller(&self) {
        self.lock().block_caller = true;
    }

    /// Makes the next call of `submit` that comes to a request with this offset block until
    /// `unblock`. The requests before it are accepted before, as the kernel takes them one by one.
    pub(crate) fn block_at(&self, offset: u64) {
        self.lock().block_at = Some(offset);
    }

    /// Makes the next call of `cancel` block until `unblock`.
    pub(crate) fn block_cancel(&self) {
        self.lock().block_cancel = true;
    }

    /// Completes all requests and blocks no caller any more, so that a test that fails ends.
    pub(crate) fn give_up(&self) {
        let mut state = self.lock();
        (state.automatic, state.blocked) = (true, false);
        (state.block_caller, state.block_cancel, state.block_at) = (false, false, None);
        state.script.clear();
        drop(state);
        self.complete_all();
    }

    pub(crate) fn unblock(&self) {
        self.lock().blocked = false;
        self.0.changed.notify_all();
    }

    /// Makes `wait` fail with each of these errors in turn.
    pub(crate) fn fail_waits(&self, errnos: impl IntoIterator<Item = i32>) {
        self.lock().wait_errors.extend(errnos);
        self.0.changed.notify_all();
    }

    pub(crate) fn calls(&self) -> Vec<SubmitCall> {
        self.lock().calls.clone()
    }

    /// How many events each call of `wait` asked for, and its limit, once there has been a call
    /// like that.
    pub(crate) fn waited(
        &self,
        like: impl Fn(usize, Option<Duration>) -> bool,
    ) -> Vec<(usize, Option<Duration>)> {
        let found =
            |state: &FakeState| state.waits.iter().any(|&(least, limit)| like(least, limit));
        self.until(found).waits.clone()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Waits until so many requests are held, and returns them in the order of their acceptance.
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
        self.tell_change(state);
    }

    /// Completes all that is held, in full.
    pub(crate) fn complete_all(&self) {
        let held = self.lock().held.clone();
        self.complete(held.into_iter().map(|request| (request, full(&request))));
    }

    /// Makes the event of a completed request come once more; the place counts round among them.
    /// False if none has completed.
    pub(crate) fn repeat(&self, place: usize) -> bool {
        let mut state = self.lock();
        let Some(&token) = state.past.get(place % state.past.len().max(1)) else { return false };
        state.add(Event { token, res: 0 });
        self.tell_change(state);
        true
    }

    /// Makes an event that belongs to no request.
    pub(crate) fn invent(&self, token: u64) {
        self.lock().add(Event { token, res: 0 });
        self.0.changed.notify_all();
    }

    /// Gives the lock up and tells all that wait for a change.
    fn tell_change(&self, state: MutexGuard<'_, FakeState>) {
        drop(state);
        self.0.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, FakeState> {
        lock(&self.0.state)
    }

    fn wait_for_unblock<'a>(
        &'a self,
        mut state: MutexGuard<'a, FakeState>,
    ) -> MutexGuard<'a, FakeState> {
        state.blocked = true;
        self.0.changed.notify_all();
        self.0.changed.wait_while(state, |state| state.blocked).unwrap()
    }

    fn until(&self, condition: impl Fn(&FakeState) -> bool) -> MutexGuard<'_, FakeState> {
        let waited =
            self.0.changed.wait_timeout_while(self.lock(), HANG, |state| !condition(state));
        let (state, timeout) = waited.unwrap();
        assert!(!timeout.timed_out(), "what the test waits for doesn't happen");
        state
    }
}

/// The result of a request that transfers all it asks for.
pub(crate) fn full(request: &Request) -> i64 {
    if request.transfer.operation.transfers() { request.transfer.length.cast_signed() } else { 0 }
}
