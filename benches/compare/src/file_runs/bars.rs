//! Ratios that sum up a comparison.

use std::fmt::{Display, Write};

use serde::Serialize;

use super::measured::Metric;
use super::named::Named;
use super::sections::Section;
use crate::results::Spread;

/// One line: a ratio and its goal.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Bar {
    pub(crate) what: String,
    pub(crate) metric: &'static str,
    /// The bar and the aim; empty where no goal was set.
    pub(crate) goal: &'static str,
    /// The spread of the rounds.
    pub(crate) spread: Spread,
}

/// Adds the line of two contenders, if both have figures.
pub(crate) fn push<W: Display, C: Named>(
    bars: &mut Vec<Bar>,
    section: &Section<W, C>,
    subject: C,
    reference: Option<C>,
    metric: Metric,
    goal: &'static str,
) {
    let Some(reference) = reference else { return };
    let (one, other) = (subject.name(), reference.name());
    let what = format!("{one} / {other} ({})", section.workload);
    let spread = section.ratio(subject, reference, metric.of);
    bars.extend(spread.map(|spread| Bar { what, metric: metric.name, goal, spread }));
}

/// Writes all lines as a table.
pub(crate) fn table(text: &mut String, bars: &[Bar]) {
    if bars.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n## Ratios\n");
    let _ = writeln!(text, "| what | of | bar / aim | median | lowest | highest |");
    let _ = writeln!(text, "|---|---|---|---:|---:|---:|");
    for Bar { what, metric, goal, spread } in bars {
        let Spread { median, min, max } = spread;
        let _ =
            writeln!(text, "| {what} | {metric} | {goal} | {median:.2} | {min:.2} | {max:.2} |");
    }
}
