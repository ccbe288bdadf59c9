//! Tasks instead of threads: handles, transfers and room in the backlog as futures, in any
//! executor.
//!
//! The tests run side by side, and need nothing of the process for themselves.

mod ending;
mod handles;
mod io;
mod room;
#[path = "../support/mod.rs"]
mod support;
mod wakers;
mod withdraw;
