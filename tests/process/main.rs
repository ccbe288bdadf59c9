//! The process as the kernel sees it: its threads, descriptors, AIO contexts and signals, and how
//! much it has read; and what an ended dispatcher leaves of these, which is nothing.
//!
//! A process of its own, and one test at a time: each takes [`support::alone`]. All of that is
//! counted for the whole process, and signals come to all of its threads.

mod blocking_threads;
mod children;
mod crowd;
mod event_loop;
mod files_memory;
mod handlers;
mod last_owner;
mod lifecycle;
mod read_ahead;
mod signals;
mod sigpipe;
mod storm;
#[path = "../support/mod.rs"]
mod support;
mod threads;
