//! The means by which a dispatcher performs operations.

/// The means by which a dispatcher performs operations.
/// [`Builder::backend`](crate::Builder::backend) asks for one, and
/// [`Dispatcher::backend`](crate::Dispatcher::backend) tells which it is.
///
/// With each of them callbacks run on workers, and all guarantees hold. They differ in speed, and
/// in how many operations are under way at a time.
///
/// # Examples
///
/// ```
/// use reapool::{Backend, Dispatcher, Job};
///
/// let builder = Dispatcher::builder().backend(Backend::BlockingThreads);
/// let dispatcher = builder.blocking_threads(32).build()?;
/// let sync = Job::sync_data(tempfile::tempfile()?, |done| done.result);
/// dispatcher.run(sync)??;
/// assert_eq!(dispatcher.stats().blocking_transfers, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// Linux native AIO, and the blocking threads for the operations that AIO does not perform
    /// asynchronously.
    #[default]
    Aio,
    /// Only the blocking threads, with pread(2) and the like. As many operations are under way at a
    /// time as there are [`blocking_threads`](crate::Builder::blocking_threads). Polls take no
    /// thread.
    BlockingThreads,
    /// AIO, or the blocking threads where the system has no AIO, or where a policy forbids it, as
    /// in some containers. Where AIO is merely used up, building fails: raise the limit, or ask for
    /// a smaller depth.
    Automatic,
}
