//! The user's callbacks for the chunks of one file, and the state of the file between its reads and
//! the callbacks, which its owner keeps under a lock. No lock is held while a callback runs.

use std::mem;
use std::ops::ControlFlow;

use crate::files::chunk::Chunk;
use crate::files::consumer::Consumer;
use crate::files::error::{Failure, FileOperation};
use crate::files::fold::{Enough, Fold};
use crate::files::info::FileInfo;
use crate::files::run_core::RunCore;
use crate::streams::budget::Place;
use crate::streams::read_ahead::{ReadAhead, ReadChunk};
use crate::streams::window::Next;

/// How a file ended for the user.
pub(crate) type Outcome<F> = Result<<F as Consumer>::Output, Failure>;

/// The outcome of the callbacks for one chunk.
pub(crate) struct Folded<F: Fold> {
    /// The file is consumed up to this offset.
    pub(crate) consumed: u64,
    /// `None` if a callback has taken it.
    pub(crate) state: Option<F::State>,
    pub(crate) then: Then<F>,
}

/// How a file goes on after a chunk.
pub(crate) enum Then<F: Fold> {
    More,
    /// The file has changed: everything that was not consumed has to be read again.
    Restart,
    /// All of the file is wanted in one chunk, of which there was a part.
    ReadAll(usize),
    Ended(Outcome<F>),
}

/// Runs `begin` if there is no state yet, then `chunk`, and then `finish` if the file ends there.
/// `None` in a child process that one of them has forked.
pub(crate) fn fold_chunk<F: Fold>(
    core: &RunCore<F>,
    info: &FileInfo,
    state: Option<F::State>,
    chunk: ReadChunk,
) -> Option<Folded<F>> {
    let ReadChunk { offset, count, buffer, next } = chunk;
    let end = offset + count as u64;
    let folded = core.shared.run_user(|| {
        let mut state = state.unwrap_or_else(|| core.consumer.begin(info));
        let flow = match count {
            0 => ControlFlow::Continue(()),
            _ => core.consumer.chunk(&mut state, Chunk::new(buffer, offset)),
        };
        (state, flow)
    })?;
    let (state, flow) = match folded {
        Ok(folded) => folded,
        Err(payload) => {
            let failure = core.panicked(payload, FileOperation::Callback, offset);
            return Some(Folded { consumed: offset, state: None, then: Then::Ended(Err(failure)) });
        }
    };
    let (state, then) = match (flow, next) {
        (ControlFlow::Break(Enough::TooLarge(limit)), _) => {
            (Some(state), Then::Ended(Err(Failure::too_large(end, limit))))
        }
        (ControlFlow::Break(Enough::Satisfied), _) | (_, Next::End) => {
            let finished = core.shared.run_user(|| core.consumer.finish(state, info))?;
            let panicked = |payload| core.panicked(payload, FileOperation::Callback, end);
            (None, Then::Ended(finished.map_err(panicked)))
        }
        (_, Next::More) => (Some(state), Then::More),
        (_, Next::Restart) => (Some(state), Then::Restart),
    };
    Some(Folded { consumed: end, state, then })
}

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
            Err(error) => {
                self.fail(Failure::of_stream(error));
                Action::Nothing
            }
        }
    }

    fn issue(&mut self, place: Place) {
        let wants_reads = !matches!(self.phase, Phase::Ended(..) | Phase::Running(Some(_)));
        if wants_reads && let Err(error) = self.reads.issue(place) {
            self.fail(Failure::of_stream(error));
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
            Then::Restart => {
                self.reads.restart();
                None
            }
            Then::ReadAll(part) => {
                self.reads.read_all(part);
                None
            }
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
