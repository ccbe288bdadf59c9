//! The task of an operation on a file.

use std::any::Any;

use crate::buffer::IoBufMut;
use crate::engine::operation::Operation;
use crate::engine::{Transfer, decode};
use crate::file::FileHandle;
use crate::file::access::Access;
use crate::file::metadata::FileKind;
use crate::file::owner::FileOwner;
use crate::job::completion::Completion;
use crate::job::poll_events::PollEvents;
use crate::job::progress::{JobEnd, Progress};
use crate::job::ranged::ReadRange;
use crate::job::target::{Region, Target};
use crate::job::task::{Found, JobView, Route, Task, UserTask};

/// The one allocation that such a job takes.
pub(crate) struct FileTask<T, F, H = FileHandle> {
    target: T,
    callback: F,
    file: H,
    view: JobView,
    /// The way that the data takes, if that was found out: the page cache was looked into. After a
    /// look in vain, it stays open for a file that has one way.
    access: Option<Access>,
}

impl<T: Target, F, H: FileOwner> FileTask<T, F, H> {
    pub(crate) fn new(
        operation: Operation,
        file: H,
        target: T,
        offset: u64,
        callback: F,
    ) -> Box<Self> {
        let handle = file.handle();
        let is_write = operation.transfers() && !operation.reads();
        let transfer = Transfer {
            offset,
            nowait: operation.transfers() && handle.must_not_wait(),
            may_raise_sigpipe: is_write
                && matches!(handle.kind(), FileKind::Fifo | FileKind::Socket),
            ..Transfer::new(operation, handle.raw_fd())
        };
        let view = JobView { transfer, progress: Progress::new(0) };
        let mut task = Box::new(Self { target, callback, file, view, access: None });
        // Asked only now: from here to the callback the target is not moved.
        let region = task.target.region();
        task.view.transfer.address = region.address;
        task.view.transfer.length = region.length;
        task.view.progress = Progress::new(region.requested);
        task
    }
}

impl<T, F, H: FileOwner> FileTask<T, F, H> {
    /// Whether it is a read that goes past the page cache.
    fn reads_directly(&self) -> bool {
        let access = self.access.unwrap_or(self.file.handle().access());
        self.view.operation().reads() && access == Access::Direct
    }
}

impl<B: IoBufMut, F, H: FileOwner> FileTask<ReadRange<B>, F, H> {
    /// A read of `len` bytes from `offset` on. On a direct file it reads more on both sides, for
    /// the sake of alignment.
    pub(crate) fn read_range(
        file: H,
        buffer: B,
        offset: u64,
        len: usize,
        callback: F,
    ) -> Box<Self> {
        let span = file.handle().span(offset, len);
        let skip = (offset - span.start) as usize;
        let target = ReadRange::new(buffer, span.end - span.start, skip, len);
        let mut task = Self::new(Operation::Read, file, target, span.start, callback);
        task.view.progress.select(skip, len);
        task
    }
}

impl<T, F, H, R> Task<R> for FileTask<T, F, H>
where
    T: Target,
    H: FileOwner,
    F: FnOnce(Completion<T::Buffer, H>) -> R + Send,
{
    fn view(&self) -> &JobView {
        &self.view
    }

    fn route(&self) -> Route {
        let operation = self.view.operation();
        let file = self.file.handle();
        let is_buffered = match self.access {
            Some(access) => access != Access::Direct,
            None => file.is_buffered(),
        };
        if !(operation.transfers() && is_buffered) {
            return Route::Engine;
        }
        let is_to_look = operation.reads() && self.access != Some(Access::Buffered);
        match file.cache_look() {
            Some(look) if is_to_look => Route::LookInPageCache(look),
            _ => Route::Blocking,
        }
    }

    fn file(&self) -> Option<&FileHandle> {
        Some(self.file.handle())
    }

    fn advance(&mut self, done: usize, begin: usize) {
        let JobView { transfer, progress } = &mut self.view;
        let before = progress.begin() as u64;
        progress.advance(done, begin);
        let whole = Region {
            address: transfer.address.wrapping_sub(before),
            length: transfer.length,
            requested: progress.whole(),
        };
        let rest = self.target.advance(whole, begin);
        (transfer.address, transfer.length) = (rest.address, rest.length);
        transfer.offset = transfer.offset.wrapping_sub(before).wrapping_add(begin as u64);
    }

    fn choose_way(&mut self, found: Found) -> bool {
        let (file, before) = (self.file.handle(), self.access);
        let (direct, buffered) = (file.automatic_direct_fd(), file.buffered_fd());
        let (access, fd) = match (found, direct, buffered) {
            (Found::Cached, ..) => (Some(Access::Cached), None),
            // Where there is one way, the next look may find it.
            (Found::NotCached, None, _) => (None, None),
            (Found::NotCached, Some(direct), _) => {
                let JobView { transfer, progress } = &self.view;
                let is_aligned = self.target.is_aligned(transfer, file.alignment());
                let start = transfer.offset;
                let range = start..start.saturating_add(progress.rest() as u64);
                if is_aligned && !file.was_read(range) {
                    (Some(Access::Direct), Some(direct))
                } else {
                    (Some(Access::Buffered), buffered)
                }
            }
            (Found::NotDirect, _, Some(_)) if self.reads_directly() => {
                (Some(Access::Buffered), buffered)
            }
            (Found::NotDirect, ..) => (before, None),
        };
        self.access = access;
        self.view.transfer.fd = fd.unwrap_or(self.view.transfer.fd);
        self.access != before
    }

    fn run(self: Box<Self>, res: i64, end: JobEnd) -> R {
        let Self { target, callback, file, view, access } = *self;
        let (operation, offset) = (view.operation(), view.offset());
        let JobView { transfer, progress } = view;
        let requested = progress.requested();
        // A failed read leaves the buffer as it was. A failed exact read hands over the bytes that
        // it got.
        let has_bytes = end.fault.is_none() || progress.is_exact();
        let handle = file.handle();
        let has_ways = operation.transfers() && handle.is_stored();
        let access = has_ways.then(|| access.unwrap_or(handle.access()));
        callback(Completion {
            operation,
            access,
            file,
            offset,
            requested,
            buffer: target.into_buffer(has_bytes.then_some(end.filled)),
            transferred: end.transferred,
            result: match operation {
                Operation::Poll => decode(PollEvents::answer(transfer.address, res)),
                _ if operation.transfers() => end.result(requested),
                _ => decode(res),
            },
        })
    }
}

impl<T, F, H, R> UserTask<R> for FileTask<T, F, H>
where
    T: Target,
    H: FileOwner,
    F: FnOnce(Completion<T::Buffer, H>) -> R + Send,
{
    fn limit(&mut self, bytes: usize) {
        let JobView { transfer, progress } = &mut self.view;
        let is_plain = matches!(transfer.operation, Operation::Read | Operation::Write);
        if is_plain && !T::IS_RANGE {
            progress.limit(bytes);
            transfer.length = transfer.length.min(bytes as u64);
        }
    }

    fn exact(&mut self) {
        if self.view.operation().transfers() {
            self.view.progress.make_exact();
        }
    }

    fn take_apart(self: Box<Self>, place: &mut dyn Any) -> Result<(), Box<dyn UserTask<R>>>
    where
        Self: 'static,
    {
        let Some(place) = place.downcast_mut::<Option<T::Buffer>>() else { return Err(self) };
        *place = Some(self.target.into_buffer(None));
        Ok(())
    }
}
