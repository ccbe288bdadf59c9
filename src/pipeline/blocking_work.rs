//! Performs the requests of the blocking threads (the work of a blocking job, or a transfer), and
//! errands.
//!
//! Safety: performs transfers that requests in the pool's queue describe; the slots keep the jobs.

#![expect(unsafe_code, reason = "gives the kernel access to jobs' buffers")]

use std::mem;
use std::sync::atomic::Ordering;

use super::Pipeline;
use crate::blocking::{AfterWork, BlockingRequest, Errand, PoolService, ReplyTo, perform};
use crate::engine::Event;
use crate::engine::operation::Operation;
use crate::job::completed::Completed;
use crate::job::stopped::CancelReason;
use crate::sync::Instant;
use crate::wait::worker_mark::{self, Role};

impl PoolService<BlockingRequest> for Pipeline {
    fn perform(&self, request: BlockingRequest) -> AfterWork {
        if request.request.transfer.operation == Operation::Blocking {
            return work(self, &request);
        }
        transfer(self, &request);
        AfterWork::GoOn
    }

    fn run_handler(&self, handler: &mut dyn FnMut()) -> AfterWork {
        run_handler(self, Role::BlockingThread, handler)
    }
}

impl PoolService<Errand> for Pipeline {
    fn perform(&self, errand: Errand) -> AfterWork {
        self.with_role(Role::Converter, || errand.run());
        if self.is_forked() { AfterWork::Forked } else { AfterWork::GoOn }
    }

    fn run_handler(&self, handler: &mut dyn FnMut()) -> AfterWork {
        run_handler(self, Role::Converter, handler)
    }
}

fn run_handler(pipeline: &Pipeline, role: Role, handler: &mut dyn FnMut()) -> AfterWork {
    // The rules for callbacks hold for handlers, too.
    pipeline.with_role(role, || {
        worker_mark::begin_callback();
        handler();
    });
    if pipeline.is_forked() { AfterWork::Forked } else { AfterWork::GoOn }
}

/// Performs a transfer, and sends the job to the workers or its result to the engine.
fn transfer(pipeline: &Pipeline, request: &BlockingRequest) {
    let launcher = &pipeline.launcher;
    if request.is_overdue(Instant::now()) {
        pipeline.admission.lock().tally_mut().count_cancelled(CancelReason::TimedOut);
        launcher.blocking.job_leaves(request);
        launcher.end_unbegun(&pipeline.admission, request, CancelReason::TimedOut);
        return;
    }
    let token = request.request.token;
    let rest = match request.done {
        0 => request.request.transfer,
        done => request.request.transfer.after(done),
    };
    // SAFETY: the request describes the job in the slot with its token, which keeps it, and with it
    // buffer and file, until it is taken out. A job whose request was in the queue of the blocking
    // threads is taken out by the thread that took the request out of that queue, which is this
    // one. (A cancellation takes the request out first, and then this thread never sees it.) It
    // does so below, or the engine's waiter does once the engine has been told below. While it is
    // in the slot, nobody else accesses what the request describes.
    let res = unsafe { perform(&rest) };
    launcher.counters.blocking_transfers.fetch_add(1, Ordering::Relaxed);
    match request.reply_to {
        ReplyTo::Engine => launcher.engine.performed(Event { token, res }),
        ReplyTo::Workers => {
            let res = together(request.done, res);
            send(pipeline, request, launcher.take_own(&pipeline.admission, token, res));
        }
    }
}

/// The result of a read in two parts. Bytes that were read before an error are not lost: a read of
/// the rest will report the error.
fn together(done: usize, res: i64) -> i64 {
    let done = done as i64;
    if res >= 0 || done == 0 { done + res } else { done }
}

/// Does a blocking job's work, and sends the job to the workers.
fn work(pipeline: &Pipeline, request: &BlockingRequest) -> AfterWork {
    let mut completed = pipeline.launcher.take_own(&pipeline.admission, request.request.token, 0);
    // The rules for callbacks hold for this work, too.
    pipeline.with_role(Role::BlockingThread, || {
        worker_mark::begin_callback();
        completed.job.work();
    });
    if pipeline.is_forked() {
        // The job is the parent's, as is everything else here.
        mem::forget(completed);
        return AfterWork::Forked;
    }
    send(pipeline, request, completed);
    AfterWork::GoOn
}

fn send(pipeline: &Pipeline, request: &BlockingRequest, completed: Completed) {
    pipeline.launcher.blocking.job_leaves(request);
    pipeline.launcher.deliver(&pipeline.admission, completed);
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
