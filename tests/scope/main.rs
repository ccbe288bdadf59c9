//! Scopes: jobs that borrow.
//!
//! The tests run side by side. A scope's allocations are counted in `counts`, and `fork` has scopes
//! in forked children.

mod borrowing;
mod early;
mod elsewhere;
mod ending;
mod refusal;
#[path = "../support/mod.rs"]
mod support;
