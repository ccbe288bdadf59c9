//! Handing a batch of filled slots to the kernel, whatever it makes of it.
//!
//! Safety: the one place that calls [`Engine::submit`](crate::engine::Engine::submit); the slots
//! keep what the requests describe.

#![expect(unsafe_code, reason = "gives the kernel access to jobs' buffers")]

use std::sync::atomic::Ordering;
use std::thread;

use crate::engine::{Errno, Request, SubmitAction, submit_action};
use crate::pipeline::{Completed, Pipeline};
use crate::slots::index_of;

/// How often the kernel is asked again that has no request to spare although none of ours is in
/// use. After that the first job is told.
const TRIES_WHEN_ALONE: u32 = 8;

impl Pipeline {
    /// Submits a batch whose jobs are in their slots. Each ends in the kernel, at a worker with the
    /// kernel's error, or back among the waiting.
    ///
    /// From the moment that the kernel has accepted a request, nothing of its job or slot is
    /// touched here: it may have completed, its callback run, and the slot been used again.
    pub(crate) fn launch(&self, batch: &[Request]) {
        let mut rest = batch;
        let mut tries = 0;
        while !rest.is_empty() {
            self.counters.submit_calls.fetch_add(1, Ordering::Relaxed);
            // Counted before, as the reaper may count a completion before the call returns.
            self.counters.submitted(rest);
            // SAFETY: each request describes the job that `fill_slots` put into the slot with this
            // token. The slot keeps it, and with it buffer and file, until the reaper takes it out
            // on the event with the token; nobody else takes it, as `put_back` and `refuse`
            // only do so for requests that were not accepted. While in the slot the job's memory
            // is not accessed. A slot is filled again only after its job's callback has returned,
            // so the token is not in use.
            let answer = unsafe { self.engine.submit(rest) };
            let accepted = *answer.as_ref().unwrap_or(&0);
            self.counters.taken_back(&rest[accepted..]);
            match answer.map_err(|errno| (submit_action(errno), errno)) {
                Ok(0) | Err((SubmitAction::Park, _)) => {
                    if self.put_back(rest) {
                        return;
                    }
                    tries += 1;
                    if tries > TRIES_WHEN_ALONE {
                        tries = 0;
                        rest = self.refuse(rest, Errno(libc::EAGAIN));
                    } else {
                        thread::yield_now();
                    }
                }
                Ok(accepted) => rest = &rest[accepted..],
                Err((SubmitAction::Retry, _)) => {}
                Err((SubmitAction::FailFirst, errno)) => rest = self.refuse(rest, errno),
            }
        }
    }

    /// Ends the first job with the error that the kernel has for it, and returns the others.
    fn refuse<'a>(&self, rest: &'a [Request], errno: Errno) -> &'a [Request] {
        let Some((first, others)) = rest.split_first() else { return rest };
        let completed = Completed {
            index: index_of(first.token) as u32,
            res: -i64::from(errno.0),
            job: self.slots.take(first.token).expect("a refused request's job is in its slot"),
        };
        self.deliver(completed);
        others
    }

    /// Puts jobs back that the kernel has no request for, to wait for the next completion. False,
    /// and nothing done, if none will come because no other slot is occupied.
    fn put_back(&self, rest: &[Request]) -> bool {
        let state = self.admission.lock();
        let depth = self.admission.limits().depth as usize;
        if state.free_slots() + rest.len() == depth {
            return false;
        }
        let last_first = rest.iter().rev().map(|request| {
            let job = self.slots.take(request.token);
            (index_of(request.token) as u32, job.expect("a refused request's job is in its slot"))
        });
        self.starve(state, last_first);
        true
    }
}
