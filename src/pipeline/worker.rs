//! The threads that run callbacks, and fill slots between them.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::admission::Outcome;
use crate::engine::operation::Operation;
use crate::job::Job;
use crate::job::progress::End;
use crate::job::stopped::CancelReason;
use crate::job::task::JobView;
use crate::pipeline::idle::{NAP_MIN, Rest};
use crate::pipeline::{Completed, Pipeline};
use crate::sync::Instant;
use crate::sync::channel::TryRecvError;
use crate::unwind::{AbortOnUnwind, catch, discard};
use crate::wait::worker_mark;

/// How many callbacks a worker runs before it fills the slots that they left: what those that are
/// awake hold back that way stays under a quarter of the depth, so that the device has work
/// meanwhile; under half of it, if these callbacks are over in no time.
pub(crate) fn run_limit(depth: u32, awake: usize, no_time: usize) -> usize {
    let depth = depth as usize;
    let quarter = depth / (4 * awake.max(1));
    no_time.min(depth / (2 * awake.max(1))).max(quarter).max(1)
}

const NAP_MAX: Duration = Duration::from_millis(100);

/// Runs callbacks until the channel is disconnected.
pub(crate) fn run(pipeline: &Pipeline, worker: usize) {
    let _guard = AbortOnUnwind;
    pipeline.as_worker(|| work(pipeline, worker));
}

/// Callbacks, and jobs that were to go on, since slots were last filled.
#[derive(Default)]
struct Run {
    callbacks: usize,
    since: Option<Instant>,
}

impl Run {
    fn count(&mut self) -> usize {
        self.callbacks += 1;
        self.callbacks
    }

    fn end(&mut self, pipeline: &Pipeline) {
        if let Some(since) = self.since.take() {
            pipeline.pace.record(since.elapsed(), self.callbacks);
            if !pipeline.pace.is_quick() {
                // It may have looked so when these were sent.
                pipeline.call_for_waiting();
            }
        }
        self.callbacks = 0;
    }
}

fn work(pipeline: &Pipeline, worker: usize) {
    let mut run = Run::default();
    let depth = pipeline.admission.limits().depth;
    loop {
        let mut early = false;
        match pipeline.parcels.try_recv() {
            Ok(completed) => {
                run.since.get_or_insert_with(Instant::now);
                let owes = end(pipeline, completed);
                if pipeline.is_forked() {
                    // The callback forked, and this is the child: what else is here is the parent's.
                    return;
                }
                if run.count()
                    >= run_limit(depth, pipeline.sleepers.awake(), pipeline.pace.in_no_time())
                    || owes
                {
                    run.end(pipeline);
                    early = pipeline.refill();
                }
            }
            Err(TryRecvError::Empty) => {
                run.end(pipeline);
                rest(pipeline, worker);
                early = true;
            }
            Err(TryRecvError::Disconnected) => return,
        }
        if early && !end_early(pipeline) {
            return;
        }
    }
}

/// Fills slots, and sleeps when there is nothing else to do.
fn rest(pipeline: &Pipeline, worker: usize) {
    let mut nap = Duration::ZERO;
    loop {
        let limit = match pipeline.rest(worker) {
            Rest::LookAgain => return,
            Rest::Sleep => None,
            Rest::Nap => {
                nap = (nap * 2).clamp(NAP_MIN, NAP_MAX);
                Some(nap)
            }
        };
        let called = pipeline.sleepers.sleep(worker, limit);
        pipeline.counters.worker_wakeups.fetch_add(1, Ordering::Relaxed);
        if called {
            pipeline.arrive();
            return;
        }
        if limit.is_some() {
            pipeline.ask_again();
        }
    }
}

/// Runs a job's callback and frees its slot, whatever the callback does; or, if the job is to go on,
/// has it submitted again. True if slots are to be filled before the next.
pub(crate) fn end(pipeline: &Pipeline, completed: Completed) -> bool {
    let Completed { index, mut res, mut job } = completed;
    let mut brief = job.view();
    if brief.transfer.operation == Operation::Poll {
        pipeline.admission.lock().early.poll_ends(&job, index);
    }
    if let Some(why) = job.stopped {
        res = why.res();
    } else if brief.progress.exact && job.resume(res) {
        if !job.is_overdue() {
            return pipeline.resume(index, job);
        }
        job.leave_off();
        brief = job.view();
        pipeline.admission.lock().tally.count_early(CancelReason::TimedOut, true);
        res = CancelReason::TimedOut.res();
    }
    let outcome = call_back(pipeline, job, &brief, res);
    !pipeline.is_forked() && pipeline.finish(Some(index), outcome)
}

/// Runs the callback of a job that ended without a slot, if there is one: one, so that slots don't
/// stay free for many of them. False if that callback forked, and this is the child.
pub(crate) fn end_early(pipeline: &Pipeline) -> bool {
    let Some((job, why)) = pipeline.next_early() else { return true };
    let brief = job.view();
    let outcome = call_back(pipeline, job, &brief, why.res());
    if pipeline.is_forked() {
        return false;
    }
    if pipeline.finish(None, outcome) {
        pipeline.refill();
    }
    true
}

/// Runs a job's callback, whatever that does.
fn call_back(pipeline: &Pipeline, job: Job, brief: &JobView, res: i64) -> Outcome {
    let End { transferred, fault, .. } = brief.end(res);
    let short = fault.is_none() && transferred < brief.progress.requested;
    let outcome = Outcome { failed: fault.is_some(), short, posted: job.posted };
    worker_mark::begin_callback();
    if let Err(payload) = catch(|| job.run(res)) {
        pipeline.panics.report(&payload, brief.transfer.operation, brief.offset());
        discard(payload);
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::run_limit;

    #[test]
    fn workers_hold_back_a_part_of_the_depth() {
        for depth in [1, 2, 15, 16, 64, 128, 1024] {
            for workers in [1, 2, 3, 8, 64] {
                let limit = run_limit(depth, workers, 0);
                assert!(limit == 1 || limit * workers <= depth as usize / 4, "{depth} {workers}");
                let limit = run_limit(depth, workers, usize::MAX);
                assert!(limit == 1 || limit * workers <= depth as usize / 2, "{depth} {workers}");
            }
        }
        assert_eq!(run_limit(64, 2, 0), 8);
        assert_eq!(run_limit(64, 2, 11), 11);
        assert_eq!(run_limit(64, 1, 100), 32);
        assert_eq!(run_limit(16, 2, 0), 2);
    }
}
