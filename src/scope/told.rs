//! A scoped job whose callback's value goes to a handle.

use std::any::{Any, TypeId};
use std::mem::MaybeUninit;
use std::sync::Arc;

use super::headcount::Headcount;
use crate::file::FileHandle;
use crate::spawned::Promise;
use crate::task::{Brief, Task};
use crate::ticket;
use crate::unwind::{PanicSink, catch, discard};
use crate::wait::delivery::End;

/// A scoped job that was spawned. What [`Spawned`](crate::spawned::Spawned) is to others, but that
/// neither the job nor the value need be `'static`, and that the scope hears of panics.
pub(super) struct Told<'a, R> {
    pub(super) inner: Box<dyn Task<R> + 'a>,
    pub(super) promise: Promise<R>,
    pub(super) panics: Arc<PanicSink>,
    pub(super) jobs: Arc<Headcount>,
}

impl<R> Told<'_, R> {
    /// The memory for one.
    pub(super) fn place() -> Box<MaybeUninit<Self>> {
        Box::new_uninit()
    }
}

impl<R: Send> Task<()> for Told<'_, R> {
    fn brief(&self) -> Brief {
        self.inner.brief()
    }

    fn ticket(&self) -> Option<ticket::Ticket> {
        Some(ticket::Ticket::of(&self.promise.0))
    }

    fn limit(&mut self, bytes: usize) {
        self.inner.limit(bytes);
    }

    fn work(&mut self) {
        self.inner.work();
    }

    fn exact(&mut self) {
        self.inner.exact();
    }

    fn file(&self) -> Option<&FileHandle> {
        self.inner.file()
    }

    fn advance(&mut self, done: usize, begin: usize) {
        self.inner.advance(done, begin);
    }

    fn run(self: Box<Self>, res: i64) {
        let brief = self.inner.brief();
        let Self { inner, promise, panics, jobs } = *self;
        match catch(|| inner.run(res)) {
            // Without a handle the value is dropped at the end of this, by the scope's job still.
            Ok(value) => promise.end(End::Returned(value)),
            Err(payload) => {
                panics.report(&payload, brief.transfer.operation, brief.offset());
                // Before a handle can take it.
                jobs.panicked();
                promise.end(End::Panicked(payload));
                // Without a handle this drops the payload, whose panic would be a second one.
                if let Err(second) = catch(|| drop(promise)) {
                    discard(second);
                }
            }
        }
    }

    fn buffer_type(&self) -> TypeId
    where
        Self: 'static,
    {
        self.inner.buffer_type()
    }

    fn buffer_into(self: Box<Self>, place: &mut dyn Any)
    where
        Self: 'static,
    {
        let Self { inner, .. } = *self;
        inner.buffer_into(place);
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any>
    where
        Self: 'static,
    {
        self
    }
}
