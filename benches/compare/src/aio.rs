//! A context of native AIO, by its system calls, independent of the crate's own.

#![expect(unsafe_code, reason = "raw system calls")]

use std::io;
use std::ptr;

use io_engine_aio_bindings::{io_event, iocb};

/// A context. When this is dropped, the kernel has finished all requests.
pub(crate) struct Aio(libc::c_ulong);

impl Aio {
    pub(crate) fn new(depth: usize) -> io::Result<Self> {
        let mut context: libc::c_ulong = 0;
        // SAFETY: the kernel writes one context id through the pointer, which is to a live local.
        let ret = unsafe { libc::syscall(libc::SYS_io_setup, depth, &raw mut context) };
        if ret == 0 { Ok(Self(context)) } else { Err(io::Error::last_os_error()) }
    }

    /// Submits all requests.
    ///
    /// # Safety
    ///
    /// The pointers lead to initialised control blocks. Until their events have come, or this is
    /// dropped, their buffers live, and nobody else touches them.
    pub(crate) unsafe fn submit(&self, pointers: &mut Vec<*mut iocb>) {
        let mut rest = &mut pointers[..];
        while !rest.is_empty() {
            // SAFETY: the caller promises what the kernel needs.
            let ret = unsafe {
                libc::syscall(libc::SYS_io_submit, self.0, rest.len(), rest.as_mut_ptr())
            };
            assert!(ret > 0, "io_submit: {}", io::Error::last_os_error());
            rest = &mut rest[ret as usize..];
        }
        pointers.clear();
    }

    /// Waits for at least one event.
    pub(crate) fn wait<'a>(&self, events: &'a mut [io_event]) -> &'a [io_event] {
        let no_timeout = ptr::null_mut::<libc::timespec>();
        // SAFETY: the kernel writes at most as many events as the slice has.
        let ret = unsafe {
            libc::syscall(
                libc::SYS_io_getevents,
                self.0,
                1_i64,
                events.len(),
                events.as_mut_ptr(),
                no_timeout,
            )
        };
        assert!(ret > 0, "io_getevents: {}", io::Error::last_os_error());
        &events[..ret as usize]
    }
}

impl Drop for Aio {
    fn drop(&mut self) {
        // SAFETY: the context is passed by value.
        unsafe { libc::syscall(libc::SYS_io_destroy, self.0) };
    }
}
