//! A job: one operation, the file and the memory that it works on, and a callback.
//!
//! [`Job`] keeps all of them behind one pointer, its task, so that the rest of the crate needs to
//! know no types but this one. Users make a job (`operations.rs`, `without_kernel.rs`), change it
//! (`settings.rs`) and submit it. From then on the dispatcher handles it: it looks at the job's
//! [head](JobHead), has the operation performed, and runs the callback with a
//! [`Completion`](completion::Completion).

pub(crate) mod completed;
pub(crate) mod completion;
pub(crate) mod file_task;
pub(crate) mod meta;
mod operations;
pub(crate) mod poll_events;
pub(crate) mod progress;
pub(crate) mod ranged;
mod settings;
pub(crate) mod stopped;
pub(crate) mod target;
pub(crate) mod task;
pub(crate) mod without_kernel;

use std::fmt;

use crate::engine::operation::Operation;
use crate::job::meta::Meta;
use crate::job::progress::JobEnd;
use crate::job::ranged::Ranged;
use crate::job::task::{Found, JobHead, Route, UserTask, reclaim};

/// One operation on a file, with everything that it needs until it has ended: the file, the
/// buffer, and a callback.
///
/// The callback runs once, on a worker, and gets file and buffer back in its
/// [`Completion`](crate::Completion). It captures the context that it needs: a label, a channel,
/// the next job's parameters. `R` is the type that the callback returns; only
/// [`spawn`](crate::Submitter::spawn) takes jobs whose callbacks return something.
///
/// A process that a callback starts has signals blocked, as the worker has, and so ignores
/// `SIGTERM`. [`Builder::workers`](crate::Builder::workers) shows how to unblock them.
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
///
/// # Alignment
///
/// If the file is open with `O_DIRECT`, the buffer's address, its length and the offset must be
/// multiples of [`FileHandle::alignment`](crate::FileHandle::alignment). Nearly always 4096 bytes
/// are enough (open(2), notes). Otherwise the kernel answers `EINVAL`, to the callback.
/// [`AlignedBuf`](crate::AlignedBuf) has such an address, and [`read_range`](Self::read_range)
/// takes any offset and length.
#[must_use = "a job does nothing until it is submitted"]
pub struct Job<R = ()> {
    task: Box<dyn UserTask<R>>,
}

// Jobs are moved around by the million.
const _: () = assert!(size_of::<Option<Job>>() == 2 * size_of::<usize>());

impl<R: 'static> Job<R> {
    /// The operation that the job asks for.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Job, Operation};
    ///
    /// let file = std::fs::File::open("Cargo.toml")?;
    /// let job = Job::read(file, vec![0; 4096], 512, |_| ());
    /// assert_eq!(job.operation(), Operation::Read);
    /// assert_eq!((job.offset(), job.requested()), (512, 4096));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.task.head().operation()
    }

    /// The offset at which the operation begins, in bytes.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.task.head().offset()
    }

    /// The number of bytes that the job asks for.
    #[must_use]
    pub fn requested(&self) -> usize {
        self.task.head().progress.requested()
    }

    /// Takes apart a job that is not to be submitted, and returns its buffer.
    ///
    /// `B` is the type that was handed in, for vectored operations a `Vec<_>` of it. A
    /// [range](Self::read_range) also gives its buffer as the [`Ranged`] that the callback would
    /// get. File and callback are dropped.
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
        let buffer = reclaim(self.task).or_else(|task| reclaim(task).map(Ranged::into_inner));
        buffer.map_err(Self::from_task)
    }

    pub(crate) fn from_task(task: Box<dyn UserTask<R>>) -> Self {
        Self { task }
    }

    pub(crate) fn into_task(self) -> Box<dyn UserTask<R>> {
        self.task
    }
}

/// How the dispatcher handles a job, from its acceptance to its callback.
impl<R: 'static> Job<R> {
    pub(crate) fn head(&self) -> &JobHead {
        self.task.head()
    }

    pub(crate) fn route(&self) -> Route {
        self.task.route()
    }

    pub(crate) fn meta(&self) -> &Meta {
        &self.head().meta
    }

    pub(crate) fn meta_mut(&mut self) -> &mut Meta {
        &mut self.task.head_mut().meta
    }

    /// Whether the callback takes a result.
    pub(crate) fn has_result(&self) -> bool {
        self.head().has_result()
    }

    pub(crate) fn is_poll(&self) -> bool {
        self.operation() == Operation::Poll
    }

    pub(crate) fn has_transferred_nothing(&self) -> bool {
        self.head().progress.done() == 0
    }

    /// Records that the kernel can't tell of the job's file whether a read would wait.
    pub(crate) fn mark_nowait_unsupported(&self) {
        if let Some(file) = self.task.file() {
            file.mark_nowait_unsupported();
        }
    }

    /// Records that the page cache had all data of a read.
    pub(crate) fn found_in_cache(&mut self) {
        self.task.choose_way(Found::Cached);
    }

    /// Records that the page cache had the first `done` bytes of a read's data, and not the rest.
    /// If it is direct from here on and exact, moves it on to the request for the rest. Another one
    /// is asked for as a whole, as its result is that of one request.
    pub(crate) fn missed_in_cache(&mut self, done: usize) {
        let before = self.head().progress;
        self.task.choose_way(Found::NotCached);
        let Some(file) = self.task.file() else { return };
        if before.is_exact() && self.route() == Route::Engine {
            let done = before.done().max(before.begin() + done);
            let begin = done - done % file.alignment().step();
            self.task.advance(done, begin);
        }
    }

    /// Moves a job on to its next request after an answer of the kernel: an exact one that was not
    /// all, or a read that goes through the page cache after all. False, and nothing changed, if
    /// the job is to end with this answer.
    pub(crate) fn resume(&mut self, res: i64) -> bool {
        if res == -i64::from(libc::EINVAL) {
            return self.task.choose_way(Found::NotDirect);
        }
        let head = self.head();
        let Some(done) = head.progress.done_before_rest(res) else { return false };
        let Some(file) = self.task.file() else { return false };
        // A direct transfer can't begin just anywhere, so some bytes are transferred again.
        let begin = done - done % file.alignment().step();
        if begin < done && !head.operation().reads() && file.appends() {
            return false;
        }
        self.task.advance(done, begin);
        true
    }

    /// Records that no further request of the job is submitted. Then all bytes that are done
    /// count, wherever alignment would have made the next request begin.
    pub(crate) fn submit_no_more(&mut self) {
        let progress = self.head().progress;
        if progress.begin() < progress.done() {
            self.task.advance(progress.done(), progress.done());
        }
    }

    /// Does the work of a blocking job.
    pub(crate) fn work(&mut self) {
        self.task.work();
    }

    /// Runs the callback. `end` is what the kernel's last answer means for this job.
    pub(crate) fn run(self, end: JobEnd) -> R {
        self.task.run(end)
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
