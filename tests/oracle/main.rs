//! Random programs against a plain model, on the real kernel. `src/scripted/oracle/` has those
//! against an engine that plays it. `PROPTEST_CASES` says how many; by default a few.
//!
//! The tests run side by side, and need nothing of the process for themselves.

mod cases;
mod disk;
mod files;
mod pool;
#[path = "../support/mod.rs"]
mod support;
