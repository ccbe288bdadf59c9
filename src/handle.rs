//! One callback's value, waited for: the other end of `spawn`.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::deadline::Deadline;
use crate::join_error::{JoinError, WaitError};
use crate::pipeline::Pipeline;
use crate::unwind::Payload;

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

/// Where a callback's value waits for the handle.
pub(crate) struct Shared<T> {
    state: Mutex<State<T>>,
    ended: Condvar,
}

pub(crate) enum State<T> {
    /// Not ended. The bells are rung when it has.
    Pending(Vec<Arc<Bell>>),
    Returned(T),
    Panicked(Payload),
    /// The callback will never run, or its value has been taken.
    Abandoned,
}

/// Where a thread waits for the first of several jobs.
#[derive(Default)]
pub(crate) struct Bell {
    rung: Mutex<bool>,
    ring: Condvar,
}

impl<T> JobHandle<T> {
    pub(crate) fn new(shared: Arc<Shared<T>>, pipeline: Arc<Pipeline>) -> Self {
        Self { shared, pipeline }
    }

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
        self.join_until(Deadline::NEVER)
    }

    /// Waits like [`join`](Self::join), but no longer than `limit`.
    ///
    /// # Errors
    ///
    /// As for `join`, and [`JoinError::TimedOut`] with the handle.
    pub fn join_timeout(self, limit: Duration) -> Result<T, JoinError<T>> {
        self.join_until(Deadline::after(limit))
    }

    fn join_until(self, deadline: Deadline) -> Result<T, JoinError<T>> {
        if self.pipeline.is_forked() {
            return Err(JoinError::Forked);
        }
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        while matches!(*state, State::Pending(_)) {
            if self.pipeline.on_worker() {
                return Err(JoinError::InCallback(self));
            }
            match deadline.wait(&shared.ended, state) {
                Ok(waited) => state = waited,
                Err(_) => return Err(JoinError::TimedOut(self)),
            }
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
        let deadline = limit.map_or(Deadline::NEVER, Deadline::after);
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
    fn wait(&self, deadline: Deadline) -> bool {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        while !*rung {
            match deadline.wait(&self.ring, rung) {
                Ok(waited) => rung = waited,
                Err(_) => return false,
            }
        }
        true
    }
}

impl<T> Shared<T> {
    pub(crate) fn pending() -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::Pending(Vec::new())), ended: Condvar::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first end counts: a promise that was kept is dropped afterwards.
    pub(crate) fn end(&self, with: State<T>) {
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
