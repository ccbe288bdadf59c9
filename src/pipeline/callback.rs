//! The end of a job: runs its callback and has its slot freed, on a worker or on the owner of an
//! event loop.

use super::{Pipeline, cancel};
use crate::admission::counters::Outcome;
use crate::engine::operation::Operation;
use crate::job::Job;
use crate::job::completed::Completed;
use crate::job::progress::JobEnd;
use crate::job::stopped::CancelReason;
use crate::job::task::JobHead;
use crate::pipeline::wakeups::hints::FillNow;
use crate::unwind::{catch, discard};
use crate::wait::worker_mark;

/// How many callbacks a thread runs before it fills the slots that they left.
///
/// The slots that all awake threads together hold back this way stay under a quarter of the depth,
/// so that the device has work meanwhile. They stay under half of the depth for callbacks that take
/// next to no time: `in_no_time` is how many of these are over before the device notices.
pub(crate) fn run_limit(depth: u32, awake: usize, in_no_time: usize) -> usize {
    let depth = depth as usize;
    let quarter = depth / (4 * awake.max(1));
    in_no_time.min(depth / (2 * awake.max(1))).max(quarter).max(1)
}

/// Runs a job's callback and frees its slot, whatever the callback does. If the job is exact and
/// goes on, has it submitted again instead.
///
/// `None` if the callback forked, and this is the child: everything else here is the parent's.
#[inline]
pub(crate) fn end(pipeline: &Pipeline, completed: Completed) -> Option<FillNow> {
    let Completed { token, res, mut job } = completed;
    let head = job.head();
    let mut ending = Ending::of(head, res);
    if head.may_end_otherwise(res) {
        match settle(pipeline, token, &mut job, res) {
            Some(res) => ending = Ending::of(job.head(), res),
            None => return Some(pipeline.resume(token, job)),
        }
    }
    run(pipeline, job, &ending);
    if pipeline.is_forked() { None } else { Some(pipeline.finish(Some(token), ending.outcome)) }
}

/// Sees to a job that may have been cancelled, or that may go on. Returns the result that it ends
/// with, or `None` if it goes on.
fn settle(pipeline: &Pipeline, token: u64, job: &mut Job, res: i64) -> Option<i64> {
    if job.head().may_end_in_slot() {
        pipeline.admission.lock().cancellable_mut().end(job.head(), token);
    }
    if let Some(reason) = job.meta().cancel_reason() {
        return Some(reason.res());
    }
    if !job.resume(res) {
        return Some(res);
    }
    if !job.meta().is_overdue() {
        return None;
    }
    job.submit_no_more();
    pipeline.admission.lock().tally_mut().count_cancelled(CancelReason::TimedOut);
    Some(CancelReason::TimedOut.res())
}

/// How a job ends, and what the report of its panic says.
struct Ending {
    operation: Operation,
    offset: u64,
    end: JobEnd,
    outcome: Outcome,
}

impl Ending {
    /// The end with this answer of the kernel.
    #[inline]
    fn of(head: &JobHead, res: i64) -> Self {
        let end = head.end(res);
        let failed = end.fault.is_some();
        let short = !failed && end.transferred < head.progress.requested();
        let outcome = Outcome { failed, short, uncounted: head.meta.is_uncounted() };
        Self { operation: head.operation(), offset: head.offset(), end, outcome }
    }
}

/// Runs the callback of one job that ended without a slot, if there is one. It runs no more, as
/// slots may stay free meanwhile. The callback may fork: the caller asks `Pipeline::is_forked`.
pub(crate) fn end_one_early(pipeline: &Pipeline) {
    let Some((job, reason)) = cancel::next_ended_early(pipeline) else { return };
    let ending = Ending::of(job.head(), reason.res());
    run(pipeline, job, &ending);
    if !pipeline.is_forked() && pipeline.finish(None, ending.outcome) == FillNow::Yes {
        pipeline.refill();
    }
}

/// Runs a job's callback, and reports its panic.
#[inline]
fn run(pipeline: &Pipeline, job: Job, ending: &Ending) {
    worker_mark::begin_callback();
    if let Err(payload) = catch(|| job.run(ending.end)) {
        pipeline.panics.report(&payload, ending.operation, ending.offset);
        discard(payload);
    }
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
