//! Values on their way to an event loop, and whether the loop was told of them, behind one lock.
//!
//! The loop sleeps on a [`Signal`]. The first value raises it, and it stays raised until the loop
//! finds the queue empty. The critical section that found no value also lowers the signal. So a
//! value is either found there, or it is sent later and raises the signal again. Of all senders
//! between two such moments only one has to raise it.
//!
//! The model of it is `src/pipeline/models/queue.rs`.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::sync::mpsc::{SendError, TryRecvError, TrySendError};

use crate::sync::{Condvar, Mutex, MutexGuard, lock};

/// The loop sleeps on it. A level-triggered wait sees that it is raised, an edge-triggered one sees
/// each call of `raise`.
pub(crate) trait Signal {
    fn raise(&self);

    fn lower(&self);
}

pub(crate) struct Channel<T, S> {
    /// The most values and permits together.
    capacity: usize,
    state: Mutex<QueueState<T>>,
    /// Senders wait here for room.
    room: Condvar,
    signal: S,
}

struct QueueState<T> {
    values: VecDeque<T>,
    /// Permits that exist: they were neither used nor dropped.
    permits: usize,
    senders: usize,
    /// Threads waiting on `room`.
    waiting: usize,
    /// The receiver is gone.
    closed: bool,
    /// The signal was raised, and not lowered since.
    raised: bool,
}

impl<T, S: Signal> Channel<T, S> {
    /// With one sender.
    pub(crate) fn new(capacity: usize, signal: S) -> Self {
        let state = QueueState {
            values: VecDeque::new(),
            permits: 0,
            senders: 1,
            waiting: 0,
            closed: false,
            raised: false,
        };
        Self { capacity, state: Mutex::new(state), room: Condvar::new(), signal }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(crate) fn signal(&self) -> &S {
        &self.signal
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.lock().values.len()
    }

    /// How many values and permits there are.
    pub(crate) fn outstanding(&self) -> usize {
        self.lock().taken()
    }

    /// Whether there is no value, and none can come.
    pub(crate) fn is_over(&self) -> bool {
        let state = self.lock();
        state.values.is_empty() && state.is_disconnected()
    }

    pub(crate) fn add_sender(&self) {
        self.lock().senders += 1;
    }

    pub(crate) fn remove_sender(&self) {
        let mut state = self.lock();
        state.senders -= 1;
        if state.is_disconnected() {
            self.raise(&mut state);
        }
    }

    /// Adds a value, waiting for room.
    pub(crate) fn send(&self, value: T) -> Result<(), SendError<T>> {
        let mut state = self.lock();
        while state.taken() == self.capacity && !state.closed {
            state.waiting += 1;
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
        if state.closed {
            return Err(SendError(value));
        }
        self.push(&mut state, value);
        Ok(())
    }

    /// Adds a value if there is room now.
    pub(crate) fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        match self.lock_with_room() {
            Ok(mut state) => self.push(&mut state, value),
            Err(TrySendError::Full(())) => return Err(TrySendError::Full(value)),
            Err(TrySendError::Disconnected(())) => return Err(TrySendError::Disconnected(value)),
        }
        Ok(())
    }

    /// Makes a permit if there is room now. It counts as a sender too.
    pub(crate) fn try_reserve(&self) -> Result<(), TrySendError<()>> {
        self.lock_with_room()?.permits += 1;
        Ok(())
    }

    fn lock_with_room(&self) -> Result<MutexGuard<'_, QueueState<T>>, TrySendError<()>> {
        let state = self.lock();
        if state.closed {
            return Err(TrySendError::Disconnected(()));
        }
        if state.taken() == self.capacity {
            return Err(TrySendError::Full(()));
        }
        Ok(state)
    }

    /// Uses a permit to add a value.
    pub(crate) fn send_permitted(&self, value: T) -> Result<(), SendError<T>> {
        let mut state = self.lock();
        state.permits -= 1;
        if state.closed {
            return Err(SendError(value));
        }
        self.push(&mut state, value);
        Ok(())
    }

    /// Drops a permit. The loop is woken, as it may wait for the value.
    pub(crate) fn drop_permit(&self) {
        let mut state = self.lock();
        state.permits -= 1;
        self.raise(&mut state);
        self.notify_room(&state);
    }

    /// Takes the first value. If there is none, and one can still come, the signal is lowered.
    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        let mut state = self.lock();
        let Some(value) = state.values.pop_front() else {
            return Err(self.found_empty(&mut state));
        };
        self.notify_room(&state);
        Ok(value)
    }

    /// For a receiver that stops before it has found the queue empty. Unless the queue is empty
    /// now, the signal is raised once more, as an edge for edge-triggered waits.
    pub(crate) fn stop_early(&self) {
        let mut state = self.lock();
        if state.values.is_empty() && !state.is_disconnected() {
            self.found_empty(&mut state);
        } else {
            state.raised = true;
            self.signal.raise();
        }
    }

    /// Refuses values from now on, and returns those that were not received.
    pub(crate) fn close(&self) -> VecDeque<T> {
        let mut state = self.lock();
        state.closed = true;
        self.room.notify_all();
        std::mem::take(&mut state.values)
    }

    fn push(&self, state: &mut QueueState<T>, value: T) {
        state.values.push_back(value);
        self.raise(state);
    }

    fn found_empty(&self, state: &mut QueueState<T>) -> TryRecvError {
        if state.is_disconnected() {
            // It stays disconnected, and the signal stays as it is.
            return TryRecvError::Disconnected;
        }
        if state.raised {
            state.raised = false;
            self.signal.lower();
        }
        TryRecvError::Empty
    }

    fn raise(&self, state: &mut QueueState<T>) {
        if !state.raised && !state.closed {
            state.raised = true;
            self.signal.raise();
        }
    }

    /// Wakes a sender, as there is room for one more value than before.
    fn notify_room(&self, state: &QueueState<T>) {
        if state.waiting > 0 {
            self.room.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, QueueState<T>> {
        // Nothing panics between two related changes, and no code of the user's runs under this
        // lock.
        lock(&self.state)
    }
}

impl<T> QueueState<T> {
    fn taken(&self) -> usize {
        self.values.len() + self.permits
    }

    /// Whether no value can be sent any more.
    fn is_disconnected(&self) -> bool {
        self.senders == 0 && self.permits == 0
    }
}
