//! A job: one operation, the file and the memory that it works on, and a callback.
//!
//! [`Job`] keeps all of them behind one pointer, its task, so that the rest of the crate needs to
//! know no types but this one. Users make a job (`transfers.rs`, `syncs_and_polls.rs`,
//! `without_kernel.rs`), change it (`settings.rs`) and submit it. From then on the dispatcher
//! handles it (`handling.rs`): it looks at the job's [view], has the operation performed, and runs
//! the callback with a [`Completion`](completion::Completion).

pub(crate) mod completion;
pub(crate) mod deadline;
pub(crate) mod file_task;
mod handling;
pub(crate) mod meta;
pub(crate) mod poll_events;
pub(crate) mod progress;
pub(crate) mod ranged;
mod settings;
pub(crate) mod stopped;
mod syncs_and_polls;
pub(crate) mod target;
pub(crate) mod task;
pub(crate) mod ticket;
mod transfers;
pub(crate) mod view;
pub(crate) mod without_kernel;

use std::any::TypeId;
use std::fmt;

use crate::engine::operation::Operation;
use crate::job::meta::Meta;
use crate::job::task::{UserTask, reclaim};

/// One operation on a file, with everything that it needs until it has ended: the file, the
/// buffer, and a callback.
///
/// The callback runs once, on a worker, and gets file and buffer back in its
/// [`Completion`](crate::Completion). Whatever context it needs (a label, a channel, the next job's
/// parameters) it captures. `R` is the type that the callback returns; only
/// [`spawn`](crate::Submitter::spawn) takes jobs whose callbacks return something.
///
/// # Alignment
///
/// If the file is open with `O_DIRECT`, the buffer's address, its length and the offset must be
/// multiples of [`FileHandle::alignment`](crate::FileHandle::alignment). Nearly always 4096 bytes
/// are enough (open(2), notes). Otherwise the kernel answers `EINVAL`, to the callback.
/// [`AlignedBuf`](crate::AlignedBuf) has such an address, and [`read_range`](Self::read_range)
/// takes any offset and length.
///
/// # Examples
///
/// ```
/// use std::fs::File;
/// use std::sync::{Arc, mpsc};
/// use reapool::{Dispatcher, Job};
///
/// let dispatcher = Dispatcher::new()?;
/// let file = Arc::new(File::open("Cargo.toml")?);
/// let (lines, received) = mpsc::channel();
/// for label in ["first", "second"] {
///     let lines = lines.clone();
///     dispatcher.submit(Job::read(&file, vec![0; 64], 0, move |done| {
///         let _ = lines.send(format!("{label}: {} bytes", done.result.unwrap()));
///     }))?;
/// }
/// dispatcher.drain()?;
/// assert_eq!(received.try_iter().count(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a job does nothing until it is submitted"]
pub struct Job<R = ()> {
    task: Box<dyn UserTask<R>>,
    meta: Meta,
}

impl<R: 'static> Job<R> {
    /// The operation that the job asks for.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.task.view().transfer.operation
    }

    /// The offset at which the operation begins, in bytes.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.task.view().offset()
    }

    /// The number of bytes that the job asks for.
    #[must_use]
    pub fn requested(&self) -> usize {
        self.task.view().progress.requested()
    }

    /// Takes apart a job that is not to be submitted, and returns its buffer.
    ///
    /// `B` is the type that was handed in, for vectored operations a `Vec<_>` of it. File and
    /// callback are dropped.
    ///
    /// # Errors
    ///
    /// The job itself, if its buffer is of another type.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::Job;
    ///
    /// let job = Job::write(std::fs::File::open("Cargo.toml")?, vec![1, 2, 3], 0, |_| ());
    /// let job = job.into_buffer::<Box<[u8]>>().unwrap_err();
    /// assert_eq!(job.into_buffer::<Vec<u8>>().unwrap(), [1, 2, 3]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn into_buffer<B: 'static>(self) -> Result<B, Self> {
        if self.task.reclaimable() == Some(TypeId::of::<B>()) {
            Ok(reclaim(self.task))
        } else {
            Err(self)
        }
    }

    pub(crate) fn from_task(task: Box<dyn UserTask<R>>) -> Self {
        Self::from_parts(task, Meta::default())
    }

    pub(crate) fn from_parts(task: Box<dyn UserTask<R>>, meta: Meta) -> Self {
        Self { task, meta }
    }

    pub(crate) fn into_parts(self) -> (Box<dyn UserTask<R>>, Meta) {
        (self.task, self.meta)
    }

    /// Puts another task in the place of the job's own: one that wraps it, or that it wraps. The
    /// job's side data stays.
    pub(crate) fn map_task<S: 'static>(
        self,
        map: impl FnOnce(Box<dyn UserTask<R>>) -> Box<dyn UserTask<S>>,
    ) -> Job<S> {
        Job { task: map(self.task), meta: self.meta }
    }
}

impl<R: 'static> fmt::Debug for Job<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("operation", &self.operation())
            .field("offset", &self.offset())
            .field("requested", &self.requested())
            .finish_non_exhaustive()
    }
}
