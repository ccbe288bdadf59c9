//! The kernel's AIO interface: two structures and five system calls, as in `linux/aio_abi.h`.
//!
//! Safety: no other file calls the kernel for AIO. Each function is one system call. Its comments
//! say what the kernel reads or writes through the arguments.

#![expect(unsafe_code, reason = "raw system calls")]

use std::ffi::{c_int, c_long, c_ulong};
use std::mem::{MaybeUninit, offset_of, size_of};
use std::time::Duration;
use std::{ptr, slice};

use crate::sys::call::{Errno, checked};

/// `aio_context_t`: an address in this process, valid only in the memory map that made it.
pub(crate) type aio_context_t = c_ulong;

pub(crate) const IOCB_CMD_PREAD: u16 = 0;
pub(crate) const IOCB_CMD_PWRITE: u16 = 1;
pub(crate) const IOCB_CMD_FSYNC: u16 = 2;
pub(crate) const IOCB_CMD_FDSYNC: u16 = 3;
pub(crate) const IOCB_CMD_POLL: u16 = 5;
pub(crate) const IOCB_CMD_PREADV: u16 = 7;
pub(crate) const IOCB_CMD_PWRITEV: u16 = 8;

/// The kernel adds 1 to the eventfd in `aio_resfd` when the event is in the ring.
pub(crate) const IOCB_FLAG_RESFD: u32 = 1;

/// One request. The kernel copies it during `io_submit` and keeps only its address, which comes
/// back as `io_event::obj`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct iocb {
    pub(crate) aio_data: u64,
    #[cfg(target_endian = "little")]
    pub(crate) aio_key: u32,
    #[cfg(target_endian = "little")]
    pub(crate) aio_rw_flags: c_int,
    #[cfg(target_endian = "big")]
    pub(crate) aio_rw_flags: c_int,
    #[cfg(target_endian = "big")]
    pub(crate) aio_key: u32,
    pub(crate) aio_lio_opcode: u16,
    pub(crate) aio_reqprio: i16,
    pub(crate) aio_fildes: u32,
    pub(crate) aio_buf: u64,
    pub(crate) aio_nbytes: u64,
    pub(crate) aio_offset: i64,
    pub(crate) aio_reserved2: u64,
    pub(crate) aio_flags: u32,
    pub(crate) aio_resfd: u32,
}

/// One completion, as `io_getevents` writes it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct io_event {
    pub(crate) data: u64,
    pub(crate) obj: u64,
    pub(crate) res: i64,
    pub(crate) res2: i64,
}

/// How long to wait: `__kernel_old_timespec`. The kernel has other calls for a libc whose seconds
/// have more bits than a `long`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct timespec {
    tv_sec: c_long,
    tv_nsec: c_long,
}

impl timespec {
    fn of(duration: Duration) -> Self {
        Self {
            tv_sec: c_long::try_from(duration.as_secs()).unwrap_or(c_long::MAX),
            tv_nsec: duration.subsec_nanos() as c_long,
        }
    }
}

const _: () = {
    assert!(size_of::<iocb>() == 64);
    assert!(offset_of!(iocb, aio_data) == 0);
    #[cfg(target_endian = "little")]
    assert!(offset_of!(iocb, aio_key) == 8 && offset_of!(iocb, aio_rw_flags) == 12);
    #[cfg(target_endian = "big")]
    assert!(offset_of!(iocb, aio_rw_flags) == 8 && offset_of!(iocb, aio_key) == 12);
    assert!(offset_of!(iocb, aio_lio_opcode) == 16);
    assert!(offset_of!(iocb, aio_reqprio) == 18);
    assert!(offset_of!(iocb, aio_fildes) == 20);
    assert!(offset_of!(iocb, aio_buf) == 24);
    assert!(offset_of!(iocb, aio_nbytes) == 32);
    assert!(offset_of!(iocb, aio_offset) == 40);
    assert!(offset_of!(iocb, aio_reserved2) == 48);
    assert!(offset_of!(iocb, aio_flags) == 56);
    assert!(offset_of!(iocb, aio_resfd) == 60);

    assert!(size_of::<io_event>() == 32);
    assert!(offset_of!(io_event, data) == 0);
    assert!(offset_of!(io_event, obj) == 8);
    assert!(offset_of!(io_event, res) == 16);
    assert!(offset_of!(io_event, res2) == 24);
};

/// Makes a context for `events` requests: io_setup(2).
pub(crate) fn io_setup(events: u32) -> Result<aio_context_t, Errno> {
    let mut context: aio_context_t = 0;
    // SAFETY: the kernel reads and writes one `aio_context_t` through the pointer, which is to a
    // live local of that type, zero as the call demands.
    let ret = unsafe {
        libc::syscall(libc::SYS_io_setup, c_ulong::from(events), ptr::from_mut(&mut context))
    };
    checked(ret).map(|_| context)
}

/// Ends a context: io_destroy(2). Waits for the requests in flight, whose events are lost.
pub(crate) fn io_destroy(context: aio_context_t) -> Result<(), Errno> {
    // SAFETY: the context is passed by value. For one that it doesn't know the kernel answers
    // EINVAL. No memory of ours is involved.
    let ret = unsafe { libc::syscall(libc::SYS_io_destroy, context) };
    checked(ret).map(|_| ())
}

/// Submits requests: io_submit(2). `Ok(n)` says that the first `n` were accepted. An error says why
/// the first was not, and then none was.
///
/// # Safety
///
/// - Each pointer is to an initialised `iocb` that nobody writes until this call returns or the
///   request's own event has been reaped.
/// - The memory that an `iocb` describes stays valid from now until its event has been reaped. A
///   buffer that is to be written is writable and unshared for `aio_nbytes`; one that is to be read
///   is readable. For vectored operations the same holds for each of the `aio_nbytes` elements of
///   the array, and the array itself lives until this call returns.
pub(crate) unsafe fn io_submit(
    context: aio_context_t,
    requests: &mut [*mut iocb],
) -> Result<usize, Errno> {
    let count = c_long::try_from(requests.len()).unwrap_or(c_long::MAX);
    // SAFETY: the kernel reads `count` pointers from the slice, and the request behind each. The
    // caller promises that the requests and the memory that they describe are valid.
    let ret = unsafe { libc::syscall(libc::SYS_io_submit, context, count, requests.as_mut_ptr()) };
    checked(ret)
}

/// Asks the kernel to cancel a request: io_cancel(2). True if it will, and then the request's event
/// comes soon. The kernel looks for the request that was submitted from this address, and can
/// cancel few kinds of requests.
pub(crate) fn io_cancel(context: aio_context_t, request: *const iocb) -> bool {
    let mut unused = io_event::default();
    // SAFETY: the kernel reads the number that it once wrote into the request, and refuses any
    // other. It may write the event, which is a live local.
    let ret =
        unsafe { libc::syscall(libc::SYS_io_cancel, context, request, ptr::from_mut(&mut unused)) };
    // EINPROGRESS is success since Linux 3.11: the event comes like all others.
    checked(ret).map_or_else(|errno| errno == Errno(libc::EINPROGRESS), |_| true)
}

/// Waits for at least `least` events, or until the limit, and writes up to `events.len()`:
/// io_getevents(2). Returns those that it wrote into the slice.
pub(crate) fn io_getevents(
    context: aio_context_t,
    least: usize,
    events: &mut [MaybeUninit<io_event>],
    limit: Option<Duration>,
) -> Result<&[io_event], Errno> {
    let most = c_long::try_from(events.len()).unwrap_or(c_long::MAX);
    let least = c_long::try_from(least).unwrap_or(c_long::MAX);
    let mut limit = limit.map(timespec::of);
    let limit = limit.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
    // SAFETY: the kernel writes at most `most` events into the slice, which is at least that long
    // and exclusively borrowed. The limit is null, which is allowed, or points to a live local that
    // the kernel reads.
    let ret = unsafe {
        libc::syscall(libc::SYS_io_getevents, context, least, most, events.as_mut_ptr(), limit)
    };
    let written = &events[..checked(ret)?];
    // SAFETY: the kernel has written these, and any bit pattern is a valid `io_event`. The slice
    // has their length, so it stays within what is borrowed.
    Ok(unsafe { slice::from_raw_parts(written.as_ptr().cast(), written.len()) })
}
