//! The buffers of the crate bytes: `Bytes` for writes, `BytesMut` for reads too.
//!
//! Safety: both are handles of a heap block, or of somebody's memory that `Bytes` keeps, which
//! stays where it is while the handle is moved, and for as long as one of its handles exists.

#![expect(unsafe_code, reason = "the contract between buffers and the kernel")]

use bytes::{Bytes, BytesMut};

use crate::buffer::{IoBuf, IoBufMut};

// SAFETY: the memory stays where it is as long as this handle exists, and to leak the handle is to
// leak the memory. Its bytes are shared, so nobody changes them.
unsafe impl IoBuf for Bytes {
    fn stable_ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn initialised(&self) -> usize {
        self.len()
    }
}

// SAFETY: the block stays where it is until the handle is asked to grow. Other handles of the block
// have other parts of it, so this part changes only through this handle. To leak the handle is to
// leak the block. `len` of its bytes are initialised.
unsafe impl IoBuf for BytesMut {
    fn stable_ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn initialised(&self) -> usize {
        self.len()
    }
}

// SAFETY: as above; this handle's part of the block has `capacity` bytes, and grows only if the
// handle is asked to.
unsafe impl IoBufMut for BytesMut {
    fn stable_mut_ptr(&mut self) -> *mut u8 {
        let len = self.len();
        // While the length is 0, this pointer is one for the whole capacity. That of the contents
        // is good for their length alone.
        self.clear();
        let start = self.spare_capacity_mut().as_mut_ptr().cast();
        // SAFETY: that was its length, and nothing has been written since.
        unsafe { self.set_len(len) };
        start
    }

    fn capacity(&self) -> usize {
        self.capacity()
    }

    unsafe fn set_filled(&mut self, count: usize) {
        // SAFETY: the caller has at most `capacity` bytes, and these are initialised.
        unsafe { self.set_len(count) };
    }
}
