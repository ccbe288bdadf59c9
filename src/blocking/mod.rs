//! Blocking threads: a bounded set of threads for the system calls that Linux does not perform
//! asynchronously, the transfers by such calls, and an engine made of both.
//!
//! `pool.rs` has the threads and their queue, `request.rs` what they do, `transfer.rs` the system
//! calls, and `engine.rs` the engine. `reads.rs` has the reads that a calling thread does itself,
//! and `threads.rs` how threads are started. This folder knows no job: its threads hand each
//! request to a [`PoolService`], which is the pipeline.
//!
//! Work that waits for jobs of the dispatcher, an [`Errand`], has a pool of its own: its threads
//! may all wait, and those that perform the jobs are others.

mod engine;
mod pool;
mod reads;
mod request;
mod threads;
mod transfer;

pub(crate) use engine::BlockingEngine;
pub(crate) use pool::{AfterWork, PoolService, ThreadPool};
pub(crate) use reads::{read_cached_until, read_waiting};
pub(crate) use request::{BlockingPool, BlockingRequest, Errand, ReplyTo};
pub use threads::{DispatcherThread, ThreadKind};
pub(crate) use threads::{ThreadHandlers, ThreadSettings};
pub(crate) use transfer::{CacheRead, perform, read_cached};
