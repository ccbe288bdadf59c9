//! A job that a task submits, and the task's place in the line of those that wait for room.

use std::sync::Arc;
use std::task::{Context, Poll};

use crate::admission::refusal::Refusal;
use crate::job::Job;
use crate::pipeline::Pipeline;
use crate::pipeline::entrance::{leave_line, poll_accept};
use crate::wait::line::LinePlace;

pub(crate) struct PendingSubmission {
    pipeline: Arc<Pipeline>,
    /// `None` once the job has been accepted, or has come back.
    job: Option<Job>,
    place: LinePlace,
}

impl PendingSubmission {
    pub(crate) fn new(pipeline: &Arc<Pipeline>, job: Job) -> Self {
        Self { pipeline: Arc::clone(pipeline), job: Some(job), place: LinePlace::default() }
    }

    /// Has the job accepted, or stands in the line until there is room. A refused job comes back.
    ///
    /// # Panics
    ///
    /// If an earlier poll has returned a result.
    pub(crate) fn poll(&mut self, context: &Context<'_>) -> Poll<Result<(), (Refusal, Job)>> {
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

impl Drop for PendingSubmission {
    fn drop(&mut self) {
        leave_line(&self.pipeline, &mut self.place);
    }
}
