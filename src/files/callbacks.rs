//! Runs the user's callbacks for one chunk of a file. No lock is held meanwhile.

use std::ops::ControlFlow;

use crate::files::chunk::Chunk;
use crate::files::error::{Failure, FileOperation};
use crate::files::fold::{Enough, Fold};
use crate::files::info::FileInfo;
use crate::files::read_ahead::ReadChunk;
use crate::files::run_core::RunCore;
use crate::files::window::Next;

/// How a file ended for the user.
pub(crate) type Outcome<F> = Result<<F as Fold>::Output, Failure>;

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
    let ReadChunk { offset, count, lease, next } = chunk;
    let end = offset + count as u64;
    let folded = core.shared.run_user(|| {
        let mut state = state.unwrap_or_else(|| core.fold.begin(info));
        let flow = match count {
            0 => ControlFlow::Continue(()),
            _ => core.fold.chunk(&mut state, Chunk::new(lease, offset), next == Next::End),
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
            let finished = core.shared.run_user(|| core.fold.finish(state, info))?;
            let panicked = |payload| core.panicked(payload, FileOperation::Callback, end);
            (None, Then::Ended(finished.map_err(panicked)))
        }
        (_, Next::More) => (Some(state), Then::More),
        (_, Next::Restart) => (Some(state), Then::Restart),
    };
    Some(Folded { consumed: end, state, then })
}
