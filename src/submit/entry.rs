//! A job that a task wants to have accepted, and the task's place in the line until it is.

use std::sync::Arc;
use std::task::{Context, Poll};

use crate::admission::refusal::SubmitErrorKind;
use crate::job::Job;
use crate::pipeline::Pipeline;
use crate::pipeline::entrance::{leave_line, poll_accept};
use crate::wait::line::Place;

pub(crate) struct Entry {
    pipeline: Arc<Pipeline>,
    /// Until it has been accepted, or has come back.
    job: Option<Job>,
    place: Place,
}

impl Entry {
    pub(crate) fn new(pipeline: &Arc<Pipeline>, job: Job) -> Self {
        Self { pipeline: Arc::clone(pipeline), job: Some(job), place: Place::default() }
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
        assert!(self.job.is_some(), "polled again after it was ready");
        let result = poll_accept(&self.pipeline, &mut self.job, &mut self.place, context);
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
        leave_line(&self.pipeline, &mut self.place);
    }
}
