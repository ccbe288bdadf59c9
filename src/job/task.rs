//! A job as the dispatcher moves it around: buffer and callback behind one pointer.

use std::any::{Any, TypeId};

use crate::engine::operation::Operation;
use crate::engine::{Transfer, decode};
use crate::file::FileHandle;
use crate::file::owner::FileOwner;
use crate::job::completion::Completion;
use crate::job::poll_events::PollEvents;
use crate::job::progress::{End, Progress};
use crate::job::target::{Region, Target};
use crate::job::ticket::Ticket;

/// What the dispatcher has to know of a job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JobView {
    /// What the kernel is to do: the rest, if a part is done.
    pub(crate) transfer: Transfer,
    pub(crate) progress: Progress,
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
    Blocking,
    /// To a worker at once.
    Worker,
}

impl JobView {
    /// The offset at which the job begins.
    pub(crate) fn offset(&self) -> u64 {
        let Progress { begin, skip, .. } = self.progress;
        self.transfer.offset.wrapping_sub(begin as u64).wrapping_add(skip as u64)
    }

    /// What becomes of the job if it ends with this answer of the kernel.
    pub(crate) fn end(&self, res: i64) -> End {
        self.progress.end(self.transfer.operation, res)
    }
}

/// A job with the types of its buffer and callback forgotten: `R` is what the callback returns.
pub(crate) trait Task<R>: Send {
    fn view(&self) -> JobView;

    /// What its handle knows it by, if it has one.
    fn ticket(&self) -> Option<Ticket> {
        None
    }

    /// Makes a plain transfer ask for no more than this.
    fn limit(&mut self, bytes: usize);

    /// Does the work of a blocking job. What it panics with is kept for `run`.
    fn work(&mut self) {}

    /// Makes a transfer one that is to be completed.
    fn exact(&mut self);

    /// The file, if it is about one.
    fn file(&self) -> Option<&FileHandle>;

    /// Takes note that a transfer's first `done` bytes are done, and makes it ask for what follows
    /// the first `begin`, which are as many or fewer. Calls nothing of the user's.
    fn advance(&mut self, done: usize, begin: usize);

    /// Runs the callback after the kernel's last answer.
    fn run(self: Box<Self>, res: i64) -> R;

    fn buffer_type(&self) -> TypeId
    where
        Self: 'static;

    /// Puts the buffer into `place`, an `Option` of the type that `buffer_type` names.
    fn buffer_into(self: Box<Self>, place: &mut dyn Any)
    where
        Self: 'static;

    /// The same, to be taken for the type that it is.
    fn into_any(self: Box<Self>) -> Box<dyn Any>
    where
        Self: 'static;
}

/// A job's one allocation.
pub(crate) struct Pending<T, F, H = FileHandle> {
    target: T,
    callback: F,
    file: H,
    transfer: Transfer,
    progress: Progress,
}

impl<T: Target, F, H: FileOwner> Pending<T, F, H> {
    pub(crate) fn prepare(
        operation: Operation,
        file: H,
        target: T,
        offset: u64,
        callback: F,
    ) -> Box<Self> {
        let (fd, nowait) =
            (file.handle().raw_fd(), operation.transfers() && file.handle().is_stream());
        let transfer = Transfer { operation, fd, address: 0, length: 0, offset, nowait };
        let progress = Progress::new(0);
        let mut pending = Box::new(Self { target, callback, file, transfer, progress });
        // Only now does the target stand where it stays until its callback.
        let region = pending.target.region();
        pending.transfer.address = region.address;
        pending.transfer.length = region.length;
        pending.progress = Progress::new(region.requested);
        pending
    }

    /// Makes it the job of whoever asked for a part of what is transferred.
    pub(crate) fn select(mut self: Box<Self>, skip: usize, requested: usize) -> Box<Self> {
        (self.progress.skip, self.progress.requested) = (skip, requested);
        self
    }
}

impl<T, F, H, R> Task<R> for Pending<T, F, H>
where
    T: Target,
    H: FileOwner,
    F: FnOnce(Completion<T::Buffer, H>) -> R + Send,
{
    fn view(&self) -> JobView {
        let operation = self.transfer.operation;
        let file = self.file.handle();
        let buffered = operation.transfers() && file.is_buffered();
        let reads = matches!(operation, Operation::Read | Operation::ReadVectored);
        let route = match buffered {
            false => Route::Engine,
            true if reads && file.supports_nowait() => Route::Cache,
            true => Route::Blocking,
        };
        JobView { transfer: self.transfer, progress: self.progress, buffered, route }
    }

    fn limit(&mut self, bytes: usize) {
        let plain = matches!(self.transfer.operation, Operation::Read | Operation::Write);
        if plain && !T::RANGE {
            let requested = self.progress.requested.min(bytes);
            (self.progress.whole, self.progress.requested) = (requested, requested);
            self.transfer.length = self.transfer.length.min(bytes as u64);
        }
    }

    fn exact(&mut self) {
        self.progress.exact = self.transfer.operation.transfers();
    }

    fn file(&self) -> Option<&FileHandle> {
        Some(self.file.handle())
    }

    fn advance(&mut self, done: usize, begin: usize) {
        let Progress { whole, begin: before, .. } = self.progress;
        assert!(begin <= done && done <= whole, "no more is done than was asked for");
        let address = self.transfer.address.wrapping_sub(before as u64);
        let whole = Region { address, length: self.transfer.length, requested: whole };
        let rest = self.target.advance(whole, begin);
        (self.transfer.address, self.transfer.length) = (rest.address, rest.length);
        let offset = self.transfer.offset.wrapping_sub(before as u64);
        self.transfer.offset = offset.wrapping_add(begin as u64);
        (self.progress.done, self.progress.begin) = (done, begin);
    }

    fn run(self: Box<Self>, res: i64) -> R {
        let brief = self.view();
        let (offset, end) = (brief.offset(), brief.end(res));
        let Self { target, callback, file, transfer, progress } = *self;
        let Progress { requested, exact, .. } = progress;
        // A buffer whose read failed is as it was, unless what was read is wanted nevertheless.
        let buffer = target.into_buffer((end.fault.is_none() || exact).then_some(end.filled));
        let operation = transfer.operation;
        callback(Completion {
            operation,
            file,
            offset,
            requested,
            buffer,
            transferred: end.transferred,
            result: match operation {
                Operation::Poll => decode(PollEvents::answer(transfer.address, res)),
                _ if operation.transfers() => end.result(requested),
                _ => decode(res),
            },
        })
    }

    fn buffer_type(&self) -> TypeId
    where
        Self: 'static,
    {
        TypeId::of::<T::Buffer>()
    }

    fn buffer_into(self: Box<Self>, place: &mut dyn Any)
    where
        Self: 'static,
    {
        if let Some(place) = place.downcast_mut::<Option<T::Buffer>>() {
            *place = Some(self.target.into_buffer(None));
        }
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any>
    where
        Self: 'static,
    {
        self
    }
}
