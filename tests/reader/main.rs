//! Readers: a file that is pulled, by threads and by tasks.
//!
//! The tests run side by side, and need nothing of the process for themselves.

mod contents;
mod ending;
#[cfg(all(feature = "futures-io", feature = "tokio"))]
mod libraries;
mod seeking;
#[path = "../support/mod.rs"]
mod support;
mod tasks;
mod waiting;
