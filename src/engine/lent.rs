//! The memory that a request lends to an engine, for the engines of tests.

#![expect(unsafe_code, reason = "plays the kernel's part: accesses the buffers of jobs")]

use std::ptr;
use std::slice;

use super::Request;
use crate::engine::operation::Operation;

/// The byte that reads put everywhere, if the engine has no contents.
pub(crate) const FILL: u8 = 0x5a;

/// The memory of a read or write. The request has been accepted, and its event has not been
/// returned.
pub(crate) fn lent(request: &Request) -> Vec<(*mut u8, usize)> {
    let address = usize::try_from(request.transfer.address).unwrap();
    let length = usize::try_from(request.transfer.length).unwrap();
    match request.transfer.operation {
        Operation::ReadVectored | Operation::WriteVectored => {
            let list = ptr::with_exposed_provenance::<libc::iovec>(address);
            // SAFETY: the caller of `Engine::submit` lends an array of `length` elements there
            // until the event is returned, which has not happened.
            let list = unsafe { slice::from_raw_parts(list, length) };
            list.iter().map(|segment| (segment.iov_base.cast(), segment.iov_len)).collect()
        }
        _ => vec![(ptr::with_exposed_provenance_mut(address), length)],
    }
}

/// The result of a request that does all it asks for. The request has been accepted, and its event
/// has not been returned.
pub(crate) fn whole(request: &Request) -> usize {
    match request.transfer.operation {
        Operation::Poll => 1,
        operation if operation.transfers() => lent(request).iter().map(|&(_, length)| length).sum(),
        _ => 0,
    }
}

/// Fills the first `count` bytes of a read. The request has been accepted, and its event has not
/// been returned.
pub(crate) fn fill(request: &Request, count: usize) {
    if !request.transfer.operation.reads() {
        return;
    }
    let mut left = count;
    for (address, length) in lent(request) {
        let part = left.min(length);
        // SAFETY: the caller of `Engine::submit` lends this memory for writing until the event is
        // returned, which has not happened.
        unsafe { address.write_bytes(FILL, part) };
        left -= part;
    }
}
