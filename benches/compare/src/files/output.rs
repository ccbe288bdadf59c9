//! What is printed and written.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::bars::{Bar, bars};
use super::results::Results;
use super::{chart, report};
use crate::output::replace;

/// The JSON's outline.
#[derive(Serialize)]
struct Everything<'a> {
    #[serde(flatten)]
    results: &'a Results,
    ratios: &'a [Bar],
}

/// Prints the report and writes the files, each as a whole or not at all.
pub(crate) fn write(results: &Results, out: &Path) -> io::Result<()> {
    let bars = bars(results);
    let report = report::full(results, &bars);
    let json = serde_json::to_vec_pretty(&Everything { results, ratios: &bars })?;
    replace(out, "files.json", &json)?;
    replace(out, "files.md", report.as_bytes())?;
    let drawn = chart::draw(results).map_err(|error| io::Error::other(error.to_string()))?;
    if let Some(drawing) = drawn {
        replace(out, "files.svg", drawing.as_bytes())?;
    }
    io::stdout().write_all(report.as_bytes())
}
