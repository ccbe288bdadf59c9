//! The dispatcher's way to handle a job, from its acceptance to its callback.

use crate::engine::operation::Operation;
use crate::job::Job;
use crate::job::meta::Meta;
use crate::job::ticket::Ticket;
use crate::job::view::JobView;

impl<R: 'static> Job<R> {
    pub(crate) fn view(&self) -> JobView {
        self.task.view()
    }

    /// The identity by which the job's handle finds it, if the job has a handle.
    pub(crate) fn ticket(&self) -> Option<Ticket> {
        self.task.ticket()
    }

    pub(crate) fn meta(&self) -> &Meta {
        &self.meta
    }

    pub(crate) fn meta_mut(&mut self) -> &mut Meta {
        &mut self.meta
    }

    /// Whether the callback takes a result.
    pub(crate) fn has_result(&self) -> bool {
        !matches!(self.operation(), Operation::Nop | Operation::Blocking)
    }

    pub(crate) fn is_poll(&self) -> bool {
        self.operation() == Operation::Poll
    }

    pub(crate) fn has_transferred_nothing(&self) -> bool {
        self.view().progress.done() == 0
    }

    /// Records that the kernel can't tell of the job's file whether a read would wait.
    pub(crate) fn mark_nowait_unsupported(&self) {
        if let Some(file) = self.task.file() {
            file.mark_nowait_unsupported();
        }
    }

    /// Moves an exact job on to its next request, after an answer of the kernel that was not all.
    /// False, and nothing changed, if the job is to end with this answer.
    pub(crate) fn resume(&mut self, res: i64) -> bool {
        let view = self.view();
        let Some(done) = view.progress.done_before_rest(res) else { return false };
        let Some(file) = self.task.file() else { return false };
        // A direct transfer can't begin just anywhere, so some bytes are transferred again.
        let begin = done - done % file.alignment().step();
        if begin < done && !view.transfer.operation.reads() && file.appends() {
            return false;
        }
        self.task.advance(done, begin);
        true
    }

    /// Records that no further request of the job is submitted. Then all bytes that are done
    /// count, wherever alignment would have made the next request begin.
    pub(crate) fn submit_no_more(&mut self) {
        let progress = self.view().progress;
        if progress.begin() < progress.done() {
            self.task.advance(progress.done(), progress.done());
        }
    }

    /// Does the work of a blocking job.
    pub(crate) fn work(&mut self) {
        self.task.work();
    }

    /// Runs the callback with the kernel's answer.
    pub(crate) fn run(self, res: i64) -> R {
        self.task.run(res)
    }
}
