//! How jobs come in: from outside callbacks, where callers wait for room, and from callbacks, which
//! must not wait.

use std::convert::identity;
use std::task::{Context, Poll};

use super::Pipeline;
use crate::admission::Filler;
use crate::admission::books::Books;
use crate::admission::limits::Patience;
use crate::admission::refusal::Refusal;
use crate::job::Job;
use crate::sync::MutexGuard;
use crate::wait::room::{LeaveLine, LinePlace};
use crate::wait::{TaskWaker, wake};

/// Accepts jobs. If it refuses some, it returns them and says why.
///
/// `make` makes a job of each one that is accepted, and of no other. It runs under the lock of the
/// books, so it must not call users' code.
#[inline]
pub(crate) fn accept<J, I>(
    pipeline: &Pipeline,
    mut jobs: I,
    make: impl FnMut(J) -> Job,
    patience: Patience,
) -> Result<(), (Refusal, I)>
where
    I: ExactSizeIterator<Item = J>,
{
    if pipeline.is_forked() {
        // Refused jobs aren't counted here: a child's copy of the lock may be held for ever.
        return Err((Refusal::Forked, jobs));
    }
    let result = if pipeline.is_worker_here() {
        park(pipeline, &mut jobs, make)
    } else if pipeline.must_not_wait() {
        accept_outside(pipeline, &mut jobs, make, Patience::None)
    } else {
        accept_outside(pipeline, &mut jobs, make, patience)
    };
    result.map_err(|kind| {
        count_refused(pipeline, jobs.len());
        (kind, jobs)
    })
}

#[cold]
fn count_refused(pipeline: &Pipeline, jobs: usize) {
    pipeline.admission.lock().tally_mut().count_refused(jobs);
}

fn accept_outside<J>(
    pipeline: &Pipeline,
    jobs: &mut impl ExactSizeIterator<Item = J>,
    mut make: impl FnMut(J) -> Job,
    patience: Patience,
) -> Result<(), Refusal> {
    let admission = &pipeline.admission;
    while jobs.len() > 0 {
        let mut books = match admission.wait_for_room(admission.lock(), patience) {
            Ok(books) => books,
            Err(kind) => {
                // A wake-up for room may have been meant for this caller.
                pass_room_on(pipeline);
                return Err(kind);
            }
        };
        admission.accept_outside(&mut books, jobs, &mut make)?;
        admission.pass_room_on(&mut books);
        fill_and_wake(pipeline, books);
    }
    Ok(())
}

/// Accepts jobs that a callback submits.
#[inline]
fn park<J>(
    pipeline: &Pipeline,
    jobs: &mut impl ExactSizeIterator<Item = J>,
    make: impl FnMut(J) -> Job,
) -> Result<(), Refusal> {
    let mut books = pipeline.admission.lock();
    let result = pipeline.admission.accept_parked(&mut books, jobs, make);
    pipeline.after_parking(books);
    result
}

/// Accepts a job as [`accept`] does, but has the task woken when there is room instead of waiting.
/// The job stays where it is unless it is accepted.
pub(crate) fn poll_accept(
    pipeline: &Pipeline,
    job: &mut Option<Job>,
    place: &mut LinePlace,
    context: &Context<'_>,
) -> Poll<Result<(), Refusal>> {
    if pipeline.is_forked() || pipeline.is_worker_here() {
        leave_line(pipeline, place);
        let accepted = accept(pipeline, job.take().into_iter(), identity, Patience::None);
        return Poll::Ready(accepted.map_err(|(kind, mut refused)| {
            *job = refused.next();
            kind
        }));
    }
    // Not under the lock, as it runs the executor's code. If that panics, nothing has changed.
    let waker = TaskWaker::of(context.waker());
    let admission = &pipeline.admission;
    let mut books = admission.lock();
    if books.flags().is_closing() {
        books.tally_mut().count_refused(1);
        let left = books.room_mut().line.leave(place);
        drop(books);
        drop(left);
        return Poll::Ready(Err(Refusal::ShutDown));
    }
    let room = admission.room(&books);
    let Some(ahead) = books.room_mut().turn(place, room) else {
        let stale = books.room_mut().line.stand(place, waker);
        drop(books);
        drop(stale);
        return Poll::Pending;
    };
    let left = books.room_mut().line.leave(place);
    let mut one = job.take().into_iter();
    let accepted = admission.accept_outside(&mut books, &mut one, identity);
    if ahead == 0 {
        admission.pass_room_on(&mut books);
    }
    *job = one.next();
    fill_and_wake(pipeline, books);
    drop(left);
    Poll::Ready(accepted)
}

/// Gives up a task's place, and passes on the wake-up that it may have had.
pub(crate) fn leave_line(pipeline: &Pipeline, place: &mut LinePlace) {
    // A child's copy of the lock may be held for ever.
    if place.is_none() || pipeline.is_forked() {
        return;
    }
    let left = pipeline.admission.lock().room_mut().line.leave(place);
    if let LeaveLine::Woken = left {
        pass_room_on(pipeline);
    }
}

/// Hands on jobs that were accepted from outside callbacks, and wakes the tasks that there is room
/// for.
fn fill_and_wake<'a>(pipeline: &'a Pipeline, mut books: MutexGuard<'a, Books>) {
    let woken = books.room_mut().line.take_woken();
    if !woken.is_empty() {
        // First, as the submission may take its time.
        drop(books);
        wake(woken);
        books = pipeline.admission.lock();
    }
    pipeline.fill(books, Filler::Caller);
}

/// Wakes the next caller or task that waits for room, in place of one that was woken and doesn't
/// take it.
fn pass_room_on(pipeline: &Pipeline) {
    let mut books = pipeline.admission.lock();
    pipeline.admission.pass_room_on(&mut books);
    let woken = books.room_mut().line.take_woken();
    drop(books);
    wake(woken);
}
