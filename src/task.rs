//! A job as the dispatcher moves it around: buffer and callback behind one pointer.

use std::any::{Any, TypeId};
use std::io;

use crate::completion::{Completion, Operation, is_short};
use crate::engine::{Transfer, decode};
use crate::file::FileHandle;
use crate::target::Target;

/// What the dispatcher has to know of a job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Brief {
    pub(crate) transfer: Transfer,
    pub(crate) requested: usize,
    /// Through the page cache.
    pub(crate) buffered: bool,
    pub(crate) route: Route,
}

/// Where a job goes that is moved into a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// To the engine.
    Engine,
    /// To a worker that looks into the page cache, and from there to another or to the lane.
    Cache,
    /// To a thread of the blocking lane.
    Lane,
    /// To a worker at once.
    Worker,
}

impl Brief {
    pub(crate) fn is_short(&self, res: i64) -> bool {
        is_short(self.transfer.operation, self.requested, &decode(res))
    }
}

/// A job with the types of its buffer and callback forgotten: `R` is what the callback returns.
pub(crate) trait Task<R>: Any + Send {
    fn brief(&self) -> Brief;

    /// Makes a plain transfer ask for no more than this.
    fn limit(&mut self, bytes: usize);

    /// Does the work of a blocking job. What it panics with is kept for `run`.
    fn work(&mut self) {}

    /// Takes note that the file's reads can't be asked not to wait.
    fn not_told_what_is_cached(&self) {}

    /// Runs the callback.
    fn run(self: Box<Self>, result: io::Result<usize>) -> R;

    fn buffer_type(&self) -> TypeId;

    /// Puts the buffer into `place`, an `Option` of the type that `buffer_type` names.
    fn buffer_into(self: Box<Self>, place: &mut dyn Any);
}

/// A job's one allocation.
pub(crate) struct Pending<T, F> {
    target: T,
    callback: F,
    file: FileHandle,
    transfer: Transfer,
    requested: usize,
}

impl<T: Target, F> Pending<T, F> {
    pub(crate) fn prepare(
        operation: Operation,
        file: FileHandle,
        target: T,
        offset: u64,
        callback: F,
    ) -> Box<Self> {
        let nowait = operation.transfers() && file.is_stream();
        let transfer =
            Transfer { operation, fd: file.raw_fd(), address: 0, length: 0, offset, nowait };
        let mut pending = Box::new(Self { target, callback, file, transfer, requested: 0 });
        // Only now does the target stand where it stays until its callback.
        let region = pending.target.region();
        pending.transfer.address = region.address;
        pending.transfer.length = region.length;
        pending.requested = region.requested;
        pending
    }
}

impl<T, F, R> Task<R> for Pending<T, F>
where
    T: Target,
    F: FnOnce(Completion<T::Buffer>) -> R + Send + 'static,
{
    fn brief(&self) -> Brief {
        let operation = self.transfer.operation;
        let buffered = operation.transfers() && self.file.is_buffered();
        let reads = matches!(operation, Operation::Read | Operation::ReadVectored);
        let route = match buffered {
            false => Route::Engine,
            true if reads && self.file.tells_what_is_cached() => Route::Cache,
            true => Route::Lane,
        };
        Brief { transfer: self.transfer, requested: self.requested, buffered, route }
    }

    fn limit(&mut self, bytes: usize) {
        if matches!(self.transfer.operation, Operation::Read | Operation::Write) {
            self.requested = self.requested.min(bytes);
            self.transfer.length = self.transfer.length.min(bytes as u64);
        }
    }

    fn not_told_what_is_cached(&self) {
        self.file.not_told_what_is_cached();
    }

    fn run(self: Box<Self>, result: io::Result<usize>) -> R {
        let Self { target, callback, file, transfer, requested } = *self;
        let buffer = target.into_buffer(result.as_ref().ok().copied());
        callback(Completion {
            operation: transfer.operation,
            file,
            offset: transfer.offset,
            requested,
            buffer,
            result,
        })
    }

    fn buffer_type(&self) -> TypeId {
        TypeId::of::<T::Buffer>()
    }

    fn buffer_into(self: Box<Self>, place: &mut dyn Any) {
        if let Some(place) = place.downcast_mut::<Option<T::Buffer>>() {
            *place = Some(self.target.into_buffer(None));
        }
    }
}
