//! What a thread of the lane does.
//!
//! Safety: has transfers performed that its queue describes; the slots keep the jobs.

#![expect(unsafe_code, reason = "gives the kernel access to jobs' buffers")]

use std::mem;
use std::sync::atomic::Ordering;

use crate::blocking::{AfterWork, BlockingRequest, BlockingService, ReplyTo, perform};
use crate::engine::Event;
use crate::engine::operation::Operation;
use crate::engine::token::index_of;
use crate::job::Job;
use crate::job::stopped::CancelReason;
use crate::pipeline::{Completed, Pipeline};
use crate::wait::worker_mark;

impl BlockingService for Pipeline {
    fn perform(&self, errand: &BlockingRequest) -> AfterWork {
        if errand.request.transfer.operation != Operation::Blocking {
            transfer(self, errand);
            return AfterWork::GoOn;
        }
        work(self, errand)
    }
}

fn taken(pipeline: &Pipeline, errand: &BlockingRequest) -> Job {
    pipeline.slots.take(errand.request.token).expect("a job on the lane is in its slot")
}

fn deliver(pipeline: &Pipeline, errand: &BlockingRequest, res: i64, job: Job) {
    pipeline.blocking.job_leaves(errand);
    pipeline.deliver(Completed { index: index_of(errand.request.token) as u32, res, job });
}

/// Whether it is about a job that is to be given up.
fn is_late(pipeline: &Pipeline, errand: &BlockingRequest) -> bool {
    let mut late = false;
    pipeline.slots.look_at(errand.request.token, |job| {
        late = errand.done == 0 && job.has_transferred_nothing() && job.is_overdue();
    });
    late
}

/// Performs a transfer, and sends the job to the workers or its result to the engine.
fn transfer(pipeline: &Pipeline, errand: &BlockingRequest) {
    let rest = match errand.done {
        0 => errand.request.transfer,
        done => errand.request.transfer.after(done),
    };
    if is_late(pipeline, errand) {
        pipeline.admission.lock().tally.count_early(CancelReason::TimedOut, true);
        pipeline.blocking.job_leaves(errand);
        pipeline.end_unbegun(errand, CancelReason::TimedOut);
        return;
    }
    // SAFETY: the request describes the job in the slot with its token, which keeps it, and with it
    // buffer and file, until it is taken out. Of what was in the lane's queue that is done by whoever
    // took the errand out of the queue, which is this thread (a withdrawal takes it out first, and
    // then this thread never sees it): below, or by the engine's waiter once the engine has been told
    // there. While in the slot the job's memory is not accessed.
    let res = unsafe { perform(&rest) };
    pipeline.counters.blocking_transfers.fetch_add(1, Ordering::Relaxed);
    match errand.reply_to {
        ReplyTo::Engine => pipeline.engine.performed(Event { token: errand.request.token, res }),
        ReplyTo::Workers => {
            deliver(pipeline, errand, together(errand.done, res), taken(pipeline, errand));
        }
    }
}

/// The result of a read in two parts. What was read before an error is not lost: who asks for the
/// rest is told.
fn together(done: usize, res: i64) -> i64 {
    let done = done as i64;
    if res >= 0 || done == 0 { done + res } else { done }
}

/// Does a blocking job's work, and sends the job to the workers. False if this is a child that the
/// work forked.
fn work(pipeline: &Pipeline, errand: &BlockingRequest) -> AfterWork {
    let mut job = taken(pipeline, errand);
    // What holds for callbacks holds for this.
    pipeline.as_worker(|| {
        worker_mark::begin_callback();
        job.work();
    });
    if pipeline.is_forked() {
        // The job is the parent's, as is all else that is here.
        mem::forget(job);
        return AfterWork::Forked;
    }
    deliver(pipeline, errand, 0, job);
    AfterWork::GoOn
}

#[cfg(test)]
mod tests {
    use super::together;

    #[test]
    fn an_error_is_told_if_nothing_was_read() {
        assert_eq!((together(0, 7), together(3, 7), together(3, 0)), (7, 10, 3));
        assert_eq!((together(0, -5), together(3, -5)), (-5, 3));
    }
}
