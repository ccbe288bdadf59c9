//! What a job's operation works on: the buffer's side of a request, one type for each kind.
//!
//! Safety: addresses are given out here only as numbers for a request; the dispatcher keeps the
//! target unmoved in memory terms (its buffers are stable) and untouched until the event is reaped.

#![expect(unsafe_code, reason = "hands buffers to the kernel and takes its byte counts")]

use crate::buffer::{IoBuf, IoBufMut};
use crate::engine::TRANSFER_MAX;

/// What the kernel is told of the memory behind an operation: `aio_buf` and `aio_nbytes`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Region {
    pub(crate) address: u64,
    pub(crate) length: u64,
    /// The bytes that this asks for.
    pub(crate) requested: usize,
}

/// The memory that an operation works on, and how it gets back to the user.
pub(crate) trait Target: Send {
    /// What the user handed in and gets back.
    type Buffer: Send;

    /// Whether the user asked for a range of what is transferred, which is longer for a reason.
    const RANGE: bool = false;

    /// Describes the memory. It stays valid while the target lives and is only moved.
    fn region(&mut self) -> Region;

    /// Describes the memory from `begin` bytes on, with `whole` being what `region` said of it, but
    /// for its length. Calls nothing of the buffer's.
    fn advance(&mut self, whole: Region, begin: usize) -> Region {
        let requested = whole.requested - begin;
        let length = requested.min(TRANSFER_MAX) as u64;
        Region { address: whole.address + begin as u64, length, requested }
    }

    /// Gives the buffer back, with `transferred` bytes in it that the kernel reported, if it did.
    fn into_buffer(self, transferred: Option<usize>) -> Self::Buffer;
}

pub(crate) fn number(pointer: *const u8) -> u64 {
    pointer.expose_provenance() as u64
}

/// One buffer that is read into.
pub(crate) struct ReadInto<B>(pub(crate) B);

impl<B: IoBufMut> Target for ReadInto<B> {
    type Buffer = B;

    fn region(&mut self) -> Region {
        // In this order: the contract begins with the pointer.
        let address = number(self.0.stable_mut_ptr());
        let capacity = self.0.capacity();
        Region { address, length: capacity.min(TRANSFER_MAX) as u64, requested: capacity }
    }

    fn into_buffer(mut self, transferred: Option<usize>) -> B {
        if let Some(count) = transferred {
            // A kernel that reports more than it was asked for would be broken; believing it would
            // show memory that nobody initialised.
            assert!(count <= self.0.capacity(), "the kernel read more than was asked for");
            // SAFETY: at most `capacity`, just checked; the kernel has written these bytes.
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
        let address = number(self.0.stable_ptr());
        let initialised = self.0.initialised();
        Region { address, length: initialised.min(TRANSFER_MAX) as u64, requested: initialised }
    }

    fn into_buffer(self, _transferred: Option<usize>) -> B {
        self.0
    }
}

/// The array of buffers that a vectored operation passes to the kernel, which copies it during the
/// submission.
struct Segments {
    list: Vec<libc::iovec>,
    /// How many of them are behind what the kernel is to have.
    passed: usize,
    /// The one after them as it was, if its front has been cut off.
    whole: Option<libc::iovec>,
}

// SAFETY: the pointers in it are never followed by this program; they are numbers for the kernel,
// and the memory behind them belongs to buffers that are `Send` and travel along.
unsafe impl Send for Segments {}

impl Segments {
    fn new(list: Vec<libc::iovec>) -> Self {
        Self { list, passed: 0, whole: None }
    }

    /// Those that the kernel is to have.
    fn region(&self) -> Region {
        let rest = &self.list[self.passed..];
        let requested = rest.iter().map(|segment| segment.iov_len).fold(0, usize::saturating_add);
        Region { address: number(rest.as_ptr().cast()), length: rest.len() as u64, requested }
    }

    /// Leaves out so many bytes from the beginning of all.
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

/// Several buffers that are read into, one after the other.
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

    fn into_buffer(mut self, transferred: Option<usize>) -> Vec<B> {
        if let Some(mut left) = transferred {
            for buffer in &mut self.buffers {
                let count = left.min(buffer.capacity());
                left -= count;
                // SAFETY: at most `capacity`; the kernel fills the buffers in order, so these
                // bytes of this one are among those that it reports.
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

/// No memory: syncs have none, a poll puts its events where the address would be.
pub(crate) struct NoBuffer {
    pub(crate) events: u64,
}

impl Target for NoBuffer {
    type Buffer = ();

    fn region(&mut self) -> Region {
        Region { address: self.events, length: 0, requested: 0 }
    }

    fn into_buffer(self, _transferred: Option<usize>) {}
}
