//! When to fill slots, and what a sender does next: answers and questions of the wake-ups.

/// When free slots are to be filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum FillNow {
    /// At once: the jobs that wait beside them must not wait for running callbacks.
    Yes,
    /// At the end of the worker's run of callbacks, or of the owner's turn.
    AtEndOfRun,
}

/// The next step of a thread that has sent jobs to the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SenderNext {
    /// It is a worker, and takes a job from the channel.
    TakesOne,
    Other,
}
