//! Handing on what was put into slots: to the kernel, whatever it makes of it, to the lane, or to the
//! workers.
//!
//! Safety: the one place that calls [`Engine::submit`](crate::engine::Engine::submit), and one of two
//! that have transfers performed without it; the slots keep what the requests describe.

#![expect(unsafe_code, reason = "gives the kernel access to jobs' buffers")]

use std::slice;
use std::sync::atomic::Ordering;

use crate::admission::batch::Batch;
use crate::blocking::{BlockingRequest, CacheRead, ReplyTo, read_cached};
use crate::engine::errno::{SubmitAction, submit_action};
use crate::engine::operation::Operation;
use crate::engine::token::index_of;
use crate::engine::{Errno, Request};
use crate::job::Job;
use crate::pipeline::{Completed, Pipeline};
use crate::sync::thread;

/// How often the kernel is asked again that has no request to spare although none of ours is in
/// use. After that the first job is told.
const TRIES_WHEN_ALONE: u32 = 8;

impl Pipeline {
    /// Hands on what has just been put into slots, but for a read to be looked for. A thread that is
    /// `between_callbacks` takes a job from the channel itself next.
    pub(crate) fn launch(&self, batch: &Batch, between_callbacks: bool) {
        // Unless it is kept: a submission may take its time, as may copying.
        let takes_one = between_callbacks && batch.requests.is_empty() && batch.look.is_none();
        self.block(&batch.blocking, takes_one);
        if !batch.ready.is_empty() {
            self.send(batch.ready.iter().map(|&token| self.taken(token, 0)));
            self.call_for_sent(takes_one);
        }
        self.submit(&batch.requests);
    }

    /// Looks into the page cache for what a read of `requested` bytes wants. True if all was there,
    /// and the job is on its way to its callback; otherwise the lane has it.
    pub(crate) fn look(&self, request: &Request, requested: usize) -> bool {
        // SAFETY: the request describes the job in the slot with its token, as for `submit` below.
        // The slot keeps it until it is taken out, which is for this thread to do, or, after it was
        // handed on below, for whoever takes it out of the lane's queue.
        let done = match unsafe { read_cached(&request.transfer, requested) } {
            CacheRead::Hit(count) => {
                self.counters.cached.fetch_add(1, Ordering::Relaxed);
                self.send([self.taken(request.token, count as i64)]);
                self.call_for_sent(true);
                return true;
            }
            CacheRead::Miss(done) => done,
            CacheRead::Unsupported => {
                self.slots.look_at(request.token, Job::not_told_what_is_cached);
                0
            }
        };
        self.block(
            &[BlockingRequest { request: *request, done, reply_to: ReplyTo::Workers }],
            true,
        );
        false
    }

    /// Hands jobs to the blocking lane.
    fn block(&self, errands: &[BlockingRequest], takes_one: bool) {
        if errands.is_empty() || self.blocking.push(errands.iter().copied()) {
            return;
        }
        // There is no thread: a worker does the work, the engine performs the transfer.
        for BlockingRequest { request, .. } in errands {
            if request.transfer.operation == Operation::Blocking {
                self.send([self.taken(request.token, 0)]);
                self.call_for_sent(takes_one);
            } else {
                self.submit(slice::from_ref(request));
            }
        }
    }

    /// A job that is in its slot and that nobody else knows of, with its result.
    fn taken(&self, token: u64, res: i64) -> Completed {
        let job = self.slots.take(token).expect("a job that was not handed on is in its slot");
        Completed { index: index_of(token) as u32, res, job }
    }

    /// Submits a batch whose jobs are in their slots. Each ends in the kernel, at a worker with the
    /// kernel's error, or back among the waiting.
    ///
    /// From the moment that the kernel has accepted a request, nothing of its job or slot is
    /// touched here: it may have completed, its callback run, and the slot been used again.
    fn submit(&self, batch: &[Request]) {
        let mut rest = batch;
        let mut tries = 0;
        while !rest.is_empty() {
            self.counters.submit_calls.fetch_add(1, Ordering::Relaxed);
            // Counted before, as the reaper may count a completion before the call returns.
            self.counters.submitted(rest);
            // SAFETY: each request describes the job that `fill_slots` put into the slot with this
            // token. The slot keeps it, and with it buffer and file, until the engine's waiter (the
            // reaper, or the owner of an event loop) takes it out on the event with the token;
            // nobody else takes it, as `put_back` and `refuse` only do so for requests that were not
            // accepted, and who withdraws a poll, or what waits for a thread of the engine's, leaves
            // it there for the event. While in the slot the job's memory is not accessed, but for the
            // mark that it was withdrawn, which is no part of what the request describes. A slot is
            // filled again only after its job's callback has returned, so the token is not in use.
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
                Ok(accepted) => {
                    tries = 0;
                    rest = &rest[accepted..];
                }
                Err((SubmitAction::Retry, _)) => {}
                Err((SubmitAction::FailFirst, errno)) => {
                    tries = 0;
                    rest = self.refuse(rest, errno);
                }
            }
        }
    }

    /// Ends the first job with the error that the kernel has for it, and returns the others.
    fn refuse<'a>(&self, rest: &'a [Request], errno: Errno) -> &'a [Request] {
        let Some((first, others)) = rest.split_first() else { return rest };
        self.deliver(self.taken(first.token, -i64::from(errno.0)));
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
