//! One callback's value, waited for: the other end of `spawn`.

use std::error::Error;
use std::fmt;
use std::io;
use std::panic::resume_unwind;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::job::{Brief, Job, Task};
use crate::pipeline::Pipeline;
use crate::unwind::{PanicSink, Payload, catch, discard};

/// A handle to a spawned job: waits for the *callback*, and has its return value.
///
/// It owns nothing of the job: dropped or forgotten, the job goes on, and its value is discarded.
///
/// # Examples
///
/// ```
/// use reapool::{Dispatcher, Job};
///
/// let dispatcher = Dispatcher::new()?;
/// let file = std::fs::File::open("Cargo.toml")?;
/// let handle = dispatcher.spawn(Job::read(file, vec![0; 9], 0, |done| done.buffer))?;
/// assert_eq!(handle.join()?, b"[package]");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a handle that is dropped discards the callback's value; `submit` needs none"]
pub struct JobHandle<T> {
    shared: Arc<Shared<T>>,
    /// To find out whether a wait is asked for by one of the workers that it would wait for.
    pipeline: Arc<Pipeline>,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    ended: Condvar,
}

enum State<T> {
    /// Not ended. The bells are rung when it has.
    Pending(Vec<Arc<Bell>>),
    Returned(T),
    Panicked(Payload),
    /// The callback will never run, or its value has been taken.
    Abandoned,
}

/// Where a thread waits for the first of several jobs.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    ring: Condvar,
}

impl<T> JobHandle<T> {
    /// Whether the callback has ended. Does not block; false in a forked child.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        !self.pipeline.is_forked() && !matches!(*self.shared.lock(), State::Pending(_))
    }

    /// Waits until the callback has returned, and takes its value.
    ///
    /// # Blocking
    ///
    /// Until the callback has ended. In a callback of the same dispatcher it doesn't block: the
    /// worker might be the one that has to run the job waited for.
    ///
    /// # Errors
    ///
    /// [`JoinError::Panicked`] with the payload if the callback panicked, and
    /// [`JoinError::InCallback`] with the handle if this would have to wait in a callback.
    pub fn join(self) -> Result<T, JoinError<T>> {
        self.join_until(None)
    }

    /// Waits like [`join`](Self::join), but no longer than `limit`.
    ///
    /// # Errors
    ///
    /// As for `join`, and [`JoinError::TimedOut`] with the handle.
    pub fn join_timeout(self, limit: Duration) -> Result<T, JoinError<T>> {
        // A limit beyond the clock's range is none.
        self.join_until(Instant::now().checked_add(limit))
    }

    fn join_until(self, deadline: Option<Instant>) -> Result<T, JoinError<T>> {
        if self.pipeline.is_forked() {
            return Err(JoinError::Forked);
        }
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        while matches!(*state, State::Pending(_)) {
            if self.pipeline.on_worker() {
                return Err(JoinError::InCallback(self));
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(JoinError::TimedOut(self));
            }
            state = wait(&shared.ended, state, left);
        }
        match std::mem::replace(&mut *state, State::Abandoned) {
            State::Returned(value) => Ok(value),
            State::Panicked(payload) => Err(JoinError::Panicked(payload)),
            State::Pending(_) | State::Abandoned => Err(JoinError::Abandoned),
        }
    }

    /// Waits for the first of several jobs and returns its index. If several have ended, it is the
    /// lowest.
    ///
    /// # Blocking
    ///
    /// Until one of the callbacks has ended; not in a callback of the same dispatcher.
    ///
    /// # Errors
    ///
    /// [`WaitError`] says why it can't wait, or, with a limit, that none ended in time.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use reapool::{Dispatcher, Job, JobHandle};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = Arc::new(std::fs::File::open("Cargo.toml")?);
    /// let mut handles = Vec::new();
    /// for offset in [0, 10, 20] {
    ///     let job = Job::read(&file, vec![0; 10], offset, |done| done.offset);
    ///     handles.push(dispatcher.spawn(job)?);
    /// }
    /// while !handles.is_empty() {
    ///     let first = JobHandle::wait_first(&handles, None)?;
    ///     assert!(handles.swap_remove(first).join()? <= 20);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait_first(handles: &[Self], limit: Option<Duration>) -> Result<usize, WaitError> {
        if handles.is_empty() {
            return Err(WaitError::NoHandles);
        }
        if handles.iter().any(|handle| handle.pipeline.is_forked()) {
            return Err(WaitError::Forked);
        }
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let bell = Arc::new(Bell::default());
        let mut hung = 0;
        let mut first = None;
        for (index, handle) in handles.iter().enumerate() {
            match &mut *handle.shared.lock() {
                State::Pending(bells) => bells.push(Arc::clone(&bell)),
                _ => first = Some(index),
            }
            hung = index;
            if first.is_some() {
                break;
            }
        }
        let result = match first {
            Some(index) => Ok(index),
            None if handles.iter().any(|handle| handle.pipeline.on_worker()) => {
                Err(WaitError::InCallback)
            }
            None if !bell.wait(deadline) => Err(WaitError::TimedOut),
            None => {
                let ended = handles.iter().position(Self::is_finished);
                Ok(ended.expect("the bell is rung by a job that has ended"))
            }
        };
        for handle in &handles[..=hung] {
            if let State::Pending(bells) = &mut *handle.shared.lock() {
                bells.retain(|other| !Arc::ptr_eq(other, &bell));
            }
        }
        result
    }
}

impl Bell {
    fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.ring.notify_one();
    }

    /// False if the deadline came first.
    fn wait(&self, deadline: Option<Instant>) -> bool {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        while !*rung {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return false;
            }
            rung = wait(&self.ring, rung, left);
        }
        true
    }
}

fn wait<'a, S>(
    condition: &Condvar,
    guard: MutexGuard<'a, S>,
    limit: Option<Duration>,
) -> MutexGuard<'a, S> {
    match limit {
        None => condition.wait(guard).unwrap_or_else(PoisonError::into_inner),
        Some(limit) => {
            let waited = condition.wait_timeout(guard, limit);
            waited.unwrap_or_else(PoisonError::into_inner).0
        }
    }
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first end counts: a promise that was kept is dropped afterwards.
    fn end(&self, with: State<T>) {
        let mut state = self.lock();
        let State::Pending(bells) = &mut *state else { return };
        let bells = std::mem::take(bells);
        *state = with;
        drop(state);
        self.ended.notify_all();
        for bell in bells {
            bell.ring();
        }
    }
}

impl<T> fmt::Debug for JobHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobHandle").field("finished", &self.is_finished()).finish_non_exhaustive()
    }
}

/// A spawned job as the dispatcher sees it: its callback's value goes to the handle.
pub(crate) struct Spawned<R> {
    inner: Box<dyn Task<R>>,
    promise: Promise<R>,
    panics: Arc<PanicSink>,
}

/// Ends the handle's wait, with a value, a panic, or, dropped before, with neither.
struct Promise<R>(Arc<Shared<R>>);

impl<R> Drop for Promise<R> {
    fn drop(&mut self) {
        self.0.end(State::Abandoned);
    }
}

impl<R: Send + 'static> Spawned<R> {
    /// Ties a job to a handle.
    pub(crate) fn tie(job: Job<R>, pipeline: &Arc<Pipeline>) -> (Job, JobHandle<R>) {
        let shared = Arc::new(Shared {
            state: Mutex::new(State::Pending(Vec::new())),
            ended: Condvar::new(),
        });
        let spawned = Self {
            inner: job.into_task(),
            promise: Promise(Arc::clone(&shared)),
            panics: Arc::clone(&pipeline.panics),
        };
        let handle = JobHandle { shared, pipeline: Arc::clone(pipeline) };
        (Job::from_task(Box::new(spawned)), handle)
    }

    /// Takes a job that `tie` made, and that was refused, off its handle.
    pub(crate) fn untie(job: Job) -> Job<R> {
        let task: Box<dyn std::any::Any> = job.into_task();
        let spawned = task.downcast::<Self>().expect("the job is the one that was just tied");
        Job::from_task(spawned.inner)
    }
}

impl<R: Send + 'static> Task<()> for Spawned<R> {
    fn brief(&self) -> Brief {
        self.inner.brief()
    }

    fn limit(&mut self, bytes: usize) {
        self.inner.limit(bytes);
    }

    fn run(self: Box<Self>, result: io::Result<usize>) {
        let brief = self.inner.brief();
        let Self { inner, promise, panics } = *self;
        match catch(|| inner.run(result)) {
            Ok(value) => promise.0.end(State::Returned(value)),
            Err(payload) => {
                panics.report(&payload, &brief);
                promise.0.end(State::Panicked(payload));
                // Without a handle this drops the payload, whose panic would be a second one.
                if let Err(second) = catch(|| drop(promise)) {
                    discard(second);
                }
            }
        }
    }

    fn buffer_type(&self) -> std::any::TypeId {
        self.inner.buffer_type()
    }

    fn buffer_into(self: Box<Self>, place: &mut dyn std::any::Any) {
        let Self { inner, .. } = *self;
        inner.buffer_into(place);
    }
}

/// Why a handle has no value.
#[non_exhaustive]
pub enum JoinError<T> {
    /// The callback panicked with this.
    Panicked(Payload),
    /// The callback had not ended within the time given. The handle comes back.
    TimedOut(JobHandle<T>),
    /// Waiting in a callback of the same dispatcher is refused: the worker might be the one that
    /// has to run the job waited for. The handle comes back; continue in the other job's callback
    /// instead, or wait in a thread of your own.
    InCallback(JobHandle<T>),
    /// The callback will never run. Every accepted job's does, so this is not to be met.
    Abandoned,
    /// This is a forked child; the job is the parent's.
    Forked,
}

impl<T> JoinError<T> {
    /// The handle, to wait again; `None` if there is nothing more to wait for.
    #[must_use]
    pub fn into_handle(self) -> Option<JobHandle<T>> {
        match self {
            Self::TimedOut(handle) | Self::InCallback(handle) => Some(handle),
            Self::Panicked(_) | Self::Abandoned | Self::Forked => None,
        }
    }

    /// Goes on panicking with what the callback panicked with, if it did; otherwise the error
    /// itself comes back.
    #[must_use]
    pub fn resume_panic(self) -> Self {
        match self {
            Self::Panicked(payload) => resume_unwind(payload),
            other => other,
        }
    }
}

impl<T> fmt::Debug for JoinError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Panicked(_) => "Panicked(..)",
            Self::TimedOut(_) => "TimedOut(..)",
            Self::InCallback(_) => "InCallback(..)",
            Self::Abandoned => "Abandoned",
            Self::Forked => "Forked",
        })
    }
}

impl<T> fmt::Display for JoinError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Panicked(_) => "the callback panicked",
            Self::TimedOut(_) => "the callback had not ended within the time given",
            Self::InCallback(_) => {
                "a callback can't wait for another job of its dispatcher: go on in that job's \
                 callback, or wait in a thread of your own"
            }
            Self::Abandoned => "the callback will never run",
            Self::Forked => "this process was forked from the one that the job belongs to",
        })
    }
}

impl<T> Error for JoinError<T> {}

/// Why [`JobHandle::wait_first`] has no index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitError {
    /// There was no handle to wait for.
    NoHandles,
    /// No callback ended within the time given.
    TimedOut,
    /// Waiting in a callback of the same dispatcher is refused.
    InCallback,
    /// This is a forked child; the jobs are the parent's.
    Forked,
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoHandles => "there is no job to wait for",
            Self::TimedOut => "no callback ended within the time given",
            Self::InCallback => "a callback can't wait for other jobs of its dispatcher",
            Self::Forked => "this process was forked from the one that the jobs belong to",
        })
    }
}

impl Error for WaitError {}
