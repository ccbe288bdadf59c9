//! A job that a task wants to have accepted, and the task's place in the line until it is.

use std::sync::Arc;
use std::task::{Context, Poll};

use crate::admission::Patience;
use crate::admission::refusal::SubmitErrorKind;
use crate::job::Job;
use crate::pipeline::Pipeline;
use crate::wait::line::{LeaveLine, LinePlace};

pub(crate) struct Entry {
    pipeline: Arc<Pipeline>,
    /// Until it has been accepted, or has come back.
    job: Option<Job>,
    place: LinePlace,
}

impl Entry {
    pub(crate) fn new(pipeline: &Arc<Pipeline>, job: Job) -> Self {
        Self { pipeline: Arc::clone(pipeline), job: Some(job), place: LinePlace::default() }
    }

    /// Has the job accepted, or stands in the line. A refused job comes back.
    ///
    /// # Panics
    ///
    /// If it has been ready before.
    pub(crate) fn poll(
        &mut self,
        context: &Context<'_>,
    ) -> Poll<Result<(), (SubmitErrorKind, Job)>> {
        let mut one = self.job.take().into_iter();
        assert!(one.len() > 0, "polled again after it was ready");
        let result = self.pipeline.poll_accept(&mut one, &mut self.place, context);
        self.job = one.next();
        match result {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Ready(Err(kind)) => {
                Poll::Ready(Err((kind, self.job.take().expect("a refused job comes back"))))
            }
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.pipeline.leave_line(&mut self.place);
    }
}

impl Pipeline {
    /// Accepts a job as [`accept`](Self::accept) does, but has the task called for room instead of
    /// waiting for it.
    fn poll_accept(
        &self,
        one: &mut impl ExactSizeIterator<Item = Job>,
        place: &mut LinePlace,
        context: &Context<'_>,
    ) -> Poll<Result<(), SubmitErrorKind>> {
        if self.is_forked() || self.on_worker() {
            self.leave_line(place);
            return Poll::Ready(self.accept(one, Patience::None));
        }
        // The executor's code, as is dropping it, so not under the lock.
        let waker = context.waker().clone();
        let mut state = self.admission.lock();
        if state.closing {
            state.tally.refused += 1;
            let left = state.room.line.leave(place);
            drop(state);
            drop(left);
            return Poll::Ready(Err(SubmitErrorKind::ShutDown));
        }
        let room = self.admission.room(&state);
        let Some(ahead) = state.room.turn(place, room) else {
            let stale = state.room.line.stand(place, waker);
            drop(state);
            drop(stale);
            return Poll::Pending;
        };
        let left = state.room.line.leave(place);
        let accepted = self.admission.accept_outside(&mut state, one);
        if ahead == 0 {
            self.admission.pass_room_on(&mut state);
        }
        self.move_on_and_wake(state);
        drop(left);
        Poll::Ready(accepted)
    }

    /// Gives a task's place up, and passes the call on that it may have had.
    fn leave_line(&self, place: &mut LinePlace) {
        // A child's copy of the lock may be held for ever.
        if place.is_none() || self.is_forked() {
            return;
        }
        let left = self.admission.lock().room.line.leave(place);
        if let LeaveLine::Woken = left {
            self.pass_room_on();
        }
    }
}
