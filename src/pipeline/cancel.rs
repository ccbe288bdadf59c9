//! Cancelling and deadlines: how jobs that have not started, and polls, are ended.
//!
//! A job that waits for a slot leaves the backlog and needs no slot any more: a worker that looks
//! for work runs its callback with the reason. A request that waits for a blocking thread is taken
//! out of the queue of these threads, and its job goes to the workers. The kernel is asked to
//! cancel a poll.
//!
//! Deadlines are watched by an idle worker (the alarm in `wait/sleepers.rs`), and by each thread
//! that fills slots (`Books::expire_overdue`). "Cancelling and deadlines" in `README.md` has the
//! protocol.

use std::time::Duration;

use super::Pipeline;
use crate::job::Job;
use crate::job::meta::Ticket;
use crate::job::stopped::{Cancel, CancelReason};
use crate::sync::Instant;

/// How long after a poll could not be ended this is tried again.
const RETRY: Duration = Duration::from_millis(1);

/// Cancels the job with this ticket, if it has not started.
pub(crate) fn cancel(pipeline: &Pipeline, ticket: Ticket) -> Cancel {
    let answer = pipeline.admission.lock().cancel(ticket);
    match answer {
        Cancel::Cancelled => {
            // A worker that is not idle looks before it sleeps, and at the end of each run.
            pipeline.wakeups().for_ended_early(&pipeline.admission);
        }
        Cancel::TooLate => return cancel_blocking(pipeline, ticket),
        Cancel::WillRun => {}
    }
    answer
}

/// Cancels a job that has a slot and waits for a blocking thread.
fn cancel_blocking(pipeline: &Pipeline, ticket: Ticket) -> Cancel {
    let (admission, launcher) = (&pipeline.admission, &pipeline.launcher);
    let unbegun = launcher.blocking.unbegun();
    let token = admission.lock().slots().find(&unbegun, |job| {
        job.meta().ticket() == Some(ticket) && job.has_transferred_nothing() && job.has_result()
    });
    let request = token.and_then(|token| launcher.blocking.take_unbegun(token));
    let Some(request) = request else { return cancel_poll(pipeline, ticket) };
    admission.lock().tally_mut().count_cancelled(CancelReason::Cancelled);
    launcher.end_unbegun(admission, &request, CancelReason::Cancelled);
    Cancel::Cancelled
}

/// Cancels a poll that is in a slot. The kernel cancels no other operation.
fn cancel_poll(pipeline: &Pipeline, ticket: Ticket) -> Cancel {
    let Some(index) = pipeline.admission.lock().cancellable_mut().find_poll(ticket) else {
        return Cancel::TooLate;
    };
    let wanted =
        |job: &Job| job.meta().ticket() == Some(ticket) && job.meta().cancel_reason().is_none();
    end_poll(pipeline, index, wanted, CancelReason::Cancelled)
}

/// Ends the poll in this slot, unless there is none that `wanted` picks, or none any more.
///
/// The books are given up before the kernel is asked. The slot is pinned meanwhile, so that it is
/// not used for another request.
fn end_poll(
    pipeline: &Pipeline,
    index: u32,
    wanted: impl FnOnce(&Job) -> bool,
    reason: CancelReason,
) -> Cancel {
    let (admission, launcher) = (&pipeline.admission, &pipeline.launcher);
    let mut books = admission.lock();
    let Some((token, poll)) = books.slots_mut().pin_poll(index, wanted) else {
        return Cancel::TooLate;
    };
    if poll.meta_mut().set_cancel_reason(reason) {
        // Under the lock, so it is counted before anybody can hear of its end.
        books.tally_mut().count_cancelled(reason);
    }
    drop(books);
    let is_coming = launcher.engine.cancel(token);
    let mut books = admission.lock();
    if books.slots_mut().unpin(token) {
        // Whoever ended the poll found no free slot for the next job.
        books.flags_mut().ask_kernel_again();
        pipeline.wakeups().wake_filler(books);
    } else if !is_coming {
        // The poll is just being submitted, or its event is on the way.
        let again = Instant::now() + RETRY;
        books.cancellable_mut().look_again(index, again);
        pipeline.wakeups().look_by(again, books);
    }
    Cancel::Cancelled
}

/// Takes a job that ended without a slot, for the caller to run its callback. As that may be slow,
/// this wakes idle workers for all other work, which may have been left to the calling worker.
pub(crate) fn next_ended_early(pipeline: &Pipeline) -> Option<(Job, CancelReason)> {
    let mut books = pipeline.admission.lock();
    let (next, slots) = books.take_ended_early();
    let has_more = books.ended_early() > 0;
    drop(books);
    let mut only_polls = true;
    for index in slots {
        let wanted = |job: &Job| job.meta().cancel_reason().is_some() || job.meta().is_overdue();
        only_polls &=
            end_poll(pipeline, index, wanted, CancelReason::TimedOut) == Cancel::Cancelled;
    }
    if !only_polls {
        pipeline.launcher.end_overdue(&pipeline.admission);
    }
    let next = next?;
    if has_more {
        pipeline.wakeups().for_ended_early(&pipeline.admission);
    }
    pipeline.wakeups().for_unclaimed();
    Some(next)
}
