//! The contract between a contender and the child that measures it.

use std::fmt;
use std::ops::Range;

/// A way of carrying the load.
pub(crate) trait Contender {
    /// Performs the operations with these numbers, and returns when all callbacks have returned.
    fn run(&mut self, range: Range<u64>) -> Result<(), String>;
}

/// Puts the name of the failed step before the error, for the report.
pub(super) fn because<E: fmt::Display>(what: &'static str) -> impl Fn(E) -> String {
    move |error| format!("{what}: {error}")
}
