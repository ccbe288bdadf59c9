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
use crate::job::progress::JobEnd;
use crate::job::ranged::ReadRange;
use crate::job::target::{Region, Target};
use crate::job::task::{Found, JobHead, Route, Task, UserTask};

/// The one allocation that such a job takes.
pub(crate) struct FileTask<T, F, H = FileHandle> {
    target: T,
    callback: F,
    file: H,
    head: JobHead,
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
        // Allocated first, so that it is written in its place.
        let place = Box::new_uninit();
        let handle = file.handle();
        let is_write = operation.transfers() && !operation.reads();
        let transfer = Transfer {
            offset,
            nowait: operation.transfers() && handle.must_not_wait(),
            may_raise_sigpipe: is_write
                && matches!(handle.kind(), FileKind::Fifo | FileKind::Socket),
            ..Transfer::new(operation, handle.raw_fd())
        };
        let head = JobHead::new(transfer);
        let mut task = Box::write(place, Self { target, callback, file, head, access: None });
        // Asked only now: from here to the callback the target is not moved.
        let region = task.target.region();
        let JobHead { transfer, progress, .. } = &mut task.head;
        (transfer.address, transfer.length) = (region.address, region.length);
        progress.request(region.requested);
        task
    }
}

impl<T, F, H: FileOwner> FileTask<T, F, H> {
    /// Whether it is a read that goes past the page cache.
    fn reads_directly(&self) -> bool {
        let access = self.access.unwrap_or(self.file.handle().access());
        self.head.operation().reads() && access == Access::Direct
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
        task.head.progress.select(skip, len);
        task
    }
}

impl<T, F, H, R> Task<R> for FileTask<T, F, H>
where
    T: Target,
    H: FileOwner,
    F: FnOnce(Completion<T::Buffer, H>) -> R + Send,
{
    #[inline]
    fn head(&self) -> &JobHead {
        &self.head
    }

    #[inline]
    fn head_mut(&mut self) -> &mut JobHead {
        &mut self.head
    }

    fn route(&self) -> Route {
        let operation = self.head.operation();
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
        let JobHead { transfer, progress, .. } = &mut self.head;
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
                let JobHead { transfer, progress, .. } = &self.head;
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
        self.head.transfer.fd = fd.unwrap_or(self.head.transfer.fd);
        self.access != before
    }

    fn run(self: Box<Self>, end: JobEnd) -> R {
        let Self { target, callback, file, head, access } = *self;
        let (operation, offset) = (head.operation(), head.offset());
        let JobHead { transfer, progress, .. } = head;
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
                Operation::Poll => decode(PollEvents::answer(transfer.address, end.res)),
                _ if operation.transfers() => end.result(requested),
                _ => decode(end.res),
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
        let JobHead { transfer, progress, .. } = &mut self.head;
        let is_plain = matches!(transfer.operation, Operation::Read | Operation::Write);
        if is_plain && !T::IS_RANGE {
            progress.limit(bytes);
            transfer.length = transfer.length.min(bytes as u64);
        }
    }

    fn exact(&mut self) {
        if self.head.operation().transfers() {
            self.head.progress.make_exact();
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
