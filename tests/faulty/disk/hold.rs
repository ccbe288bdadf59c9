//! What holds requests until the test releases them.

use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex};

use crate::support::HANG;

/// What is left to do for a request: it answers it.
pub(super) type Answer = Box<dyn FnOnce() + Send>;

/// To the thread that has the held requests. It is one of the server's, as only these have the
/// connection's descriptor.
pub(super) enum Command {
    /// Keep this for a hold.
    Keep(usize, Answer),
    /// Answer the oldest of a hold's, at most so many.
    Answer(usize, usize),
    End,
}

/// Holds requests, on behalf of the rules that [name it](super::Rule::held).
#[derive(Clone)]
pub(crate) struct Hold {
    number: usize,
    state: Arc<(Mutex<State>, Condvar)>,
    commands: Sender<Command>,
}

#[derive(Default)]
struct State {
    open: bool,
    /// Those that were let go, one by one, before they came.
    passes: usize,
    arrived: usize,
    kept: usize,
}

impl Hold {
    pub(super) fn new(number: usize, commands: Sender<Command>) -> Self {
        Self { number, state: Arc::default(), commands }
    }

    /// Waits until so many requests have come, those that were released included.
    pub(crate) fn wait_for(&self, count: usize) {
        let (state, changed) = &*self.state;
        let state = state.lock().unwrap();
        let (state, wait) =
            changed.wait_timeout_while(state, HANG, |state| state.arrived < count).unwrap();
        assert!(!wait.timed_out(), "{} requests came, and not {count}", state.arrived);
    }

    /// How many requests have come, those that were released included.
    pub(crate) fn arrived(&self) -> usize {
        self.state.0.lock().unwrap().arrived
    }

    /// Lets all go, and from now on holds nothing.
    pub(crate) fn release(&self) {
        let mut state = self.state.0.lock().unwrap();
        state.open = true;
        self.answer(&mut state, usize::MAX);
    }

    /// Lets one go: that which came first, or else the next.
    pub(crate) fn release_one(&self) {
        let mut state = self.state.0.lock().unwrap();
        if state.kept == 0 {
            state.passes += 1;
        } else {
            self.answer(&mut state, 1);
        }
    }

    fn answer(&self, state: &mut State, most: usize) {
        state.kept -= most.min(state.kept);
        // It is not there any more if the file system is gone, and with it the requests.
        let _ = self.commands.send(Command::Answer(self.number, most));
    }

    /// Keeps an answer, or gives it at once if that has been allowed.
    ///
    /// Under the lock until the command is sent, so that a release is behind all that came before
    /// it.
    pub(super) fn keep(&self, answer: Answer) {
        let (lock, changed) = &*self.state;
        let mut state = lock.lock().unwrap();
        state.arrived += 1;
        changed.notify_all();
        if state.open || state.passes > 0 {
            state.passes = state.passes.saturating_sub(1);
            drop(state);
            return answer();
        }
        state.kept += 1;
        let _ = self.commands.send(Command::Keep(self.number, answer));
    }
}
