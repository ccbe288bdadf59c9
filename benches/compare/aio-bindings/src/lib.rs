//! The part of `linux/aio_abi.h` that io-engine needs, written by hand.
//!
//! It stands in for the crate of the same name, which generates these few lines with bindgen at
//! every build and so needs libclang on the machine. Layout and numbers are the kernel's ABI; there
//! is no behaviour in here that a comparison could depend on.

#![expect(non_camel_case_types, reason = "the kernel's names")]

pub use libc::{
    SYS_io_destroy as __NR_io_destroy, SYS_io_getevents as __NR_io_getevents,
    SYS_io_setup as __NR_io_setup, SYS_io_submit as __NR_io_submit, syscall, timespec,
};

/// The kernel's handle of an AIO context.
pub type aio_context_t = libc::c_ulong;

/// The opcode of a plain read.
pub const IOCB_CMD_PREAD: u32 = 0;

/// `struct iocb`.
#[repr(C)]
#[derive(Debug, Default, Clone, Copy)]
#[expect(missing_docs, reason = "as in io_submit(2)")]
pub struct iocb {
    pub aio_data: u64,
    #[cfg(target_endian = "little")]
    pub aio_key: u32,
    pub aio_rw_flags: i32,
    #[cfg(target_endian = "big")]
    pub aio_key: u32,
    pub aio_lio_opcode: u16,
    pub aio_reqprio: i16,
    pub aio_fildes: u32,
    pub aio_buf: u64,
    pub aio_nbytes: u64,
    pub aio_offset: i64,
    pub aio_reserved2: u64,
    pub aio_flags: u32,
    pub aio_resfd: u32,
}

/// `struct io_event`.
#[repr(C)]
#[derive(Debug, Default, Clone, Copy)]
#[expect(missing_docs, reason = "as in io_getevents(2)")]
pub struct io_event {
    pub data: u64,
    pub obj: u64,
    pub res: i64,
    pub res2: i64,
}

const _: () = assert!(size_of::<iocb>() == 64 && size_of::<io_event>() == 32);
