//! The state of a file between its reads and the user's callbacks. Its owner keeps it under a lock.

use std::mem;

use crate::files::budget::Place;
use crate::files::callbacks::{Folded, Outcome, Then};
use crate::files::error::Failure;
use crate::files::fold::Fold;
use crate::files::read_ahead::{ReadAhead, ReadChunk};

pub(crate) struct Reading<F: Fold> {
    pub(super) reads: ReadAhead,
    phase: Phase<F>,
}

/// Where the user's state is. Before the first chunk it is `None`: then `begin` makes it.
///
/// ```text
/// Waiting <────> Scheduled       a chunk has come, but other jobs have their turn first
/// Waiting <────> Running         a chunk has come
/// any of them ─> Ended           a failure, or the callbacks have ended the file
/// ```
enum Phase<F: Fold> {
    /// For the next chunk.
    Waiting(Option<F::State>),
    /// A job is posted that goes on.
    Scheduled(Option<F::State>),
    /// A worker runs the callbacks and has the state. If the file has failed meanwhile, it ends
    /// when they return.
    Running(Option<Failure>),
    /// The file is settled when its last read has come back.
    Ended(Option<F::State>, Outcome<F>),
}

/// Whether the calling worker may run callbacks now.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeSlice {
    Left,
    Over,
}

/// Work for the thread that has changed the state, to be done without the lock.
pub(crate) enum Action<F: Fold> {
    Nothing,
    PostStep,
    RunCallbacks(Option<F::State>, ReadChunk),
}

/// A file that has ended: its reads, the user's state if it is left over, and the outcome.
pub(crate) type Settled<F> = (ReadAhead, Option<<F as Fold>::State>, Outcome<F>);

impl<F: Fold> Reading<F> {
    pub(crate) fn new(reads: ReadAhead) -> Self {
        Self { reads, phase: Phase::Waiting(None) }
    }

    /// Issues all reads that may be issued, and says what is to be done then.
    pub(crate) fn next(&mut self, slice: TimeSlice) -> Action<F> {
        self.issue(Place::Back);
        let Phase::Waiting(state) = &mut self.phase else { return Action::Nothing };
        if slice == TimeSlice::Over && self.reads.window().has_next() {
            self.phase = Phase::Scheduled(state.take());
            return Action::PostStep;
        }
        match self.reads.next_chunk() {
            Ok(None) => Action::Nothing,
            Ok(Some(chunk)) => {
                let state = state.take();
                self.phase = Phase::Running(None);
                Action::RunCallbacks(state, chunk)
            }
            Err(failure) => {
                self.fail(failure);
                Action::Nothing
            }
        }
    }

    fn issue(&mut self, place: Place) {
        let wants_reads = !matches!(self.phase, Phase::Ended(..) | Phase::Running(Some(_)));
        if wants_reads && let Err(failure) = self.reads.issue(place) {
            self.fail(failure);
        }
    }

    /// The posted job has begun.
    pub(crate) fn unschedule(&mut self) {
        if let Phase::Scheduled(state) = &mut self.phase {
            self.phase = Phase::Waiting(state.take());
        }
    }

    /// The file has left the queue for memory, and tries again. True if it has got some or needs
    /// none any more.
    pub(crate) fn retry(&mut self) -> bool {
        let before = self.reads.window().in_flight();
        self.reads.leave_queue();
        self.issue(Place::Front);
        !self.reads.is_waiting() || self.reads.window().in_flight() > before
    }

    /// Callbacks have returned. If the file has failed meanwhile, that failure stays.
    pub(crate) fn callbacks_returned(&mut self, folded: Folded<F>) {
        let Folded { consumed, state, then } = folded;
        self.reads.consume(consumed);
        let outcome = match then {
            Then::More => None,
            Then::Restart => self.reads.restart().err().map(Err),
            Then::Ended(outcome) => Some(outcome),
        };
        match (mem::replace(&mut self.phase, Phase::Waiting(None)), outcome) {
            (Phase::Running(Some(failure)), late) => {
                self.reads.discard(late);
                self.end(state, Err(failure));
            }
            (_, Some(outcome)) => self.end(state, outcome),
            (_, None) => self.phase = Phase::Waiting(state),
        }
    }

    /// The file can't be read on. The first failure stays.
    pub(crate) fn fail(&mut self, failure: Failure) {
        match &mut self.phase {
            Phase::Waiting(state) | Phase::Scheduled(state) => {
                let state = state.take();
                self.end(state, Err(failure));
            }
            Phase::Running(first) => _ = first.get_or_insert(failure),
            Phase::Ended(..) => {}
        }
    }

    fn end(&mut self, state: Option<F::State>, outcome: Outcome<F>) {
        self.phase = Phase::Ended(state, outcome);
        self.reads.close();
    }

    /// Takes the file out of its place once it has ended and all reads have come back.
    pub(crate) fn settle(place: &mut Option<Self>) -> Option<Settled<F>> {
        let is_settled = |reading: &mut Self| {
            matches!(reading.phase, Phase::Ended(..)) && reading.reads.window().in_flight() == 0
        };
        match place.take_if(is_settled)? {
            Self { reads, phase: Phase::Ended(state, outcome) } => Some((reads, state, outcome)),
            _ => None,
        }
    }
}
