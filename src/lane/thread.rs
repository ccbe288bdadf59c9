//! What a thread of the lane does.

use std::mem;

use crate::engine::Request;
use crate::pipeline::{Completed, Pipeline};
use crate::slots::index_of;
use crate::unwind::AbortOnPanic;

/// Does what is in the queue, until nothing has been for a while or the lane is dismissed.
pub(super) fn run(pipeline: &Pipeline, number: usize) {
    let _guard = AbortOnPanic;
    pipeline.lane.arrive();
    while let Some(request) = pipeline.lane.next(number, pipeline.this()) {
        if !perform(pipeline, &request) {
            return;
        }
    }
}

/// Does one thing, and sends the job to the workers. False if this is a child that it forked.
fn perform(pipeline: &Pipeline, request: &Request) -> bool {
    let mut job = pipeline.slots.take(request.token).expect("a job on the lane is in its slot");
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
    pipeline.deliver(Completed { index: index_of(request.token) as u32, res: 0, job });
    true
}
