//! Linux as typed Rust: every system call that moves no job's bytes, and the mark by which a forked
//! child is known. Nothing here knows what the crate makes of it.

#[expect(non_camel_case_types, reason = "the kernel's names")]
pub(crate) mod aio;
pub(crate) mod descriptor;
pub(crate) mod fork;
pub(crate) mod signals;
pub(crate) mod statx;
