//! Costs, in numbers that don't depend on the clock: allocations, memory, system calls, wake-ups.
//!
//! A process of its own, and one test at a time: each takes [`support::alone`]. The allocator is
//! the whole process's, and counts in all its threads; so do the numbers that the kernel has of it.

mod files_memory;
mod idle;
mod jobs;
mod pool;
mod scope;
#[path = "../support/mod.rs"]
mod support;

#[global_allocator]
static ALLOCATOR: support::allocator::Counting = support::allocator::Counting;
