//! Linux as typed Rust: the kernel's structures, system calls as functions, and the mark by which a
//! forked child is known. Nothing here knows what the crate does with it. Transfers by system call
//! are in `blocking`, and memory for buffers is mapped in `pool`, next to the owners of that
//! memory.

#[expect(non_camel_case_types, reason = "the kernel's names")]
pub(crate) mod aio;
pub(crate) mod cachestat;
pub(crate) mod call;
pub(crate) mod descriptor;
pub(crate) mod directory;
pub(crate) mod fork;
pub(crate) mod mincore;
pub(crate) mod preadv;
pub(crate) mod signals;
pub(crate) mod statx;
