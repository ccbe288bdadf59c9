//! The engine's side of the scripted engine: it gives the answers that the test asked for.

#![expect(unsafe_code, reason = "plays the kernel's part: is lent the buffers of jobs")]

use std::mem;
use std::time::Duration;

use super::Fake;
use super::device::Share;
use super::state::{Answer, FakeState, SubmitCall, SubmittedBy};
use crate::engine::context::Retired;
use crate::engine::operation::Operation;
use crate::engine::{Engine, Errno, Event, Request, STOP};
use crate::wait::worker_mark;

impl Engine for Fake {
    unsafe fn submit(&self, batch: &[Request]) -> Result<usize, Errno> {
        let mut state = self.lock();
        state.assert_open();
        state.assert_unused(batch);
        let by = match worker_mark::is_any_worker() {
            true => SubmittedBy::Worker,
            false => SubmittedBy::OtherThread,
        };
        let block = by == SubmittedBy::OtherThread && mem::take(&mut state.block_caller);
        let offsets = batch.iter().map(|request| request.transfer.offset).collect();
        state.calls.push(SubmitCall { by, offsets });
        if block {
            state = self.wait_for_unblock(state);
        }
        let accepted = match state.script.pop_front() {
            Some(Answer::Refuse(errno)) => {
                state.device.asked(batch, Err(errno));
                self.tell_change(state);
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
        self.tell_change(state);
        Ok(accepted)
    }

    fn cancel(&self, token: u64) -> bool {
        let mut state = self.lock();
        state.assert_open();
        if mem::take(&mut state.block_cancel) {
            state = self.wait_for_unblock(state);
        }
        let polls = |request: &Request| {
            request.token == token && request.transfer.operation == Operation::Poll
        };
        let Some(position) = state.held.iter().position(polls) else { return false };
        let poll = state.held.remove(position);
        state.device.perform(&poll, 0);
        state.add(Event { token, res: 0 });
        self.tell_change(state);
        true
    }

    fn wait(
        &self,
        events: &mut Vec<Event>,
        least: usize,
        limit: Option<Duration>,
    ) -> Result<(), Errno> {
        let mut state = self.lock();
        state.assert_one_waiter();
        state.waits.push((least, limit));
        self.0.changed.notify_all();
        let few =
            |state: &mut FakeState| state.events.len() < least && state.wait_errors.is_empty();
        state.waiting = true;
        let mut state = match limit {
            None => self.0.changed.wait_while(state, few).unwrap(),
            Some(limit) => self.0.changed.wait_timeout_while(state, limit, few).unwrap().0,
        };
        state.waiting = false;
        if let Some(errno) = state.wait_errors.pop_front() {
            self.tell_change(state);
            return Err(Errno(errno));
        }
        events.extend(state.events.drain(..));
        Ok(())
    }

    fn take(&self, events: &mut Vec<Event>, most: usize) -> Result<(), Errno> {
        let mut state = self.lock();
        state.assert_one_waiter();
        if let Some(errno) = state.wait_errors.pop_front() {
            return Err(Errno(errno));
        }
        let count = state.events.len().min(most);
        state.takes.push((most, count));
        events.extend(state.events.drain(..count));
        Ok(())
    }

    fn wake(&self) -> Result<(), Errno> {
        let mut state = self.lock();
        state.assert_may_wake();
        state.woken = true;
        state.events.push_back(Event { token: STOP, res: 0 });
        self.tell_change(state);
        Ok(())
    }

    fn close(&self) -> Option<Retired> {
        let mut state = self.lock();
        state.assert_one_waiter();
        state.closed = true;
        None
    }
}
