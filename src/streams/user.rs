//! The user of a stream, who may have to wait: a thread or a task. And why they get no further.

use std::io;
use std::mem;
use std::sync::PoisonError;
use std::task::{Poll, Waker};

use crate::pipeline::Pipeline;
use crate::sync::{Condvar, Mutex, lock};
use crate::wait::TaskWaker;
use crate::wait::waiting_threads::Wait;

/// How the user waits.
#[derive(Clone, Copy)]
pub(crate) enum User<'a> {
    /// The calling thread is blocked.
    Thread,
    /// It is woken by this.
    Task(&'a Waker),
}

/// A state whose news a user waits for. Whoever makes some takes the waker, releases the lock, and
/// wakes the thread and the task.
pub(crate) trait Awaited {
    /// Of the task that waits.
    fn waker(&mut self) -> &mut Option<TaskWaker>;
}

impl User<'_> {
    /// Whether this is a thread that may wait for the system.
    pub(crate) fn may_block(self, pipeline: &Pipeline) -> bool {
        matches!(self, Self::Thread) && !pipeline.wakeups().is_owner_here()
    }

    /// Waits until there are news, of which the condition is notified.
    pub(crate) fn poll_news<S: Awaited>(
        self,
        pipeline: &Pipeline,
        state: &Mutex<S>,
        condition: &Condvar,
        has_news: impl Fn(&S) -> bool,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Thread => {
                let _waiting = may_wait(pipeline)?;
                let mut guard = lock(state);
                while !has_news(&guard) {
                    guard = condition.wait(guard).unwrap_or_else(PoisonError::into_inner);
                }
                Poll::Ready(Ok(()))
            }
            Self::Task(waker) => {
                // Cloning runs the executor's code, so not under the lock. News may come meanwhile.
                let fresh = TaskWaker::of(waker);
                let mut guard = lock(state);
                let is_ready = has_news(&guard);
                let kept = if is_ready { None } else { Some(fresh) };
                let stale = mem::replace(guard.waker(), kept);
                drop(guard);
                drop(stale);
                if is_ready { Poll::Ready(Ok(())) } else { Poll::Pending }
            }
        }
    }
}

/// The outcome for a thread, which has waited for it.
pub(crate) fn blocking<T>(outcome: Poll<io::Result<T>>) -> io::Result<T> {
    match outcome {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => unreachable!("a thread waits"),
    }
}

/// Lets the calling thread wait for jobs of the dispatcher as long as the value exists. An error if
/// it must not: nobody might be left to bring what it waits for.
fn may_wait(pipeline: &Pipeline) -> io::Result<Wait<'_>> {
    let waiting = if pipeline.wakeups().is_owner_here() { None } else { pipeline.wait_for_jobs() };
    waiting.ok_or_else(|| {
        let message = "this would wait, in a callback or blocking work of its own dispatcher, for \
                       a transfer that this thread may have to complete: use a thread of your own";
        io::Error::new(io::ErrorKind::Deadlock, message)
    })
}

/// An error in a forked child.
pub(crate) fn check_fork(pipeline: &Pipeline) -> io::Result<()> {
    if pipeline.is_forked() {
        let message = "this process was forked from the one that opened this: open it here";
        return Err(io::Error::new(io::ErrorKind::Unsupported, message));
    }
    Ok(())
}

/// Whether the dispatcher takes no more transfers from the calling thread. Callbacks may go on
/// while it waits for all that is outstanding.
pub(crate) fn is_shut_down(pipeline: &Pipeline) -> bool {
    pipeline.is_closing() && !pipeline.is_worker_here()
}

pub(crate) fn shut_down() -> io::Error {
    io::Error::other("its dispatcher has been shut down")
}
