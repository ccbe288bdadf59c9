//! Limits, of a process and of the system: descriptors, addresses, threads, sizes of files, rights,
//! AIO requests, memory. Reaching one is an error that says so.
//!
//! A process of its own, and one test at a time: each takes [`support::alone`].
//!
//! - Limits of a process are set in forked children. A child gets the locks as they are, and has
//!   copies of all descriptors.
//! - `aio` uses up the AIO requests of the whole system, and `pool_memory` sets huge pages aside
//!   for itself. While they run, nothing else should.
//! - `pool_memory` sees whether addresses are mapped, which another test could map again.

mod aio;
mod backend;
mod descriptors;
mod file_size;
mod permission;
mod pool_memory;
mod resources;
#[path = "../support/mod.rs"]
mod support;
