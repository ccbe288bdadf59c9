//! Callbacks that do more than take their result: they submit, wait, take long, or panic.
//!
//! The tests run side by side. The panic hook is the whole process's; `support::panics` has one
//! that leaves other files' tests alone.

mod fairness;
mod panics;
mod submitting;
#[path = "../support/mod.rs"]
mod support;
mod two_dispatchers;
mod waiting;
