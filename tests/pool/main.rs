//! The buffer pool: its buffers, waiting for them, and jobs that use them.
//!
//! The tests run side by side. A pool's pages are looked at in `limits`, its allocations counted in
//! `counts`, and `fork` has pools in forked children.

mod buffers;
mod extra;
mod jobs;
#[path = "../support/mod.rs"]
mod support;
mod tasks;
mod waits;
