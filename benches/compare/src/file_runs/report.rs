//! The parts that the reports have in common.

use std::fmt::Write;

use super::named::Named;
use super::sections::{Results, Series};
use crate::report;

/// A title, the machine and the programs that the figures are from, and the options.
pub(crate) fn heading<W, C: Named>(text: &mut String, title: &str, results: &Results<W, C>) {
    report::heading(text, title, &results.machine);
    if !results.programs.is_empty() {
        let _ = writeln!(text, "- {}", results.programs.join("; "));
    }
    let _ = writeln!(text, "- {} rounds, scale {}", results.rounds, results.scale);
    let _ = writeln!(text, "- options: `{}`", results.machine.arguments.join(" "));
}

/// The row of a contender that had trouble.
pub(crate) fn without_figures<C: Named>(series: &Series<C>) -> String {
    let why = series.trouble.as_ref().map_or_else(|| "no rounds".into(), ToString::to_string);
    format!("| {} | {why} |", series.contender.name())
}
