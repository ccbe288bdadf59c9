//! Prints the report of the reads, and writes the result files.

use std::fmt::Display;
use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde::Serialize;

use crate::bars::bars;
use crate::results::Results;
use crate::{chart, report};

/// The JSON's outline.
#[derive(Serialize)]
struct Everything<'a, R, B> {
    #[serde(flatten)]
    results: &'a R,
    ratios: &'a [B],
}

/// Prints the overview and writes the files, each as a whole or not at all.
pub(crate) fn write(results: &Results, out: &Path) -> io::Result<()> {
    let bars = bars(results);
    write_files(
        "compare",
        results,
        &bars,
        &report::full(results, &bars),
        chart::draw(results),
        out,
    )?;
    io::stdout().write_all(report::overview(results, &bars).as_bytes())
}

/// Writes results as JSON, as Markdown, and as a chart, if there is one, into files of this name.
pub(crate) fn write_files<R: Serialize, B: Serialize, E: Display>(
    name: &str,
    results: &R,
    ratios: &[B],
    report: &str,
    drawn: Result<Option<String>, E>,
    out: &Path,
) -> io::Result<()> {
    let json = serde_json::to_vec_pretty(&Everything { results, ratios })?;
    replace(out, &format!("{name}.json"), &json)?;
    replace(out, &format!("{name}.md"), report.as_bytes())?;
    if let Some(drawing) = drawn.map_err(|error| io::Error::other(error.to_string()))? {
        replace(out, &format!("{name}.svg"), drawing.as_bytes())?;
    }
    Ok(())
}

/// Writes one file.
fn replace(directory: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    // A temporary file is private. This one gets the mode of other files: the umask decides.
    let mode = Permissions::from_mode(0o666);
    let mut file = tempfile::Builder::new().permissions(mode).tempfile_in(directory)?;
    file.write_all(bytes)?;
    file.persist(directory.join(name))?;
    Ok(())
}
