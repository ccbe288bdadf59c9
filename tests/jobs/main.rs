//! A job by itself: each operation, its result, its buffer and its file.
//!
//! The tests run side by side. None of them starts another process, nor may one that is added here:
//! a child has copies of all descriptors until it runs a program of its own, and with a copy of a
//! pipe's writing end in it the pipe has no end yet.

mod automatic;
mod batch;
mod blocking;
mod buffered;
mod cached;
mod exact;
mod many_ranges;
mod opening;
mod operations;
mod ownership;
mod poll;
mod ranges;
mod shared_bytes;
mod short;
mod stats;
mod streams;
#[path = "../support/mod.rs"]
mod support;
