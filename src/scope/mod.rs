//! Scopes: jobs that borrow, and a wait for all of them that nothing gets past.
//!
//! `erased.rs` hides a job's lifetime and argues why that is sound; `headcount.rs` is the wait;
//! `rejected.rs` has what must not compile.

#![expect(unsafe_code, reason = "promises to wait for what jobs borrow")]

mod erased;
pub(crate) mod error;
pub(crate) mod job;
mod rejected;

use crate::wait::headcount::Headcount;
use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::panic::resume_unwind;
use std::process;
use std::sync::Arc;

use crate::admission::Patience;
use crate::admission::refusal::Refusal;
use crate::job::Job;
use crate::job::task::{Task, UserTask};
use crate::submit::Submitter;
use crate::submit::handle::JobHandle;
use crate::submit::refused::Refused;
use crate::submit::spawned::Spawned;
use crate::unwind::catch;
use crate::wait::delivery::Delivery;
use crate::wait::limit::WaitLimit;

use erased::{Counted, Erased, Place};
use error::ScopeError;
use job::ScopedJob;

/// Takes jobs that borrow, between the beginning and the end of a call of
/// [`scope`](Submitter::scope), like [`std::thread::Scope`]. Callbacks of its jobs may submit to it too.
///
/// `'scope` is the time from the call to its end, when all jobs are over; jobs may borrow what lives
/// so long, such as what the caller has, but not what the body has. `'env` is the time that what the
/// caller has lives for; it is longer.
///
/// # Examples
///
/// Each callback submits the next job, with the same buffer:
///
/// ```
/// use std::fs::File;
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use reapool::{BorrowedFile, Dispatcher, Scope, ScopedJob};
///
/// fn count_on<'scope>(
///     scope: &'scope Scope<'scope, '_>,
///     file: BorrowedFile<'scope>,
///     buffer: &'scope mut [u8],
///     offset: u64,
///     lines: &'scope AtomicUsize,
/// ) {
///     let job = ScopedJob::read(file, buffer, offset, move |done| {
///         let found = done.data().iter().filter(|&&byte| byte == b'\n').count();
///         lines.fetch_add(found, Ordering::Relaxed);
///         if done.transferred > 0 {
///             count_on(scope, done.file, done.buffer, offset + done.transferred as u64, lines);
///         }
///     });
///     scope.submit(job).expect("is not refused while the dispatcher is open");
/// }
///
/// let (dispatcher, manifest) = (Dispatcher::new()?, File::open("Cargo.toml")?);
/// let (mut buffer, lines) = ([0; 512], AtomicUsize::new(0));
/// dispatcher.scope(|scope| count_on(scope, (&manifest).into(), &mut buffer, 0, &lines))?;
/// assert_eq!(lines.into_inner(), std::fs::read_to_string("Cargo.toml")?.lines().count());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Scope<'scope, 'env: 'scope> {
    submitter: Submitter,
    jobs: Arc<Headcount>,
    /// Invariant, both: a scope must not pass for a shorter one, which would take jobs that borrow
    /// for that time only.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

/// Ends the process if it is dropped: between its making and its forgetting nothing may unwind.
struct NoWayOut;

impl Drop for NoWayOut {
    fn drop(&mut self) {
        process::abort();
    }
}

impl Submitter {
    /// Runs `body` with a [`Scope`], whose jobs may borrow buffers, files and whatever their callbacks
    /// refer to, and returns what `body` does when all these jobs are over: for each, its callback
    /// has run, and nothing of it is left.
    ///
    /// It waits on every way out, also when `body` or a callback panics. Nothing that is leaked
    /// inside gets past that: a handle owns nothing of its job, and a job that was accepted is the
    /// dispatcher's. A callback that leaks what it was given leaks borrows, which end with the scope.
    ///
    /// # Blocking
    ///
    /// Until the scope's jobs are over, and there is no giving up: what is stuck in the kernel keeps
    /// the scope open. Other jobs of the dispatcher are not waited for. Its [`Stats`](crate::Stats)
    /// may count a job as outstanding for a moment longer.
    ///
    /// # Errors
    ///
    /// [`ScopeError`], without `body` having been run, in a callback of this dispatcher, on the thread
    /// that runs its callbacks if it is a [`LoopDispatcher`](crate::LoopDispatcher), and in a forked
    /// child.
    ///
    /// # Panics
    ///
    /// With what `body` panicked with. Or else, when all jobs are over, if a callback panicked and
    /// nobody has got that panic from a handle by [joining](JobHandle::join) it. Either way the
    /// callback's panic is counted and reported to the panic handler, as any other.
    ///
    /// # Forks
    ///
    /// In a child that was forked in `body`, the jobs outstanding never end, and what their callbacks
    /// were changing at that moment may be half changed. Should the child leave `body` instead of
    /// calling execve(2) or _exit(2), then it aborts, unless all jobs were over.
    ///
    /// # Examples
    ///
    /// The parts of one buffer, filled at the same time:
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use reapool::{AlignedBuf, Dispatcher, FileHandle, ScopedJob};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = FileHandle::open_direct_or_buffered("Cargo.lock")?;
    /// let size = file.size()?;
    /// let mut buffer = AlignedBuf::zeroed((size as usize).next_multiple_of(4096));
    /// let total = AtomicU64::new(0);
    /// dispatcher.scope(|scope| {
    ///     let mut offset = 0;
    ///     for part in buffer.chunks_mut(4096) {
    ///         let job = ScopedJob::read(&file, part, offset, |done| {
    ///             total.fetch_add(done.transferred as u64, Ordering::Relaxed);
    ///         });
    ///         scope.submit(job)?;
    ///         offset += 4096;
    ///     }
    ///     Ok::<(), Box<dyn std::error::Error>>(())
    /// })??;
    /// assert_eq!(total.into_inner(), size);
    /// assert_eq!(buffer[..size as usize], std::fs::read("Cargo.lock")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn scope<'env, F, T>(&self, body: F) -> Result<T, ScopeError>
    where
        F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
    {
        if self.pipeline.is_forked() {
            return Err(ScopeError::Forked);
        }
        if self.pipeline.must_not_wait() {
            return Err(ScopeError::InCallback);
        }
        let scope = Scope {
            submitter: self.clone(),
            jobs: Arc::new(Headcount::new()),
            scope: PhantomData,
            env: PhantomData,
        };
        let outcome = catch(|| body(&scope));
        scope.wait();
        match outcome {
            Err(payload) => resume_unwind(payload),
            Ok(_) if scope.jobs.has_panicked() => panic!("a scoped job panicked"),
            Ok(value) => Ok(value),
        }
    }
}

impl<'scope> Scope<'scope, '_> {
    /// Submits a job, waiting for room if there is none; see [`Submitter::submit`].
    ///
    /// A scoped job costs an allocation more than others.
    ///
    /// # Blocking
    ///
    /// As `Submitter::submit`: not in a callback.
    ///
    /// # Errors
    ///
    /// As `Submitter::submit`; the job comes back.
    pub fn submit(&self, job: ScopedJob<'scope>) -> Result<(), Refused<ScopedJob<'scope>>> {
        self.submit_with(job, Patience::Until(WaitLimit::NEVER))
    }

    /// Submits a job if there is room now; see [`Submitter::try_submit`].
    ///
    /// # Errors
    ///
    /// As `Submitter::try_submit`; the job comes back.
    pub fn try_submit(&self, job: ScopedJob<'scope>) -> Result<(), Refused<ScopedJob<'scope>>> {
        self.submit_with(job, Patience::None)
    }

    fn submit_with(
        &self,
        job: ScopedJob<'scope>,
        patience: Patience,
    ) -> Result<(), Refused<ScopedJob<'scope>>> {
        let refused = |(job, _)| job;
        self.accept([(job, Erased::place())], patience, |(job, place)| {
            job.erase(|task| self.enter(task, place))
        })
        .map_err(|(kind, mut rest)| {
            let job = rest.pop().map(refused).expect("a refused job comes back");
            Refused::scoped(kind, job)
        })
    }

    /// Submits many jobs, together as far as there is room, and waits for room for the others; see
    /// [`Submitter::submit_batch`].
    ///
    /// # Blocking
    ///
    /// As `Submitter::submit_batch`: not in a callback.
    ///
    /// # Errors
    ///
    /// As `Submitter::submit_batch`; those that were not accepted come back, the first of them first.
    pub fn submit_batch(
        &self,
        jobs: impl IntoIterator<Item = ScopedJob<'scope>>,
    ) -> Result<(), Refused<Vec<ScopedJob<'scope>>>> {
        // Collected first: the iterator is the user's code, and may itself submit or wait.
        let jobs: Vec<_> = jobs.into_iter().map(|job| (job, Erased::place())).collect();
        let (count, patience) = (jobs.len(), Patience::Until(WaitLimit::NEVER));
        self.accept(jobs, patience, |(job, place)| job.erase(|task| self.enter(task, place)))
            .map_err(|(kind, rest)| {
                let refused: Vec<_> = rest.into_iter().map(|(job, _)| job).collect();
                Refused::scoped_batch(kind, count - refused.len(), refused)
            })
    }

    /// Submits a job, waiting for room, and returns a handle for the callback's value.
    ///
    /// The handle owns nothing of the job, and lives as long as the value's type. If the callback
    /// panics, whoever [joins](JobHandle::join) gets the payload; a panic that nobody has got when
    /// the scope ends is the scope's.
    ///
    /// # Blocking
    ///
    /// As [`Submitter::spawn`]: not in a callback, nor does [`join`](JobHandle::join) there.
    ///
    /// # Errors
    ///
    /// As `Submitter::spawn`; the job comes back.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, ScopedJob};
    ///
    /// let (dispatcher, numbers) = (Dispatcher::new()?, [1, 2, 3, 4]);
    /// let sum = dispatcher.scope(|scope| {
    ///     let (left, right) = numbers.split_at(2);
    ///     let left = scope.spawn(ScopedJob::nop(|| left.iter().sum::<u32>()))?;
    ///     let right = scope.spawn(ScopedJob::nop(|| right.iter().sum::<u32>()))?;
    ///     Ok::<u32, Box<dyn std::error::Error>>(left.join()? + right.join()?)
    /// })??;
    /// assert_eq!(sum, 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn spawn<R: Send + 'scope>(
        &self,
        job: ScopedJob<'scope, R>,
    ) -> Result<JobHandle<R>, Refused<ScopedJob<'scope, R>>> {
        self.spawn_with(job, Patience::Until(WaitLimit::NEVER))
    }

    /// Spawns a job if there is room now.
    ///
    /// # Errors
    ///
    /// As [`try_submit`](Self::try_submit).
    pub fn try_spawn<R: Send + 'scope>(
        &self,
        job: ScopedJob<'scope, R>,
    ) -> Result<JobHandle<R>, Refused<ScopedJob<'scope, R>>> {
        self.spawn_with(job, Patience::None)
    }

    fn spawn_with<R: Send + 'scope>(
        &self,
        job: ScopedJob<'scope, R>,
        patience: Patience,
    ) -> Result<JobHandle<R>, Refused<ScopedJob<'scope, R>>> {
        let pipeline = &self.submitter.pipeline;
        let delivery = Delivery::pending();
        let places = (Box::new_uninit(), Erased::place());
        self.accept([(job, places)], patience, |(job, (place, outer))| {
            job.erase(|task| {
                let (panics, scope) = (&pipeline.panics, Some(Arc::clone(&self.jobs)));
                let spawned = Spawned::new(task, &delivery, panics, scope);
                let spawned = Box::write(place, spawned);
                self.enter(spawned, outer)
            })
        })
        .map_err(|(kind, mut rest)| {
            let job = rest.pop().map(|(job, _)| job).expect("a refused job comes back");
            Refused::scoped(kind, job)
        })?;
        Ok(JobHandle::new(delivery, Arc::clone(pipeline)).in_scope(&self.jobs))
    }

    /// Sends waiting jobs to the kernel as far as slots are free; see [`Submitter::flush`].
    ///
    /// # Errors
    ///
    /// As `Submitter::flush`.
    pub fn flush(&self) -> Result<(), Refusal> {
        self.submitter.flush()
    }

    /// Has jobs accepted, each of which `enter` makes of one of these at that moment. The others come
    /// back.
    fn accept<J>(
        &self,
        jobs: impl IntoIterator<Item = J, IntoIter: ExactSizeIterator>,
        patience: Patience,
        enter: impl FnMut(J) -> Job,
    ) -> Result<(), (Refusal, Vec<J>)> {
        let mut jobs = jobs.into_iter();
        let result = self.submitter.pipeline.accept(&mut jobs.by_ref().map(enter), patience);
        result.map_err(|kind| (kind, jobs.collect()))
    }

    /// Counts a job in that is accepted now, and makes it one for the dispatcher.
    fn enter(&self, task: Box<dyn Task<()> + 'scope>, place: Place) -> Box<dyn UserTask<()>> {
        let counted = Counted::new(&self.jobs);
        // SAFETY: what is borrowed for `'scope` is so until `Submitter::scope` returns or unwinds:
        // `'scope` is any lifetime for the body, so it has nothing that lives exactly so long but the
        // scope itself, and what lives longer outlives that call. The one scope that there is with
        // this lifetime, which is invariant, is that function's own, and whether the body returns or
        // panics, it waits until this headcount is empty; should it be unable to, it aborts.
        unsafe { Erased::new(task, &self.submitter.pipeline.panics, counted, place) }
    }

    /// Waits until all jobs are over.
    fn wait(&self) {
        let no_way_out = NoWayOut;
        if self.submitter.pipeline.is_forked() && !self.jobs.is_empty() {
            // The jobs are the parent's, and will never be over here. What they borrow is ours, but
            // may be as a callback left it in the middle of something; and pages that direct I/O
            // goes to may after a fork be the child's (open(2), notes). So there is no going on.
            process::abort();
        }
        self.jobs.wait_until_empty();
        mem::forget(no_way_out);
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("submitter", &self.submitter).finish_non_exhaustive()
    }
}
