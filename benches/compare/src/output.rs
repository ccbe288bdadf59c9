//! What is printed and written.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde::Serialize;

use crate::bars::{Bar, bars};
use crate::results::Results;
use crate::{chart, report};

/// The JSON's outline.
#[derive(Serialize)]
struct Everything<'a> {
    #[serde(flatten)]
    results: &'a Results,
    ratios: &'a [Bar],
}

/// Prints the overview and writes the files, each as a whole or not at all.
pub(crate) fn write(results: &Results, out: &Path) -> io::Result<()> {
    let bars = bars(results);
    let json = serde_json::to_vec_pretty(&Everything { results, ratios: &bars })?;
    replace(out, "compare.json", &json)?;
    replace(out, "compare.md", report::full(results, &bars).as_bytes())?;
    let drawn = chart::draw(results).map_err(|error| io::Error::other(error.to_string()))?;
    if let Some(drawing) = drawn {
        replace(out, "compare.svg", drawing.as_bytes())?;
    }
    io::stdout().write_all(report::overview(results, &bars).as_bytes())
}

/// One file.
pub(crate) fn replace(directory: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    // As other files: for everybody whom the umask lets read.
    let mode = Permissions::from_mode(0o666);
    let mut file = tempfile::Builder::new().permissions(mode).tempfile_in(directory)?;
    file.write_all(bytes)?;
    file.persist(directory.join(name))?;
    Ok(())
}
