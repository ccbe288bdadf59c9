//! How a value gets to the one that waits for it: a callback's to the handle of its job, a buffer
//! to the thread or task that acquires it. Threads wait for one value or, with a bell, for the
//! first of several; a task may wait too, or nobody.

use std::any::Any;
use std::mem;
use std::ptr;
use std::task::Waker;

use super::TaskWaker;
use super::limit::WaitLimit;
use crate::sync::{Arc, Condvar, Mutex, lock};

/// Where a callback's value waits for the handle.
pub(crate) struct Delivery<T> {
    state: Mutex<DeliveryState<T>>,
    /// Threads wait here for the end.
    ended: Condvar,
}

/// The value leaves it once.
enum DeliveryState<T> {
    Pending(EndListeners),
    Over(Delivered<T>),
}

/// Those that are told of the end, beside the threads that wait on the condition.
#[derive(Default)]
struct EndListeners {
    bells: Vec<Arc<JoinBell>>,
    /// Of the task that polled last: that task owns the handle now.
    waker: Option<TaskWaker>,
}

/// How a job ended, as its handle has it.
pub(crate) enum Delivered<T> {
    Returned(T),
    Panicked(Box<dyn Any + Send>),
    /// The callback will never run.
    Abandoned,
    /// The end was taken before.
    Taken,
}

impl<T> Delivery<T> {
    pub(crate) fn pending() -> Arc<Self> {
        let state = DeliveryState::Pending(EndListeners::default());
        Arc::new(Self { state: Mutex::new(state), ended: Condvar::new() })
    }

    /// Ends the job and wakes the threads that wait for it; the caller wakes the task whose waker
    /// it gets. The first end counts: a promise that was kept is dropped afterwards.
    #[must_use = "the task waits for it"]
    pub(crate) fn end(&self, with: Delivered<T>) -> Option<TaskWaker> {
        let mut state = lock(&self.state);
        let DeliveryState::Pending(listeners) = &mut *state else { return None };
        let EndListeners { bells, waker } = mem::take(listeners);
        *state = DeliveryState::Over(with);
        drop(state);
        self.ended.notify_all();
        for bell in bells {
            bell.ring();
        }
        waker
    }

    /// A number that no other delivery has at the same time.
    pub(crate) fn address(&self) -> usize {
        ptr::from_ref(self).addr()
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(*lock(&self.state), DeliveryState::Over(_))
    }

    /// Takes the end if it has come.
    pub(crate) fn take(&self) -> Option<Delivered<T>> {
        lock(&self.state).take()
    }

    /// Waits for the end and takes it. `None` if the limit comes first.
    pub(crate) fn wait(&self, limit: WaitLimit) -> Option<Delivered<T>> {
        let mut state = lock(&self.state);
        loop {
            if let Some(end) = state.take() {
                return Some(end);
            }
            state = limit.wait(&self.ended, state).ok()?;
        }
    }

    /// Takes the end if it has come. Otherwise the end will wake this task, and none that polled
    /// before.
    pub(crate) fn poll(&self, waker: &Waker) -> Option<Delivered<T>> {
        let mut state = lock(&self.state);
        match &*state {
            DeliveryState::Pending(EndListeners { waker: Some(known), .. })
                if known.will_wake(waker) =>
            {
                return None;
            }
            DeliveryState::Pending(_) => {}
            DeliveryState::Over(_) => return state.take(),
        }
        drop(state);
        // Cloning runs the executor's code, so not under the lock. The end may come meanwhile.
        let fresh = TaskWaker::of(waker);
        let mut state = lock(&self.state);
        match &mut *state {
            DeliveryState::Pending(listeners) => {
                let stale = listeners.waker.replace(fresh);
                drop(state);
                drop(stale);
                None
            }
            DeliveryState::Over(_) => state.take(),
        }
    }

    /// Forgets the task that waits, if one does. The caller drops its waker.
    pub(crate) fn forget_task(&self) -> Option<TaskWaker> {
        match &mut *lock(&self.state) {
            DeliveryState::Pending(listeners) => listeners.waker.take(),
            DeliveryState::Over(_) => None,
        }
    }

    /// Has a bell rung at the end. False if the end has come.
    pub(crate) fn add_bell(&self, bell: &Arc<JoinBell>) -> bool {
        match &mut *lock(&self.state) {
            DeliveryState::Pending(listeners) => listeners.bells.push(Arc::clone(bell)),
            DeliveryState::Over(_) => return false,
        }
        true
    }

    pub(crate) fn remove_bell(&self, bell: &Arc<JoinBell>) {
        if let DeliveryState::Pending(listeners) = &mut *lock(&self.state) {
            listeners.bells.retain(|other| !Arc::ptr_eq(other, bell));
        }
    }
}

impl<T> DeliveryState<T> {
    fn take(&mut self) -> Option<Delivered<T>> {
        match self {
            Self::Pending(_) => None,
            Self::Over(end) => Some(mem::replace(end, Delivered::Taken)),
        }
    }
}

/// The bell at which a thread waits for the first of several jobs. The first that ends rings it. It
/// stays rung.
#[derive(Default)]
pub(crate) struct JoinBell {
    rung: Mutex<bool>,
    ring: Condvar,
}

impl JoinBell {
    fn ring(&self) {
        *lock(&self.rung) = true;
        self.ring.notify_one();
    }

    /// Waits until the bell is rung. False if the limit comes first.
    pub(crate) fn wait(&self, limit: WaitLimit) -> bool {
        let mut rung = lock(&self.rung);
        while !*rung {
            let Ok(waited) = limit.wait(&self.ring, rung) else { return false };
            rung = waited;
        }
        true
    }
}
