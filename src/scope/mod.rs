//! Scopes: jobs that may borrow, and the wait for all of them, which nothing gets past.
//!
//! A [`Scope`] takes jobs ([`ScopedJob`](job::ScopedJob), `submission.rs`) whose lifetime
//! `erased.rs` hides from the dispatcher; it also argues why that is sound. `Submitter::scope`
//! opens the scope and waits until all its jobs are over, by a [`Headcount`] of them.

mod erased;
pub(crate) mod error;
pub(crate) mod job;
mod submission;

#[cfg(doctest)]
mod compile_fail_tests;

use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::panic::resume_unwind;
use std::process;
use std::sync::Arc;

use crate::scope::error::ScopeError;
use crate::submit::Submitter;
use crate::unwind::{AbortOnUnwind, catch};
use crate::wait::headcount::Headcount;

/// Takes jobs that borrow, between the beginning and the end of a call of
/// [`scope`](Submitter::scope), like [`std::thread::Scope`]. Callbacks of its jobs may submit to it
/// too.
///
/// `'scope` is the time from the call to its end, when all jobs are over. Jobs may borrow values
/// that live that long, such as the caller's, but not the body's own. `'env` is the longer time for
/// which the caller's values live.
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
    /// Makes both lifetimes invariant. A scope must not pass for a shorter one, which would take
    /// jobs that borrow for that time only.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

impl Submitter {
    /// Runs `body` with a [`Scope`], whose jobs may borrow buffers, files and whatever their
    /// callbacks refer to. Returns the value of `body` when all these jobs are over: for each, its
    /// callback has run, and nothing of it is left.
    ///
    /// It waits on every way out, also if `body` or a callback panics. Nothing that is leaked
    /// inside gets past that: a handle owns nothing of its job, and an accepted job is the
    /// dispatcher's. A callback that leaks its arguments leaks borrows, which end with the scope.
    ///
    /// # Blocking
    ///
    /// Until the scope's jobs are over, without a time limit: a job that is stuck in the kernel
    /// keeps the scope open. Other jobs of the dispatcher are not waited for. Its
    /// [`Stats`](crate::Stats) may count a job as outstanding for a moment longer.
    ///
    /// # Errors
    ///
    /// [`ScopeError`], without `body` having been run, in a callback of this dispatcher, on the
    /// thread that runs its callbacks if it is a [`LoopDispatcher`](crate::LoopDispatcher), and in
    /// a forked child.
    ///
    /// # Panics
    ///
    /// If `body` panicked, with its payload. Otherwise, when all jobs are over, if a callback
    /// panicked and nobody has got that panic by [joining](crate::JobHandle::join) a handle. The
    /// message has that of the callback's panic. Either way the callback's panic is counted and
    /// reported to the panic handler, as any other.
    ///
    /// # Forks
    ///
    /// In a child that was forked in `body`, the outstanding jobs never end, and values that their
    /// callbacks were changing at that moment may be half changed. If the child leaves `body`,
    /// instead of calling execve(2) or _exit(2), it aborts, unless all jobs were over.
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
            Ok(value) => match scope.jobs.untaken_panic().map(|panic| panic.message) {
                None => Ok(value),
                Some(Some(message)) => panic!("a scoped job panicked: {message}"),
                Some(None) => panic!("a scoped job panicked"),
            },
        }
    }
}

impl Scope<'_, '_> {
    /// Waits until all jobs are over.
    fn wait(&self) {
        let no_way_out = AbortOnUnwind;
        if self.submitter.pipeline.is_forked() && !self.jobs.is_empty() {
            // The jobs are the parent's, and will never be over here. This process has its own copy
            // of the values that they borrow, but a callback may have left one half changed; and
            // after a fork, pages that direct I/O goes to may be the child's (open(2), notes). So
            // there is no going on.
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
