//! Event loops: a dispatcher without threads that the user's loop runs, and the queue by which
//! results of other dispatchers come to a loop.
//!
//! The tests run side by side. That a loop has no threads is seen by counting the process's: that
//! test is in `process`. `fork` has loops and queues in forked children.

mod blocking;
mod completion_queue;
mod deadlines;
mod ending;
mod races;
#[path = "../support/mod.rs"]
mod support;
mod turns;
