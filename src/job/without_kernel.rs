//! Jobs that the kernel has no part in: work of the program's own, and a callback for its value.

use std::any::{Any, TypeId};
use std::mem;
use std::panic::resume_unwind;

use crate::engine::Transfer;
use crate::engine::operation::Operation;
use crate::file::FileHandle;
use crate::job::progress::Progress;
use crate::job::task::{JobView, Route, Task};
use crate::unwind::{Payload, catch};

/// A blocking job, or a nop, which is one whose work is done from the beginning.
pub(crate) struct PureTask<W, V, F> {
    operation: Operation,
    stage: Stage<W, V>,
    callback: F,
}

enum Stage<W, V> {
    Todo(W),
    Done(V),
    Panicked(Payload),
    /// Only while the work runs, and in a child that it forked.
    Begun,
}

impl<V, F> PureTask<fn() -> V, V, F> {
    pub(crate) fn nop(value: V, callback: F) -> Self {
        Self { operation: Operation::Nop, stage: Stage::Done(value), callback }
    }
}

impl<W, V, F> PureTask<W, V, F> {
    pub(crate) fn blocking(work: W, callback: F) -> Self {
        Self { operation: Operation::Blocking, stage: Stage::Todo(work), callback }
    }
}

impl<W, V, F, R> Task<R> for PureTask<W, V, F>
where
    W: FnOnce() -> V + Send,
    V: Send,
    F: FnOnce(V) -> R + Send,
{
    fn view(&self) -> JobView {
        let route = match self.operation {
            Operation::Nop => Route::Worker,
            _ => Route::Blocking,
        };
        let operation = self.operation;
        let transfer =
            Transfer { operation, fd: -1, address: 0, length: 0, offset: 0, nowait: false };
        JobView { transfer, progress: Progress::new(0), buffered: false, route }
    }

    fn limit(&mut self, _bytes: usize) {}

    fn work(&mut self) {
        self.stage = match mem::replace(&mut self.stage, Stage::Begun) {
            Stage::Todo(work) => match catch(work) {
                Ok(value) => Stage::Done(value),
                Err(payload) => Stage::Panicked(payload),
            },
            other => other,
        };
    }

    fn exact(&mut self) {}

    fn file(&self) -> Option<&FileHandle> {
        None
    }

    fn advance(&mut self, _done: usize, _begin: usize) {}

    fn run(self: Box<Self>, _res: i64) -> R {
        let Self { stage, callback, .. } = *self;
        match stage {
            Stage::Done(value) => callback(value),
            // There is no thread of the lane.
            Stage::Todo(work) => callback(work()),
            Stage::Panicked(payload) => {
                // Not while the panic unwinds: its destructor is users' code and may panic too.
                drop(callback);
                resume_unwind(payload)
            }
            Stage::Begun => unreachable!("work ends before its job is sent on"),
        }
    }

    fn buffer_type(&self) -> TypeId {
        TypeId::of::<()>()
    }

    fn buffer_into(self: Box<Self>, place: &mut dyn Any) {
        if let Some(place) = place.downcast_mut::<Option<()>>() {
            *place = Some(());
        }
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any>
    where
        Self: 'static,
    {
        self
    }
}
