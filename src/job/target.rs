//! Targets: the buffer's side of a request, one type for each kind of operation.
//!
//! Safety: addresses are given out here only as numbers for a request. The dispatcher keeps the
//! target until the request's event has been reaped, and touches it only then. Buffers keep their
//! memory in place meanwhile.

#![expect(unsafe_code, reason = "hands buffers to the kernel and takes its byte counts")]

use crate::buffer::{IoBuf, IoBufMut};
use crate::engine::{TRANSFER_MAX, Transfer};
use crate::file::alignment::Alignment;
use crate::job::poll_events::PollEvents;

/// The memory behind an operation as a request describes it: `aio_buf` and `aio_nbytes`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Region {
    pub(crate) address: u64,
    pub(crate) length: u64,
    /// The number of bytes that this asks for.
    pub(crate) requested: usize,
}

/// The memory that an operation works on, and the way it gets back to the user.
pub(crate) trait Target: Send {
    /// The type that the user handed in and gets back.
    type Buffer: Send;

    /// Whether more is transferred than the user asked for.
    const IS_RANGE: bool = false;

    /// Describes the memory. The description stays valid while the target lives, also when it is
    /// moved.
    fn region(&mut self) -> Region;

    /// Describes the memory from `begin` bytes on. `whole` is the answer of `region`, but for its
    /// length. Calls no method of the buffer.
    fn advance(&mut self, whole: Region, begin: usize) -> Region {
        let requested = whole.requested - begin;
        let length = requested.min(TRANSFER_MAX) as u64;
        Region { address: whole.address + begin as u64, length, requested }
    }

    /// Whether the memory, and offset and length of this transfer, have an alignment.
    fn is_aligned(&self, transfer: &Transfer, alignment: Alignment) -> bool {
        alignment.holds(transfer.offset, transfer.address, transfer.length)
    }

    /// Gives the buffer back, with the number of bytes that the kernel reported, if it reported
    /// any.
    fn into_buffer(self, transferred: Option<usize>) -> Self::Buffer;
}

/// The number that stands for a buffer's address in a request.
pub(crate) fn expose(pointer: *const u8) -> u64 {
    pointer.expose_provenance() as u64
}

/// One buffer that is read into.
pub(crate) struct ReadInto<B>(pub(crate) B);

impl<B: IoBufMut> Target for ReadInto<B> {
    type Buffer = B;

    fn region(&mut self) -> Region {
        // Before `capacity`, as the contract of `IoBufMut` begins with the pointer.
        let address = expose(self.0.stable_mut_ptr());
        let capacity = self.0.capacity();
        Region { address, length: capacity.min(TRANSFER_MAX) as u64, requested: capacity }
    }

    fn into_buffer(mut self, transferred: Option<usize>) -> B {
        if let Some(count) = transferred {
            // A kernel that reports more than it was asked for would be broken. To believe it would
            // expose memory that nobody has initialised.
            assert!(count <= self.0.capacity(), "the kernel read more than was asked for");
            // SAFETY: `count` is at most `capacity`, as just checked, and the kernel has written
            // these bytes.
            unsafe { self.0.set_filled(count) };
        }
        self.0
    }
}

/// One buffer that is written out.
pub(crate) struct WriteFrom<B>(pub(crate) B);

impl<B: IoBuf> Target for WriteFrom<B> {
    type Buffer = B;

    fn region(&mut self) -> Region {
        let address = expose(self.0.stable_ptr());
        let initialised = self.0.initialised();
        Region { address, length: initialised.min(TRANSFER_MAX) as u64, requested: initialised }
    }

    fn into_buffer(self, _transferred: Option<usize>) -> B {
        self.0
    }
}

/// The array of segments that a vectored operation passes to the kernel, which copies it during the
/// submission.
struct Segments {
    list: Vec<libc::iovec>,
    /// How many segments at the front are done.
    passed: usize,
    /// The segment after them as it was, if its front has been cut off.
    whole: Option<libc::iovec>,
}

// SAFETY: this program never follows the pointers in it. They are numbers for the kernel, and the
// memory behind them belongs to buffers that are `Send` and travel along.
unsafe impl Send for Segments {}

impl Segments {
    fn new(list: Vec<libc::iovec>) -> Self {
        Self { list, passed: 0, whole: None }
    }

    /// Describes the segments that the kernel is to have.
    fn region(&self) -> Region {
        let rest = &self.list[self.passed..];
        let requested = rest.iter().map(|segment| segment.iov_len).fold(0, usize::saturating_add);
        Region { address: expose(rest.as_ptr().cast()), length: rest.len() as u64, requested }
    }

    /// Leaves out the first `begin` bytes of the whole array.
    fn advance(&mut self, begin: usize) -> Region {
        if let Some(whole) = self.whole.take() {
            self.list[self.passed] = whole;
        }
        let mut cut = begin;
        let covers = |segment: &&libc::iovec| {
            let all = segment.iov_len <= cut;
            cut -= if all { segment.iov_len } else { 0 };
            all
        };
        self.passed = self.list.iter().take_while(covers).count();
        if let Some(segment) = self.list.get_mut(self.passed) {
            self.whole = Some(*segment);
            segment.iov_base = segment.iov_base.map_addr(|address| address + cut);
            segment.iov_len -= cut;
        }
        self.region()
    }
}

/// Several buffers that are read into, each before the next.
pub(crate) struct ReadIntoEach<B> {
    buffers: Vec<B>,
    segments: Segments,
}

impl<B: IoBufMut> ReadIntoEach<B> {
    pub(crate) fn new(mut buffers: Vec<B>) -> Self {
        let segment = |buffer: &mut B| libc::iovec {
            iov_base: buffer.stable_mut_ptr().cast(),
            iov_len: buffer.capacity(),
        };
        let segments = Segments::new(buffers.iter_mut().map(segment).collect());
        Self { buffers, segments }
    }
}

impl<B: IoBufMut> Target for ReadIntoEach<B> {
    type Buffer = Vec<B>;

    fn region(&mut self) -> Region {
        self.segments.region()
    }

    fn advance(&mut self, _whole: Region, begin: usize) -> Region {
        self.segments.advance(begin)
    }

    fn is_aligned(&self, transfer: &Transfer, alignment: Alignment) -> bool {
        self.segments.list.iter().all(|segment| {
            let (address, length) = (segment.iov_base.addr() as u64, segment.iov_len as u64);
            alignment.holds(transfer.offset, address, length)
        })
    }

    fn into_buffer(mut self, transferred: Option<usize>) -> Vec<B> {
        if let Some(mut left) = transferred {
            for buffer in &mut self.buffers {
                let count = left.min(buffer.capacity());
                left -= count;
                // SAFETY: `count` is at most `capacity`. The kernel fills the buffers in order, so
                // these bytes of this buffer are among those that it reports.
                unsafe { buffer.set_filled(count) };
            }
            assert_eq!(left, 0, "the kernel read more than was asked for");
        }
        self.buffers
    }
}

/// Several buffers that are written out, one after the other.
pub(crate) struct WriteFromEach<B> {
    buffers: Vec<B>,
    segments: Segments,
}

impl<B: IoBuf> WriteFromEach<B> {
    pub(crate) fn new(buffers: Vec<B>) -> Self {
        let segment = |buffer: &B| libc::iovec {
            iov_base: buffer.stable_ptr().cast_mut().cast(),
            iov_len: buffer.initialised(),
        };
        let segments = Segments::new(buffers.iter().map(segment).collect());
        Self { buffers, segments }
    }
}

impl<B: IoBuf> Target for WriteFromEach<B> {
    type Buffer = Vec<B>;

    fn region(&mut self) -> Region {
        self.segments.region()
    }

    fn advance(&mut self, _whole: Region, begin: usize) -> Region {
        self.segments.advance(begin)
    }

    fn into_buffer(self, _transferred: Option<usize>) -> Vec<B> {
        self.buffers
    }
}

/// No memory. A poll has its events where the address would be.
pub(crate) struct NoBuffer {
    events: u64,
}

impl NoBuffer {
    pub(crate) fn of_sync() -> Self {
        Self { events: 0 }
    }

    pub(crate) fn of_poll(events: PollEvents) -> Self {
        Self { events: u64::from(events.bits()) }
    }
}

impl Target for NoBuffer {
    type Buffer = ();

    fn region(&mut self) -> Region {
        Region { address: self.events, length: 0, requested: 0 }
    }

    fn into_buffer(self, _transferred: Option<usize>) {}
}
