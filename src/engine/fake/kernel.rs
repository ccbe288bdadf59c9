//! The engine's side of the scripted engine: it gives the answers that the test asked for.

#![expect(unsafe_code, reason = "plays the kernel's part: is lent the buffers of jobs")]

use std::mem;
use std::sync::PoisonError;
use std::time::Duration;

use super::Fake;
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
            if state.block_at.take_if(|offset| *offset == request.transfer.offset).is_some() {
                state = self.wait_for_unblock(state);
            }
            state.accept(request);
        }
        self.tell_change(state);
        Ok(accepted)
    }

    fn cancel(&self, token: u64) -> bool {
        let mut state = self.lock();
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
            None => self.0.changed.wait_while(state, few).unwrap_or_else(PoisonError::into_inner),
            Some(limit) => {
                let waited = self.0.changed.wait_timeout_while(state, limit, few);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        state.waiting = false;
        if let Some(errno) = state.wait_errors.pop_front() {
            self.tell_change(state);
            return Err(Errno(errno));
        }
        let count = state.events.len();
        state.return_events(count, events);
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
        state.return_events(count, events);
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

/// Breaches of the contract, each of which the engine has to notice.
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::thread;

    use super::super::Fake;
    use crate::engine::operation::Operation;
    use crate::engine::{Engine, Request, STOP, Transfer};

    /// The message of the panic in this call.
    fn breach<R>(call: impl FnOnce() -> R) -> String {
        let Err(payload) = catch_unwind(AssertUnwindSafe(call)) else { panic!("unnoticed") };
        (*payload.downcast::<&str>().unwrap()).to_owned()
    }

    /// Submits a sync, which needs no memory.
    fn submit(fake: &Fake, token: u64) {
        let transfer = Transfer::new(Operation::SyncAll, 0);
        // SAFETY: the engine accesses no memory for a sync, and does not use the descriptor.
        let accepted = unsafe { fake.submit(&[Request { token, transfer, deadline: None }]) };
        assert_eq!(accepted, Ok(1));
    }

    #[test]
    fn a_call_after_the_last_is_noticed() {
        let fake = Fake::default();
        assert!(fake.close().is_none());
        let calls: [&dyn Fn(); 5] = [
            &|| submit(&fake, 1),
            &|| _ = fake.wait(&mut Vec::new(), 1, None),
            &|| _ = fake.take(&mut Vec::new(), 1),
            &|| _ = fake.wake(),
            &|| drop(fake.close()),
        ];
        assert!(calls.iter().all(|call| breach(call) == "the engine was closed"));
        assert!(!fake.cancel(1), "a poll may end while it is cancelled, and be the last job");
    }

    #[test]
    fn a_second_waiter_is_noticed() {
        let fake = Fake::default();
        thread::scope(|scope| {
            let waiter = scope.spawn(|| fake.wait(&mut Vec::new(), 1, None));
            drop(fake.until(|state| state.waiting));
            assert_eq!(breach(|| fake.take(&mut Vec::new(), 1)), "another thread waits");
            assert_eq!(breach(|| fake.wait(&mut Vec::new(), 1, None)), "another thread waits");
            assert_eq!(breach(|| fake.close()), "another thread waits");
            fake.wake().unwrap();
            assert_eq!(waiter.join().unwrap(), Ok(()));
        });
    }

    #[test]
    fn being_woken_while_something_is_outstanding_or_twice_is_noticed() {
        let (fake, mut events) = (Fake::default(), Vec::new());
        submit(&fake, 1);
        assert_eq!(breach(|| fake.wake()), "a request is outstanding");
        fake.complete_all();
        assert_eq!(breach(|| fake.wake()), "a request is outstanding", "its event is to come");
        fake.take(&mut events, 1).unwrap();
        fake.wake().unwrap();
        assert_eq!(breach(|| fake.wake()), "the waiter was woken before");
    }

    #[test]
    fn the_token_of_the_stop_event_is_noticed() {
        let fake = Fake::default();
        assert_eq!(breach(|| submit(&fake, STOP)), "no slot has the token of the stop event");
    }

    #[test]
    fn a_token_that_is_used_too_early_is_noticed() {
        let (fake, mut events) = (Fake::automatic(), Vec::new());
        submit(&fake, 1);
        submit(&fake, 2);
        assert_eq!(breach(|| submit(&fake, 1)), "the token is in use", "its event is to come");
        fake.take(&mut events, 1).unwrap();
        submit(&fake, 1);
        assert_eq!(breach(|| submit(&fake, 2)), "the token is in use");
    }
}
