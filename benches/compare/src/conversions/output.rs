//! Prints the conversions' report, and writes its files.

use std::io::{self, Write};
use std::path::Path;

use super::bars::bars;
use super::workload::Results;
use super::{chart, report};
use crate::output::write_files;

/// Prints the report and writes the files, each as a whole or not at all.
pub(crate) fn write(results: &Results, out: &Path) -> io::Result<()> {
    let bars = bars(results);
    let report = report::full(results, &bars);
    write_files("conversions", results, &bars, &report, chart::draw(results), out)?;
    io::stdout().write_all(report.as_bytes())
}
