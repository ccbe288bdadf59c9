//! The error of every submission: it gives back the jobs that were not accepted.

use std::error::Error;
use std::fmt;

use crate::admission::refusal::Refusal;
use crate::engine::operation::Operation;
use crate::job::Job;
use crate::submit::not_shared::NotShared;

/// A job, or several, that were not accepted, and the reason.
///
/// `T` is a [`Job`], a [`ScopedJob`](crate::ScopedJob), or a `Vec` of them: the jobs of a batch
/// that were not accepted. Those before them were.
///
/// With jobs it is an [`Error`]. With scoped jobs it isn't, as it borrows what they do and can't
/// leave the scope. There `?` turns it into its [kind](Self::kind), which can, and drops the jobs.
///
/// # Examples
///
/// ```
/// use reapool::{Dispatcher, Job, Refusal};
///
/// let dispatcher = Dispatcher::new()?;
/// let submitter = dispatcher.submitter();
/// drop(dispatcher);
/// let file = std::fs::File::open("Cargo.toml")?;
/// let refused = submitter.submit(Job::read(file, vec![0; 16], 0, |_| ())).unwrap_err();
/// assert_eq!(refused.kind(), Refusal::ShutDown);
/// assert_eq!(refused.into_inner().into_buffer::<Vec<u8>>().unwrap().len(), 16);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// In a scope:
///
/// ```
/// use std::error::Error;
/// use reapool::{Dispatcher, Refusal, ScopedJob};
///
/// let dispatcher = Dispatcher::builder().depth(1).backlog(0).build()?;
/// let mut hello = String::from("hello");
/// dispatcher.scope(|scope| {
///     let mut job = ScopedJob::nop(|| hello.push_str(" from a worker"));
///     // Until there is room, something else could be done.
///     while let Err(refused) = scope.try_submit(job) {
///         assert_eq!(refused.kind(), Refusal::Full);
///         job = refused.into_inner();
///     }
///     scope.submit(ScopedJob::nop(|| ()))?;
///     Ok::<(), Box<dyn Error>>(())
/// })??;
/// assert_eq!(hello, "hello from a worker");
/// # Ok::<(), Box<dyn Error>>(())
/// ```
pub struct Refused<T> {
    kind: Refusal,
    subject: Subject,
    /// A job is not `Sync`, but an error must be, to travel as `Box<dyn Error + Send + Sync>`.
    inner: NotShared<T>,
}

/// The facts for the message.
#[derive(Clone, Copy)]
enum Subject {
    Job { operation: Operation, offset: u64 },
    Batch { accepted: usize, refused: usize },
}

impl<T> Refused<T> {
    fn new(kind: Refusal, subject: Subject, inner: T) -> Self {
        Self { kind, subject, inner: NotShared::new(inner) }
    }

    /// The refusal of one job, scoped or not.
    pub(crate) fn one(kind: Refusal, operation: Operation, offset: u64, job: T) -> Self {
        Self::new(kind, Subject::Job { operation, offset }, job)
    }

    /// The reason.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Job, Refusal};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let submitter = dispatcher.submitter();
    /// drop(dispatcher);
    /// let refused = submitter.try_submit(Job::nop(|| ())).unwrap_err();
    /// let advice = match refused.kind() {
    ///     Refusal::Full | Refusal::TimedOut => "try again later",
    ///     _ => "give up",
    /// };
    /// assert_eq!(advice, "give up");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn kind(&self) -> Refusal {
        self.kind
    }

    /// The job, or the jobs in their order, to be submitted again or
    /// [taken apart](Job::into_buffer).
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Job};
    ///
    /// let (old, new) = (Dispatcher::new()?, Dispatcher::new()?);
    /// let submitter = old.submitter();
    /// drop(old);
    /// let refused = submitter.spawn(Job::nop(|| (1..=100).sum::<u64>())).unwrap_err();
    /// assert_eq!(new.run(refused.into_inner())?, 5050);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn into_inner(self) -> T {
        self.inner.into_inner()
    }
}

impl<R: 'static> Refused<Job<R>> {
    pub(crate) fn job(kind: Refusal, job: Job<R>) -> Self {
        Self::one(kind, job.operation(), job.offset(), job)
    }
}

impl<J> Refused<Vec<J>> {
    pub(crate) fn batch(kind: Refusal, accepted: usize, jobs: Vec<J>) -> Self {
        Self::new(kind, Subject::Batch { accepted, refused: jobs.len() }, jobs)
    }

    /// How many jobs, from the first on, were accepted.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::builder().depth(1).backlog(2).build()?;
    /// let (go, wait) = mpsc::channel::<()>();
    /// dispatcher.submit(Job::nop(move || _ = wait.recv()))?;
    /// let refused = dispatcher.try_submit_batch((0..5).map(|_| Job::nop(|| ()))).unwrap_err();
    /// assert_eq!((refused.accepted(), refused.into_inner().len()), (2, 3));
    /// drop(go);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn accepted(&self) -> usize {
        match self.subject {
            Subject::Batch { accepted, .. } => accepted,
            Subject::Job { .. } => 0,
        }
    }
}

impl<T> fmt::Debug for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut refused = f.debug_struct("Refused");
        refused.field("kind", &self.kind);
        if let Subject::Batch { accepted, .. } = &self.subject {
            refused.field("accepted", accepted);
        }
        refused.finish_non_exhaustive()
    }
}

impl<T> fmt::Display for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.subject {
            Subject::Job { operation, offset } => {
                write!(f, "a {operation} at offset {offset} was not accepted: ")?;
            }
            Subject::Batch { accepted, refused } => {
                write!(f, "{refused} jobs of {} were not accepted: ", refused + accepted)?;
            }
        }
        self.kind.fmt(f)
    }
}

impl<R: 'static> Error for Refused<Job<R>> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.kind)
    }
}

impl Error for Refused<Vec<Job>> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.kind)
    }
}

impl<T> From<Refused<T>> for Refusal {
    fn from(refused: Refused<T>) -> Self {
        refused.kind
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::panic::{RefUnwindSafe, UnwindSafe};

    use super::Refused;
    use crate::admission::refusal::Refusal;
    use crate::job::Job;

    fn job() -> Job {
        Job::read(std::fs::File::open("/dev/null").unwrap(), vec![0; 9], 7, |_| ())
    }

    #[test]
    fn it_travels_as_an_error_with_its_reason() {
        fn travels<E: Error + Send + Sync + UnwindSafe + RefUnwindSafe + 'static>(_: &E) {}
        let (one, batch) = (
            Refused::job(Refusal::Full, job()),
            Refused::batch(Refusal::ShutDown, 3, vec![job(), job()]),
        );
        travels(&one);
        travels(&batch);
        assert!(one.source().unwrap().is::<Refusal>() && batch.source().unwrap().is::<Refusal>());
        assert!(one.to_string().starts_with("a read at offset 7 was not accepted: no room"));
        assert!(batch.to_string().starts_with("2 jobs of 5 were not accepted: the dispatcher"));
        assert_eq!(format!("{one:?} {batch:?}"), {
            "Refused { kind: Full, .. } Refused { kind: ShutDown, accepted: 3, .. }"
        });
        assert_eq!((batch.accepted(), batch.into_inner().len()), (3, 2));
    }
}
