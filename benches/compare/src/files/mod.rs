//! The files workload: from a list of paths to a BLAKE3 digest of every file.
//!
//! ```text
//! rounds: a tree ─▶ a cache state ─▶ a child for each turn ─▶ results ─▶ ratios, report, chart
//! ```

mod chart;
pub(crate) mod child;
pub(crate) mod contender;
mod contenders;
pub(crate) mod footprint;
mod output;
mod ratios;
mod report;
mod rounds;
mod task;
mod workload;

pub(crate) use output::Files;
pub(crate) use rounds::compare;
pub(crate) use workload::Results;
