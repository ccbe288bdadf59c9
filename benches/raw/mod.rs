//! The floor: a native AIO loop on one thread, with its callback inline and no hand-off at all.

#![expect(unsafe_code, reason = "raw system calls, independent of the crate's own")]

use std::os::fd::{AsRawFd, RawFd};
use std::ptr;

use reapool::AlignedBuf;

/// `struct iocb` of `linux/aio_abi.h`, with names for the fields that a read sets.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Iocb {
    data: u64,
    key_and_flags: u64,
    opcode: u16,
    priority: i16,
    fd: u32,
    buf: u64,
    nbytes: u64,
    offset: i64,
    reserved: u64,
    flags_and_resfd: u64,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct IoEvent {
    data: u64,
    obj: u64,
    res: i64,
    res2: i64,
}

const _: () = assert!(size_of::<Iocb>() == 64 && size_of::<IoEvent>() == 32);

/// Reads in a closed loop: `depth` reads at a time, and each completion starts the next read.
pub(crate) struct RawLoop {
    context: libc::c_ulong,
    fd: RawFd,
    iocbs: Vec<Iocb>,
    buffers: Vec<AlignedBuf>,
}

impl RawLoop {
    pub(crate) fn new(file: &impl AsRawFd, depth: usize, block: usize) -> Self {
        let mut context: libc::c_ulong = 0;
        // SAFETY: the kernel writes one context id through the pointer, which is to a live local.
        let ret = unsafe { libc::syscall(libc::SYS_io_setup, depth, &raw mut context) };
        assert_eq!(ret, 0, "io_setup: {}", std::io::Error::last_os_error());
        Self {
            context,
            fd: file.as_raw_fd(),
            iocbs: vec![Iocb::default(); depth],
            buffers: (0..depth).map(|_| AlignedBuf::zeroed(block)).collect(),
        }
    }

    /// Performs `total` reads at the offsets that `offset` gives, and calls `callback` with each
    /// buffer.
    pub(crate) fn run(
        &mut self,
        total: u64,
        mut offset: impl FnMut(u64) -> u64,
        mut callback: impl FnMut(&AlignedBuf),
    ) {
        let depth = self.iocbs.len();
        let mut events = vec![IoEvent::default(); depth];
        let mut pointers: Vec<*mut Iocb> = Vec::with_capacity(depth);
        let mut ready: Vec<usize> = (0..depth).collect();
        let (mut started, mut finished) = (0, 0);
        while finished < total {
            pointers.clear();
            while started < total {
                let Some(slot) = ready.pop() else { break };
                let buffer = &mut self.buffers[slot];
                self.iocbs[slot] = Iocb {
                    data: slot as u64,
                    fd: self.fd.cast_unsigned(),
                    buf: buffer.as_mut_ptr().expose_provenance() as u64,
                    nbytes: buffer.len() as u64,
                    offset: offset(started).cast_signed(),
                    ..Iocb::default()
                };
                pointers.push(&raw mut self.iocbs[slot]);
                started += 1;
            }
            let mut rest = &mut pointers[..];
            while !rest.is_empty() {
                // SAFETY: the pointers lead to initialised control blocks. Their buffers are
                // touched again only after their events.
                let ret = unsafe {
                    libc::syscall(libc::SYS_io_submit, self.context, rest.len(), rest.as_mut_ptr())
                };
                assert!(ret > 0, "io_submit: {}", std::io::Error::last_os_error());
                rest = &mut rest[ret as usize..];
            }
            let no_timeout = ptr::null_mut::<libc::timespec>();
            // SAFETY: the kernel writes at most `depth` events, and the vector has that length.
            let ret = unsafe {
                libc::syscall(
                    libc::SYS_io_getevents,
                    self.context,
                    1_i64,
                    depth,
                    events.as_mut_ptr(),
                    no_timeout,
                )
            };
            assert!(ret > 0, "io_getevents: {}", std::io::Error::last_os_error());
            for event in &events[..ret as usize] {
                assert!(event.res >= 0, "read: error {}", -event.res);
                callback(&self.buffers[event.data as usize]);
                ready.push(event.data as usize);
            }
            finished += ret as u64;
        }
    }
}

impl Drop for RawLoop {
    fn drop(&mut self) {
        // SAFETY: the context is passed by value, and nothing is in flight after `run`.
        unsafe { libc::syscall(libc::SYS_io_destroy, self.context) };
    }
}
