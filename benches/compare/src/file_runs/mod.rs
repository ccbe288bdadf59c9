//! What the comparisons that work on files have in common.
//!
//! ```text
//! tree, cache, programs ─▶ rounds: a child for each turn ─▶ sections
//! ```

pub(crate) mod cache;
pub(crate) mod child;
pub(crate) mod measured;
pub(crate) mod programs;
pub(crate) mod rounds;
pub(crate) mod sections;
pub(crate) mod summing;
pub(crate) mod tree;
