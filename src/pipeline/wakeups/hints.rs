//! What the deciding thread and the thread that asks tell each other.

/// When free slots are to be filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum FillNow {
    /// At once: the jobs that wait beside them must not wait for running callbacks.
    Yes,
    /// At the end of the worker's run of callbacks, or of the owner's turn.
    AtEndOfRun,
}

/// What a thread that has sent jobs to the workers does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SenderNext {
    /// It is a worker, and takes a job from the channel.
    TakesOne,
    Other,
}
