//! The ring in which the kernel puts completions, looked at without a system call.
//!
//! Events are taken from it by io_getevents(2) alone; it is only looked at here, to tell whether
//! asking is worth it.
//!
//! Safety: the kernel maps the ring at the address that is the context's name, and unmaps it in
//! `io_destroy`.

#![expect(unsafe_code, reason = "reads memory that the kernel shares")]

use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::sys::aio::aio_context_t;

/// `struct aio_ring` of the kernel's `fs/aio.c`.
#[repr(C)]
struct Header {
    id: u32,
    /// How many events the ring has room for.
    nr: u32,
    /// The next event to take, below `nr`. Written by whoever takes events, which is the kernel.
    head: AtomicU32,
    /// Where the next completion goes, below `nr`. Written by the kernel after the event.
    tail: AtomicU32,
    magic: u32,
    compat_features: u32,
    incompat_features: u32,
    header_length: u32,
}

const _: () = assert!(size_of::<Header>() == 32);

/// `AIO_RING_MAGIC`.
const MAGIC: u32 = 0xa10a_10a1;

pub(crate) struct Ring(NonNull<Header>);

// SAFETY: what it points to is read only, through atomics where the kernel writes.
unsafe impl Send for Ring {}
// SAFETY: as above.
unsafe impl Sync for Ring {}

impl Ring {
    /// The ring of a context, if it is of the layout known here.
    ///
    /// # Safety
    ///
    /// The context was made by `io_setup` in this process; the ring is not used after it has been
    /// destroyed.
    pub(crate) unsafe fn of(context: aio_context_t) -> Option<Self> {
        let address = ptr::with_exposed_provenance_mut::<Header>(usize::try_from(context).ok()?);
        let header = NonNull::new(address).filter(|header| header.is_aligned())?;
        // SAFETY: `aio_setup_ring` maps at least one readable page there, whose first words have
        // been this header since Linux 2.6, and makes its address the context's name.
        let ring = unsafe { header.as_ref() };
        let known = ring.magic == MAGIC
            && ring.incompat_features == 0
            && ring.header_length as usize == size_of::<Header>();
        known.then_some(Self(header))
    }

    /// How many completions can be taken.
    pub(crate) fn ready(&self) -> usize {
        // SAFETY: mapped as long as the context lives, which `of` demands; `nr` never changes, and
        // what does is atomic.
        let ring = unsafe { self.0.as_ref() };
        // They are numbers here, and no event is read because of them: nothing to order.
        let (head, tail) = (ring.head.load(Ordering::Relaxed), ring.tail.load(Ordering::Relaxed));
        let ready = if tail >= head { tail - head } else { (tail + ring.nr).saturating_sub(head) };
        ready as usize
    }
}
