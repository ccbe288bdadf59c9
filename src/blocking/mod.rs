//! Blocking threads: a bounded set of threads for the system calls that Linux does not perform
//! asynchronously, the transfers by such calls, and an engine made of both.
//!
//! `pool.rs` has the threads and their queue, `transfer.rs` the system calls, and `engine.rs` the
//! engine. `cached.rs` has the reads that need no thread, as they don't block. This folder knows no
//! job: its threads hand each request to a [`BlockingService`], which is the pipeline.

mod cached;
mod engine;
mod pool;
mod transfer;

pub(crate) use engine::BlockingEngine;
pub(crate) use pool::{AfterWork, BlockingPool, BlockingRequest, BlockingService, ReplyTo};
pub(crate) use transfer::{CacheRead, perform, read_cached};
