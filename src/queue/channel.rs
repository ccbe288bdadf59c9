//! Values on their way to an event loop, and whether it has been told of them: all under one lock.
//!
//! The loop sleeps on a [`Signal`]. From the first value on it is raised, until the loop has found
//! the queue empty: then it is lowered, in the same critical section in which nothing was found. So
//! a value is either found, or it comes after the lowering and raises the signal again; and only one
//! of all senders between two such looks has to raise it.
//!
//! The model of it is `src/pipeline/models/queue.rs`.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::sync::mpsc::{SendError, TryRecvError, TrySendError};

use crate::sync::{Condvar, Mutex, MutexGuard};

/// What the loop sleeps on: level-triggered it sees that it is raised, edge-triggered each raising.
pub(crate) trait Signal {
    fn raise(&self);

    fn lower(&self);
}

pub(crate) struct Channel<T, S> {
    /// Of values and places together.
    capacity: usize,
    state: Mutex<State<T>>,
    /// Senders wait here for room.
    room: Condvar,
    signal: S,
}

struct State<T> {
    values: VecDeque<T>,
    /// Places that have been taken and neither filled nor given up.
    places: usize,
    senders: usize,
    /// Threads waiting on `room`.
    waiting: usize,
    /// The receiver is gone.
    closed: bool,
    /// The signal has been raised, and not lowered since.
    raised: bool,
}

impl<T, S: Signal> Channel<T, S> {
    /// With one sender.
    pub(crate) fn new(capacity: usize, signal: S) -> Self {
        let state = State {
            values: VecDeque::new(),
            places: 0,
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

    /// How many values and places there are.
    pub(crate) fn outstanding(&self) -> usize {
        self.lock().taken()
    }

    /// Whether there is no value, and none will come.
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
        let mut state = self.lock();
        if state.closed {
            return Err(TrySendError::Disconnected(value));
        }
        if state.taken() == self.capacity {
            return Err(TrySendError::Full(value));
        }
        self.push(&mut state, value);
        Ok(())
    }

    /// Takes a place if there is one now, which counts as a sender too.
    pub(crate) fn reserve(&self) -> Result<(), TrySendError<()>> {
        let mut state = self.lock();
        if state.closed {
            return Err(TrySendError::Disconnected(()));
        }
        if state.taken() == self.capacity {
            return Err(TrySendError::Full(()));
        }
        state.places += 1;
        Ok(())
    }

    /// Puts a value into a place.
    pub(crate) fn fill(&self, value: T) -> Result<(), SendError<T>> {
        let mut state = self.lock();
        state.places -= 1;
        if state.closed {
            return Err(SendError(value));
        }
        self.push(&mut state, value);
        Ok(())
    }

    /// Gives a place up. Whoever waits for its value is woken.
    pub(crate) fn give_up(&self) {
        let mut state = self.lock();
        state.places -= 1;
        self.raise(&mut state);
        self.call_for_room(&state);
    }

    /// Takes the first value. If there is none, and one may yet come, the signal is lowered.
    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        let mut state = self.lock();
        let Some(value) = state.values.pop_front() else {
            return Err(self.found_empty(&mut state));
        };
        self.call_for_room(&state);
        Ok(value)
    }

    /// For a receiver that stops looking before it has found the queue empty: it is told again, also
    /// if it is told of changes only.
    pub(crate) fn stop_early(&self) {
        let mut state = self.lock();
        if state.values.is_empty() && !state.is_disconnected() {
            self.found_empty(&mut state);
        } else {
            state.raised = true;
            self.signal.raise();
        }
    }

    /// Refuses values from now on, and returns those that nobody has received.
    pub(crate) fn close(&self) -> VecDeque<T> {
        let mut state = self.lock();
        state.closed = true;
        self.room.notify_all();
        std::mem::take(&mut state.values)
    }

    fn push(&self, state: &mut State<T>, value: T) {
        state.values.push_back(value);
        self.raise(state);
    }

    fn found_empty(&self, state: &mut State<T>) -> TryRecvError {
        if state.is_disconnected() {
            // This is how it stays, and the signal with it.
            return TryRecvError::Disconnected;
        }
        if state.raised {
            state.raised = false;
            self.signal.lower();
        }
        TryRecvError::Empty
    }

    fn raise(&self, state: &mut State<T>) {
        if !state.raised && !state.closed {
            state.raised = true;
            self.signal.raise();
        }
    }

    /// There is room for one more than before.
    fn call_for_room(&self, state: &State<T>) {
        if state.waiting > 0 {
            self.room.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing in here panics between two related changes, and no user's code runs in here.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn taken(&self) -> usize {
        self.values.len() + self.places
    }

    /// Whether no value can come any more.
    fn is_disconnected(&self) -> bool {
        self.senders == 0 && self.places == 0
    }
}
