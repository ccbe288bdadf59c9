//! The state of the scripted engine, and its check of the engine's contract.

use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use super::device::{Device, Share};
use crate::engine::{Event, Request, STOP};

/// The answer to a call of `submit`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// Takes at most so many.
    Accept(usize),
    /// Takes none and gives this reason.
    Refuse(i32),
}

/// The thread that called `submit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SubmittedBy {
    Worker,
    OtherThread,
}

/// One call of `submit`, as it was made.
#[derive(Clone, Debug)]
pub(crate) struct SubmitCall {
    pub(crate) by: SubmittedBy,
    pub(crate) offsets: Vec<u64>,
}

#[derive(Default)]
pub(super) struct FakeShared {
    pub(super) state: Mutex<FakeState>,
    pub(super) changed: Condvar,
}

#[derive(Default)]
pub(super) struct FakeState {
    /// Answers to come. When there are none left, all requests are accepted.
    pub(super) script: VecDeque<Answer>,
    /// Errors that `wait` and `take` have to return.
    pub(super) wait_errors: VecDeque<i32>,
    /// The next call of `submit` by another thread than a worker blocks, once it has been counted.
    pub(super) block_caller: bool,
    /// The next call of `submit` that comes to a request with this offset blocks, with those before
    /// it accepted.
    pub(super) block_at: Option<u64>,
    /// The next call of `cancel` blocks.
    pub(super) block_cancel: bool,
    pub(super) blocked: bool,
    /// Each request is completed, in full, when it is accepted.
    pub(super) automatic: bool,
    /// Tokens of requests that were accepted and whose event has not been returned.
    in_use: HashSet<u64>,
    /// Requests that were accepted and are not completed.
    pub(super) held: Vec<Request>,
    pub(super) events: VecDeque<Event>,
    /// Counts events for an event loop.
    pub(super) counter: Option<Arc<File>>,
    /// How many events each call of `take` asked for at most, and how many it got.
    pub(super) takes: Vec<(usize, usize)>,
    pub(super) calls: Vec<SubmitCall>,
    /// How many events each call of `wait` asked for, and its limit.
    pub(super) waits: Vec<(usize, Option<Duration>)>,
    /// The waiter sleeps, and has nothing to return.
    pub(super) waiting: bool,
    pub(super) device: Device,
    /// Tokens of requests that were completed.
    pub(super) past: Vec<u64>,
    pub(super) woken: bool,
    pub(super) closed: bool,
}

impl FakeState {
    /// Accepts a request.
    pub(super) fn accept(&mut self, request: &Request) {
        self.in_use.insert(request.token);
        if self.automatic {
            self.perform(request, Share::Full);
        } else {
            self.held.push(*request);
        }
    }

    /// Returns events to the waiter.
    pub(super) fn return_events(&mut self, count: usize, events: &mut Vec<Event>) {
        let returned = self.events.drain(..count);
        events.extend(returned.inspect(|event| _ = self.in_use.remove(&event.token)));
    }

    pub(super) fn perform(&mut self, request: &Request, share: Share) {
        let res = share.of(request);
        self.device.perform(request, res);
        self.past.push(request.token);
        self.add(Event { token: request.token, res });
    }

    pub(super) fn add(&mut self, event: Event) {
        self.events.push_back(event);
        if let Some(mut counter) = self.counter.as_deref() {
            counter.write_all(&1_u64.to_ne_bytes()).unwrap();
        }
    }

    /// Checks that the engine may be called: no call follows `close`.
    pub(super) fn assert_open(&self) {
        assert!(!self.closed, "the engine was closed");
    }

    /// Checks that the caller is the only waiter.
    pub(super) fn assert_one_waiter(&self) {
        self.assert_open();
        assert!(!self.waiting, "another thread waits");
    }

    /// Checks that no request whose event has not been returned has one of these tokens, and none
    /// is that of the stop event.
    pub(super) fn assert_unused(&self, batch: &[Request]) {
        for Request { token, .. } in batch {
            assert!(*token != STOP, "no slot has the token of the stop event");
            assert!(!self.in_use.contains(token), "the token is in use");
        }
    }

    /// Checks that the waiter is woken for the end once, when nothing is outstanding.
    pub(super) fn assert_may_wake(&self) {
        self.assert_open();
        assert!(self.in_use.is_empty(), "a request is outstanding");
        assert!(!self.woken, "the waiter was woken before");
    }
}
