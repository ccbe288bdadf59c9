//! The files workload's report in Markdown.

use std::fmt::Write;

use super::contender::Contender;
use super::output::{Section, Summary};
use super::workload::title;
use crate::file_runs::measured::{BYTES, CPU, FILES, Metric, PEAK, SYSTEM, USER};
use crate::markdown::{self, short, spread, spread_of_thousands};
use crate::named::Named;
use crate::summary::Row;

/// The machine, a table for each section, and the ratios.
pub(super) fn full(summary: &Summary) -> String {
    let mut text = String::new();
    markdown::heading(&mut text, "Files", summary);
    let _ = writeln!(text, "\nFrom a list of paths to a BLAKE3 digest of every file.");
    for section in &summary.sections {
        let _ = writeln!(text, "\n## {}\n", title(&section.workload));
        match &section.trouble {
            Some(trouble) => {
                let _ = writeln!(text, "**Skipped**: {trouble}");
            }
            None => table(&mut text, section),
        }
    }
    markdown::ratios(&mut text, &summary.ratios);
    text
}

fn table(text: &mut String, section: &Section) {
    let best = section.references.first().map_or("best", String::as_str);
    let _ = writeln!(text, "Medians, with lowest-highest round; peak is resident memory.\n");
    let _ = writeln!(
        text,
        "| contender | files/s | MB/s | / {best} | CPU us/file | user | system | peak MiB |\n\
         |---|{}",
        "---:|".repeat(7)
    );
    for row in &section.contenders {
        let _ = writeln!(text, "{}", line(row));
    }
}

fn line(row: &Row<Contender>) -> String {
    let name = row.contender.name();
    let figures = (row.figure(FILES), row.figure(BYTES), row.figure(CPU), row.figure(PEAK));
    let (Some(files), Some(bytes), Some(cpu), Some(peak)) = figures else {
        return row.without_figures();
    };
    let share = |metric: Metric| row.figure(metric).map_or_else(String::new, |it| short(it.median));
    let to_best = row.ratios.first().copied().flatten();
    format!(
        "| {name} | {} | {} | {} | {} | {} | {} | {} |",
        spread_of_thousands(&files),
        spread(&bytes),
        to_best.map_or_else(String::new, |ratio| format!("{ratio:.2}")),
        spread(&cpu),
        share(USER),
        share(SYSTEM),
        spread(&peak),
    )
}
