//! By what means a dispatcher has operations performed.

/// By what means a dispatcher has operations performed: asked for with
/// [`Builder::backend`](crate::Builder::backend), told by
/// [`Dispatcher::backend`](crate::Dispatcher::backend).
///
/// Callbacks run on workers and all guarantees hold with each; what differs is speed, and how many
/// operations are under way at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// Linux native AIO, and the threads for what blocks for what that doesn't do asynchronously.
    #[default]
    Aio,
    /// Only the threads for what blocks, with pread(2) and the like: as many operations at a time as
    /// there are [`blocking_threads`](crate::Builder::blocking_threads). Polls take no thread.
    BlockingThreads,
    /// AIO, or threads where the system has no AIO or a policy forbids it, as in some containers.
    /// Not where it is merely used up: the limit can be raised, or less be asked for.
    Automatic,
}
