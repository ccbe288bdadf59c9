//! How a callback's value gets to whoever waits for it: threads, a task, or nobody.

use std::any::Any;
use std::mem;
use std::sync::PoisonError;
use std::task::Waker;

use super::bell::Bell;
use crate::sync::{Arc, Condvar, Mutex, MutexGuard};

/// Where a callback's value waits for the handle.
pub(crate) struct Delivery<T> {
    state: Mutex<State<T>>,
    ended: Condvar,
}

/// What the lock guards; the value leaves it once.
pub(crate) enum State<T> {
    Pending(Waiting),
    Over(End<T>),
}

/// Who is to hear of the end, beside the threads that wait on the condition.
#[derive(Default)]
pub(crate) struct Waiting {
    bells: Vec<Arc<Bell>>,
    /// Of the task that polled last: it is the one that owns the handle now.
    waker: Option<Waker>,
}

/// How a job ended, as far as its handle is concerned.
pub(crate) enum End<T> {
    Returned(T),
    Panicked(Box<dyn Any + Send>),
    /// The callback will never run.
    Abandoned,
    /// Somebody has had it already.
    Taken,
}

/// The guard of a state.
pub(crate) type Guard<'a, T> = MutexGuard<'a, State<T>>;

impl<T> Delivery<T> {
    pub(crate) fn pending() -> Arc<Self> {
        let state = State::Pending(Waiting::default());
        Arc::new(Self { state: Mutex::new(state), ended: Condvar::new() })
    }

    /// The first end counts: a promise that was kept is dropped afterwards. Threads are told of it;
    /// the task is the caller's to wake.
    #[must_use = "the task waits for it"]
    pub(crate) fn end(&self, with: End<T>) -> Option<Waker> {
        let mut state = self.lock();
        let State::Pending(waiting) = &mut *state else { return None };
        let Waiting { bells, waker } = mem::take(waiting);
        *state = State::Over(with);
        drop(state);
        self.ended.notify_all();
        for bell in bells {
            bell.ring();
        }
        waker
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(*self.lock(), State::Over(_))
    }

    /// Waits for the end and takes it; `once` waits once, or returns the guard as an error to give
    /// up. `None` then.
    pub(crate) fn wait<'a>(
        &'a self,
        mut once: impl FnMut(&'a Condvar, Guard<'a, T>) -> Result<Guard<'a, T>, Guard<'a, T>>,
    ) -> Option<End<T>> {
        let mut state = self.lock();
        loop {
            if let Some(end) = state.take() {
                return Some(end);
            }
            state = once(&self.ended, state).ok()?;
        }
    }

    /// Takes the end if it has come; otherwise the task is to be woken when it comes, and no task
    /// that polled before.
    pub(crate) fn poll(&self, waker: &Waker) -> Option<End<T>> {
        let mut state = self.lock();
        match &*state {
            State::Pending(waiting) if waiting.wakes(waker) => return None,
            State::Pending(_) => {}
            State::Over(_) => return state.take(),
        }
        drop(state);
        // The executor's code, so not under the lock; the end may come meanwhile.
        let fresh = waker.clone();
        let mut state = self.lock();
        match &mut *state {
            State::Pending(waiting) => {
                let stale = waiting.waker.replace(fresh);
                drop(state);
                drop(stale);
                None
            }
            State::Over(_) => state.take(),
        }
    }

    /// The waker of a task that doesn't wait any more, to be dropped.
    pub(crate) fn forget_task(&self) -> Option<Waker> {
        match &mut *self.lock() {
            State::Pending(waiting) => waiting.waker.take(),
            State::Over(_) => None,
        }
    }

    /// Has a bell rung at the end. False, if that has come.
    pub(crate) fn hang(&self, bell: &Arc<Bell>) -> bool {
        match &mut *self.lock() {
            State::Pending(waiting) => waiting.bells.push(Arc::clone(bell)),
            State::Over(_) => return false,
        }
        true
    }

    pub(crate) fn unhang(&self, bell: &Arc<Bell>) {
        if let State::Pending(waiting) = &mut *self.lock() {
            waiting.bells.retain(|other| !Arc::ptr_eq(other, bell));
        }
    }

    fn lock(&self) -> Guard<'_, T> {
        // Nothing in here panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn take(&mut self) -> Option<End<T>> {
        match self {
            Self::Pending(_) => None,
            Self::Over(end) => Some(mem::replace(end, End::Taken)),
        }
    }
}

impl Waiting {
    fn wakes(&self, waker: &Waker) -> bool {
        self.waker.as_ref().is_some_and(|known| known.will_wake(waker))
    }
}
