//! Ratios that sum up a comparison.

use serde::{Deserialize, Serialize};

use crate::metric::Metric;
use crate::spread::Spread;

/// One line: a ratio, or a figure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ratio {
    pub(crate) what: String,
    /// The figure that is divided.
    pub(crate) of: String,
    /// The bar and the aim; empty where no goal was set.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) goal: String,
    /// The spread of the rounds, or of the workloads' medians where `what` says so.
    pub(crate) spread: Spread,
}

impl Ratio {
    pub(crate) fn new<R>(what: String, metric: Metric<R>, goal: &str, spread: Spread) -> Self {
        Self { what, of: metric.name.into(), goal: goal.into(), spread: spread.kept() }
    }
}
