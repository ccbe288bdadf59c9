//! Jobs that come back because they were not accepted.

use std::error::Error;
use std::fmt;

use crate::admission::refusal::Refusal;
use crate::job::Job;
use crate::sync::{Mutex, lock};

/// A job that was not accepted, and why.
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
/// let error = submitter.submit(Job::read(file, vec![0; 16], 0, |_| ())).unwrap_err();
/// assert_eq!(error.kind(), Refusal::ShutDown);
/// assert_eq!(error.into_job().into_buffer::<Vec<u8>>().unwrap().len(), 16);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SubmitError<R: 'static = ()> {
    kind: Refusal,
    /// A job is not `Sync`, but an error must be, to travel as `Box<dyn Error + Send + Sync>`.
    job: Mutex<Job<R>>,
}

impl<R: 'static> SubmitError<R> {
    pub(crate) fn new(kind: Refusal, job: Job<R>) -> Self {
        Self { kind, job: Mutex::new(job) }
    }

    /// Why the job was not accepted.
    #[must_use]
    pub fn kind(&self) -> Refusal {
        self.kind
    }

    /// The job, to be submitted again or [taken apart](Job::into_buffer).
    pub fn into_job(self) -> Job<R> {
        self.job.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl<R: 'static> fmt::Debug for SubmitError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubmitError").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl<R: 'static> fmt::Display for SubmitError<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let job = lock(&self.job);
        let (operation, offset) = (job.operation(), job.offset());
        // Writing runs the user's code, which may look at this error again.
        drop(job);
        write!(f, "a {operation} at offset {offset} was not accepted: ")?;
        self.kind.fmt(f)
    }
}

impl<R: 'static> Error for SubmitError<R> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.kind)
    }
}

/// The jobs of a batch that were not accepted, and why. Those before them were.
pub struct BatchError {
    kind: Refusal,
    accepted: usize,
    /// See [`SubmitError`].
    jobs: Mutex<Vec<Job>>,
}

impl BatchError {
    pub(crate) fn new(kind: Refusal, accepted: usize, jobs: Vec<Job>) -> Self {
        Self { kind, accepted, jobs: Mutex::new(jobs) }
    }

    /// Why the jobs were not accepted.
    #[must_use]
    pub fn kind(&self) -> Refusal {
        self.kind
    }

    /// How many jobs, from the first on, were accepted.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.accepted
    }

    /// The others, in their order.
    #[must_use]
    pub fn into_jobs(self) -> Vec<Job> {
        self.jobs.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl fmt::Debug for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchError")
            .field("kind", &self.kind)
            .field("accepted", &self.accepted)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refused = lock(&self.jobs).len();
        write!(f, "{} jobs of {} were not accepted: ", refused, refused + self.accepted)?;
        self.kind.fmt(f)
    }
}

impl Error for BatchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.kind)
    }
}
