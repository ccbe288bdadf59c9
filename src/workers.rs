//! The threads that run callbacks, and fill slots between them.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, TryRecvError};

use crate::admission::Outcome;
use crate::pipeline::{Completed, Parcel, Pipeline, Rest};
use crate::unwind::{AbortOnPanic, catch, discard};

/// How many callbacks a worker runs before it fills the slots that they left: what all workers hold
/// back that way stays under a quarter of the depth, so that the device has work meanwhile.
pub(crate) fn run_limit(depth: u32, workers: usize) -> usize {
    (depth as usize / (4 * workers)).max(1)
}

/// How long an idle worker sleeps before it asks a kernel again that had no request left.
const NAP_MIN: Duration = Duration::from_millis(1);
const NAP_MAX: Duration = Duration::from_millis(100);

/// Runs callbacks until the channel is disconnected.
pub(crate) fn run(pipeline: &Pipeline, limit: usize) {
    let _guard = AbortOnPanic;
    pipeline.as_worker(|| work(pipeline, limit));
}

fn work(pipeline: &Pipeline, limit: usize) {
    // Callbacks since slots were last filled.
    let mut run = 0;
    while let Some(parcel) = next(pipeline, &mut run) {
        match parcel {
            Parcel::Refill => {
                run = 0;
                pipeline.answer_summons();
            }
            Parcel::Done(completed) => {
                pipeline.refill_if_others_idle();
                end(pipeline, completed);
                if pipeline.is_forked() {
                    // The callback forked, and this is the child: what else is here is the parent's.
                    return;
                }
                run += 1;
                if run >= limit {
                    run = 0;
                    pipeline.refill();
                }
            }
        }
    }
}

/// The next parcel; when there is none, the run is over, slots are filled, and the worker sleeps.
fn next(pipeline: &Pipeline, run: &mut usize) -> Option<Parcel> {
    let mut nap = Duration::ZERO;
    loop {
        match pipeline.parcels.try_recv() {
            Ok(parcel) => return Some(parcel),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => *run = 0,
        }
        let limit = match pipeline.rest() {
            Rest::LookAgain => continue,
            Rest::Sleep => None,
            Rest::Nap => {
                nap = (nap * 2).clamp(NAP_MIN, NAP_MAX);
                Some(nap)
            }
        };
        let woken = match limit {
            None => pipeline.parcels.recv().map_err(RecvTimeoutError::from),
            Some(limit) => pipeline.parcels.recv_timeout(limit),
        };
        pipeline.rise();
        pipeline.counters.worker_wakeups.fetch_add(1, Ordering::Relaxed);
        match woken {
            Ok(parcel) => return Some(parcel),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => pipeline.ask_again(),
        }
    }
}

/// Runs a job's callback and frees its slot, whatever the callback does.
fn end(pipeline: &Pipeline, completed: Completed) {
    let Completed { index, res, job } = completed;
    let brief = job.brief();
    let outcome = Outcome { failed: res < 0, short: brief.is_short(res) };
    Pipeline::begin_callback();
    if let Err(payload) = catch(|| job.run(res)) {
        pipeline.panics.report(&payload, &brief);
        discard(payload);
    }
    if !pipeline.is_forked() {
        pipeline.finish(index, outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::run_limit;

    #[test]
    fn workers_hold_back_no_more_than_a_quarter_of_the_depth() {
        for depth in [1, 2, 15, 16, 64, 128, 1024] {
            for workers in [1, 2, 3, 8, 64] {
                let limit = run_limit(depth, workers);
                assert!(limit == 1 || limit * workers <= depth as usize / 4, "{depth} {workers}");
            }
        }
        assert_eq!(run_limit(64, 2), 8);
        assert_eq!(run_limit(16, 2), 2);
    }
}
