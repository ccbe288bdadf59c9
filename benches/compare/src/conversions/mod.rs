//! The conversions: from files to files, and the readers that they start with.
//!
//! ```text
//! rounds: a tree ─▶ no targets, a cold cache ─▶ a child for each turn ─▶ the targets are checked
//!                                                      ▼
//!                                           results ─▶ ratios, report, chart
//! ```

mod chart;
pub(crate) mod child;
pub(crate) mod contender;
mod contenders;
mod output;
mod pair;
mod ratios;
mod report;
mod rounds;
mod targets;
mod task;
mod transform;
mod unsynced;
pub(crate) mod workload;

pub(crate) use output::{Conversions, Reader, write};
pub(crate) use rounds::compare;
pub(crate) use workload::Results;
