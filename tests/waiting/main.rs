//! The end of jobs and of dispatchers: joining handles, draining, shutting down, withdrawing,
//! deadlines.
//!
//! The tests run side by side. Those that count what an ended dispatcher leaves behind are in
//! `process`.

mod deadlines;
mod ending;
mod errors;
mod handles;
mod points;
#[path = "../support/mod.rs"]
mod support;
mod withdraw;
