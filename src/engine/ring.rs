//! The ring into which the kernel puts completions, looked at without a system call.
//!
//! Only io_getevents(2) takes events from it. A look here tells whether that call is worth it.
//!
//! Safety: the kernel maps the ring at the address that is the context's name, and unmaps it in
//! `io_destroy`.

#![expect(unsafe_code, reason = "reads memory that the kernel shares")]

use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::sys::aio::aio_context_t;

/// `struct aio_ring` of the kernel's `fs/aio.c`.
#[repr(C)]
struct RingHeader {
    id: u32,
    /// How many events the ring has room for.
    nr: u32,
    /// The next event to take, below `nr`. The kernel writes it, as it takes the events.
    head: AtomicU32,
    /// The place of the next completion, below `nr`. The kernel writes it after the event.
    tail: AtomicU32,
    magic: u32,
    compat_features: u32,
    incompat_features: u32,
    header_length: u32,
}

const _: () = assert!(size_of::<RingHeader>() == 32);

/// `AIO_RING_MAGIC`.
const MAGIC: u32 = 0xa10a_10a1;

pub(crate) struct Ring(NonNull<RingHeader>);

// SAFETY: the header is only read here, through atomics where the kernel writes.
unsafe impl Send for Ring {}
// SAFETY: as above.
unsafe impl Sync for Ring {}

impl Ring {
    /// The ring of a context, if it has the layout that is known here.
    ///
    /// # Safety
    ///
    /// `io_setup` made the context in this process. The ring is not used after the context has been
    /// destroyed.
    pub(crate) unsafe fn of(context: aio_context_t) -> Option<Self> {
        let address =
            ptr::with_exposed_provenance_mut::<RingHeader>(usize::try_from(context).ok()?);
        let header = NonNull::new(address).filter(|header| header.is_aligned())?;
        // SAFETY: `aio_setup_ring` makes the address of the ring the context's name, and maps at
        // least one readable page there. Its first words have been this header since Linux 2.6.
        let ring = unsafe { header.as_ref() };
        let known = ring.magic == MAGIC
            && ring.incompat_features == 0
            && ring.header_length as usize == size_of::<RingHeader>();
        known.then_some(Self(header))
    }

    /// How many completions can be taken.
    pub(crate) fn ready(&self) -> usize {
        // SAFETY: the ring is mapped as long as the context lives, which `of` demands. `nr` never
        // changes, and the fields that change are atomic.
        let ring = unsafe { self.0.as_ref() };
        // Relaxed: no event is read because of these numbers, so there is nothing to order.
        let (head, tail) = (ring.head.load(Ordering::Relaxed), ring.tail.load(Ordering::Relaxed));
        let ready = if tail >= head { tail - head } else { (tail + ring.nr).saturating_sub(head) };
        ready as usize
    }
}
