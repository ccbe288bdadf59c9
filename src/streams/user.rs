//! The user of a stream, who may have to wait: a thread or a task. And why they get no further.

use std::io;
use std::task::Waker;

use crate::pipeline::Pipeline;
use crate::wait::waiting_threads::Wait;

/// How the user waits.
#[derive(Clone, Copy)]
pub(crate) enum User<'a> {
    /// The calling thread is blocked.
    Thread,
    /// It is woken by this.
    Task(&'a Waker),
}

/// Lets the calling thread wait for jobs of the dispatcher as long as the value exists. An error if
/// it must not: nobody might be left to bring what it waits for.
pub(crate) fn may_wait(pipeline: &Pipeline) -> io::Result<Wait<'_>> {
    let waiting =
        if pipeline.wakeups().is_owner_here() { None } else { pipeline.wait_for_results() };
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
