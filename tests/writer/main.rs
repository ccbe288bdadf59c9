//! Writers: files that bytes are pushed at, by threads and by tasks.
//!
//! The tests run side by side, and need nothing of the process for themselves.

mod contents;
mod ending;
mod replacing;
#[path = "../support/mod.rs"]
mod support;
mod tasks;
mod waiting;
