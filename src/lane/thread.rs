//! What a thread of the lane does.
//!
//! Safety: has transfers performed that its queue describes; the slots keep the jobs.

#![expect(unsafe_code, reason = "gives the kernel access to jobs' buffers")]

use std::mem;
use std::sync::atomic::Ordering;

use super::transfer::perform;
use super::{Errand, Reply};
use crate::completion::Operation;
use crate::early::Reason;
use crate::engine::Event;
use crate::job::Job;
use crate::pipeline::{Completed, Pipeline};
use crate::slots::index_of;
use crate::unwind::AbortOnPanic;

/// Does what is in the queue, until nothing has been for a while or the lane is dismissed.
pub(super) fn run(pipeline: &Pipeline, number: usize) {
    let _guard = AbortOnPanic;
    let mut started = true;
    while let Some(errand) = pipeline.lane.next(number, started) {
        started = false;
        if errand.request.transfer.operation != Operation::Blocking {
            transfer(pipeline, &errand);
        } else if !work(pipeline, &errand) {
            return;
        }
    }
}

fn taken(pipeline: &Pipeline, errand: &Errand) -> Job {
    pipeline.slots.take(errand.request.token).expect("a job on the lane is in its slot")
}

fn deliver(pipeline: &Pipeline, errand: &Errand, res: i64, job: Job) {
    pipeline.lane.sends(errand);
    pipeline.deliver(Completed { index: index_of(errand.request.token) as u32, res, job });
}

/// Whether it is about a job that is to be given up.
fn is_late(pipeline: &Pipeline, errand: &Errand) -> bool {
    let mut late = false;
    pipeline.slots.look_at(errand.request.token, |job| {
        late = errand.done == 0 && job.is_unbegun() && job.is_overdue();
    });
    late
}

/// Performs a transfer, and sends the job to the workers or its result to the engine.
fn transfer(pipeline: &Pipeline, errand: &Errand) {
    let rest = match errand.done {
        0 => errand.request.transfer,
        done => errand.request.transfer.after(done),
    };
    if is_late(pipeline, errand) {
        pipeline.admission.lock().tally.count_early(Reason::TimedOut, true);
        pipeline.lane.sends(errand);
        pipeline.end_unbegun(errand, Reason::TimedOut);
        return;
    }
    // SAFETY: the request describes the job in the slot with its token, which keeps it, and with it
    // buffer and file, until it is taken out. Of what was in the lane's queue that is done by whoever
    // took the errand out of the queue, which is this thread (a withdrawal takes it out first, and
    // then this thread never sees it): below, or by the engine's waiter once the engine has been told
    // there. While in the slot the job's memory is not accessed.
    let res = unsafe { perform(&rest) };
    pipeline.counters.blocking_transfers.fetch_add(1, Ordering::Relaxed);
    match errand.reply {
        Reply::Engine => pipeline.engine.performed(Event { token: errand.request.token, res }),
        Reply::Workers => {
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
fn work(pipeline: &Pipeline, errand: &Errand) -> bool {
    let mut job = taken(pipeline, errand);
    // What holds for callbacks holds for this.
    pipeline.as_worker(|| {
        Pipeline::begin_callback();
        job.work();
    });
    if pipeline.is_forked() {
        // The job is the parent's, as is all else that is here.
        mem::forget(job);
        return false;
    }
    deliver(pipeline, errand, 0, job);
    true
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
