//! How jobs get into a dispatcher, from any thread and in any number, and how they are refused.
//!
//! The tests run side by side, and need nothing of the process for themselves.

mod exactly_once;
mod many_files;
mod refusal;
#[path = "../support/mod.rs"]
mod support;
mod thread_ends;
