//! A stream's chunks on their way through the user's functions, and what happens when they are not
//! what they should be.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use crate::file::FileHandle;
use crate::files::budget::{Lease, Turn};
use crate::files::chunk::Chunk;
use crate::files::ending::Failure;
use crate::files::error::{FileErrorKind, FileOperation};
use crate::files::fold::{Enough, Fold};
use crate::files::pull::too_large;
use crate::files::stats::Counters;
use crate::files::stream::{Guard, Inner, Stream};
use crate::files::window::{Arrival, Next, Part};
use crate::files::work::TURN;
use crate::unwind::catch;

impl<F: Fold> Stream<F> {
    /// Hands on what has come, for a while.
    pub(super) fn go_on<'a>(self: &'a Arc<Self>, mut inner: Guard<'a, F>) {
        let begin = Instant::now();
        loop {
            if inner.busy || inner.outcome.is_some() {
                return self.settle(inner);
            }
            let Some(Arrival { part, result }) = inner.window.take() else {
                return self.settle(inner);
            };
            inner.busy = true;
            let state = inner.state.take();
            drop(inner);
            let again = match result {
                Ok((count, lease)) => self.hand_on(state, part, count, lease),
                Err(error) => self.recover(state, error),
            };
            if !again {
                return;
            }
            if begin.elapsed() > TURN {
                return Arc::clone(self).step_elsewhere();
            }
            inner = self.lock();
            inner.busy = false;
        }
    }

    /// Runs the user's functions for a chunk. True if the next has come, and is the caller's to hand
    /// on.
    fn hand_on(
        self: &Arc<Self>,
        state: Option<F::State>,
        part: Part,
        count: usize,
        lease: Lease,
    ) -> bool {
        let fold = &self.work.fold;
        self.work.look_for_shutdown();
        if let Some((kind, source)) = self.work.halted() {
            drop(lease);
            return self.end(state, Err(Failure { operation: FileOperation::Read, kind, source }));
        }
        let last = self.lock().window.is_last(part, count);
        self.work.counts.add_bytes(count);
        let ran = catch(|| {
            let mut state = state.unwrap_or_else(|| fold.begin(&self.info));
            let mut flow = ControlFlow::Continue(());
            if count > 0 {
                flow = fold.chunk(&mut state, Chunk::new(lease, part.offset), last);
            }
            (state, flow)
        });
        if self.work.layer.pipeline.is_forked() {
            // This is the child's copy of a worker, which ends here; all else is the parent's.
            std::mem::forget(ran);
            return false;
        }
        let (state, flow) = match ran {
            Ok(ran) => ran,
            Err(payload) => return self.end(None, Err(self.panicked(payload, part.offset))),
        };
        let mut inner = self.lock();
        let next = inner.window.pass(part, count);
        match (flow, next) {
            (ControlFlow::Break(Enough::TooLarge(limit)), _) => {
                let source = too_large(inner.window.passed(), limit);
                drop(inner);
                let (operation, kind) = (FileOperation::Read, FileErrorKind::TooLarge);
                self.end(Some(state), Err(Failure { operation, kind, source }))
            }
            (ControlFlow::Break(Enough::Satisfied), _) | (_, Next::End) => {
                drop(inner);
                let finished = catch(|| fold.finish(state, &self.info));
                let offset = part.offset + count as u64;
                self.end(None, finished.map_err(|payload| self.panicked(payload, offset)))
            }
            (_, Next::More) => self.carry_on(inner, state),
            (_, Next::Anew) => {
                Counters::add(&self.work.layer.counters.restarts);
                let stale = inner.window.restart();
                let reason = inner
                    .needs_buffered()
                    .then(|| io::Error::other("the file was changed: its end is not where it was"));
                let again =
                    match reason.map_or(Ok(()), |reason| self.use_page_cache(&mut inner, reason)) {
                        Ok(()) => self.carry_on(inner, state),
                        Err(error) => {
                            drop(inner);
                            self.end(Some(state), Err(Failure::read(error)))
                        }
                    };
                drop(stale);
                again
            }
        }
    }

    /// Goes on after a chunk, as `hand_on`.
    fn carry_on(self: &Arc<Self>, mut inner: Guard<'_, F>, state: F::State) -> bool {
        inner.state = Some(state);
        let lost = self.read_ahead(&mut inner, Turn::Last);
        let again = inner.window.has_next();
        inner.busy = again;
        self.settle(inner);
        drop(lost);
        again
    }

    /// A read failed. If that may be because it was direct, it is done again through the page cache.
    fn recover(self: &Arc<Self>, state: Option<F::State>, error: io::Error) -> bool {
        let mut inner = self.lock();
        let is_direct = inner.file.as_ref().is_some_and(FileHandle::is_direct);
        let refused = matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EOPNOTSUPP));
        let result = match is_direct && refused {
            true => self.use_page_cache(&mut inner, error),
            false => Err(error),
        };
        if let Err(error) = result {
            drop(inner);
            return self.end(state, Err(Failure::read(error)));
        }
        let stale = inner.window.restart();
        inner.state = state;
        let lost = self.read_ahead(&mut inner, Turn::Last);
        let again = inner.window.has_next();
        inner.busy = again;
        self.settle(inner);
        drop((stale, lost));
        again
    }

    /// Turns direct I/O off, for good.
    fn use_page_cache(&self, inner: &mut Inner<F>, reason: io::Error) -> io::Result<()> {
        if let Some(file) = &inner.file {
            inner.file = Some(file.with_direct(false)?);
            Counters::add(&self.work.layer.counters.fallbacks);
            inner.fallback = Some(reason);
        }
        Ok(())
    }
}

impl<F: Fold> Inner<F> {
    /// Whether the next read would begin where direct I/O can't.
    fn needs_buffered(&self) -> bool {
        self.file.as_ref().is_some_and(|file| {
            file.is_direct() && !self.window.passed().is_multiple_of(file.alignment().offset)
        })
    }
}
