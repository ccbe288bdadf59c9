//! How a stream ends: with a result or a failure, once its last read is back.

use std::io;
use std::sync::Arc;

use crate::files::error::{FileError, FileErrorKind, FileOperation};
use crate::files::fold::Fold;
use crate::files::policy::Access;
use crate::files::run::Processed;
use crate::files::stream::{Guard, Inner, Stream};
use crate::unwind::{Payload, catch};

/// Why a file was not read to its end.
pub(super) struct Failure {
    pub(super) operation: FileOperation,
    pub(super) kind: FileErrorKind,
    pub(super) source: io::Error,
}

impl<F: Fold> Stream<F> {
    pub(super) fn halt_reason(&self) -> (FileErrorKind, io::Error) {
        self.work.halted().unwrap_or_else(|| {
            (FileErrorKind::ShutDown, io::Error::other("the dispatcher was shut down"))
        })
    }

    /// Ends it for want of a dispatcher, or of a run.
    pub(super) fn give_up(self: &Arc<Self>, mut inner: Guard<'_, F>) {
        let (kind, reason) = self.halt_reason();
        inner.fail(FileOperation::Read, kind, reason);
        self.settle(inner);
    }

    pub(super) fn panicked(&self, payload: Payload, offset: u64) -> Failure {
        let source = self.work.panicked(payload, offset);
        Failure { operation: FileOperation::Callback, kind: FileErrorKind::Panicked, source }
    }

    /// The user's functions are done with the file. A state that none of them has taken is dropped
    /// before the result is delivered.
    pub(super) fn end(
        self: &Arc<Self>,
        state: Option<F::State>,
        outcome: Result<F::Output, Failure>,
    ) -> bool {
        let mut inner = self.lock();
        inner.busy = false;
        inner.state = state;
        let stale = inner.window.close();
        if inner.outcome.is_none() {
            inner.outcome = Some(outcome);
        }
        self.settle(inner);
        drop(stale);
        false
    }

    /// If it has ended and no read is under way any more, closes the file and delivers the result.
    pub(super) fn settle(self: &Arc<Self>, mut inner: Guard<'_, F>) {
        let idle = !inner.busy && inner.window.in_flight() == 0;
        if inner.outcome.is_none() || inner.settled || !idle {
            return;
        }
        inner.settled = true;
        let (file, fallback) = (inner.file.take(), inner.fallback.take());
        let (stale, state) = (inner.window.close(), inner.state.take());
        let bytes = inner.window.passed();
        let outcome = inner.outcome.take().expect("just seen");
        drop(inner);
        let mut access = Access::Buffered;
        // All that it held is given back before another takes its place.
        if let Some(file) = file {
            if file.is_direct() {
                access = Access::Direct;
            }
            self.work.close_file(file);
        }
        drop(stale);
        if let Err(payload) = catch(|| drop(state)) {
            self.work.panicked(payload, bytes);
        }
        let (index, path, size) = (self.info.index(), self.info.path().to_owned(), self.size);
        let result = match outcome {
            Ok(value) => Ok(Processed { index, path, value, bytes, size, access, fallback }),
            Err(Failure { operation, kind, source }) => {
                Err(FileError { index, path, operation, offset: bytes, source, kind })
            }
        };
        self.work.put(index, result);
        self.work.more();
    }
}

impl<F: Fold> Inner<F> {
    pub(super) fn fail(
        &mut self,
        operation: FileOperation,
        kind: FileErrorKind,
        source: io::Error,
    ) {
        if self.outcome.is_none() {
            self.outcome = Some(Err(Failure { operation, kind, source }));
        }
    }
}

impl Failure {
    pub(super) fn read(source: io::Error) -> Self {
        Self { operation: FileOperation::Read, kind: FileErrorKind::Io, source }
    }
}
