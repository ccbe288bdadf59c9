//! The files workload's report in Markdown.

use std::fmt::Write;

use super::bars::best;
use super::contender::Contender;
use super::workload::{Results, Section, title};
use crate::file_runs::bars::{self, Bar};
use crate::file_runs::measured::Measured;
use crate::file_runs::named::Named;
use crate::file_runs::report;
use crate::file_runs::sections::Series;
use crate::report::{short, spread, thousands};
use crate::results::Spread;

/// The machine, a table for each section, and the ratios.
pub(super) fn full(results: &Results, bars: &[Bar]) -> String {
    let mut text = String::new();
    report::heading(&mut text, "Files", results);
    let _ = writeln!(text, "\nFrom a list of paths to a BLAKE3 digest of every file.");
    for section in &results.sections {
        let _ = writeln!(text, "\n## {}\n", title(section));
        match &section.trouble {
            Some(trouble) => {
                let _ = writeln!(text, "**Skipped**: {trouble}");
            }
            None => table(&mut text, section),
        }
    }
    bars::table(&mut text, bars);
    text
}

fn table(text: &mut String, section: &Section) {
    let best = best(section);
    let beside = best.map_or("best", |best| best.name());
    let _ = writeln!(text, "Medians, with lowest-highest round; peak is resident memory.\n");
    let _ = writeln!(
        text,
        "| contender | files/s | MB/s | / {beside} | CPU us/file | user | system | peak MiB |\n\
         |---|{}",
        "---:|".repeat(7)
    );
    for series in &section.series {
        let to_best =
            best.and_then(|best| section.ratio(series.contender, best, Measured::files_per_second));
        let _ = writeln!(text, "{}", row(series, to_best));
    }
}

fn row(series: &Series<Contender>, to_best: Option<Spread>) -> String {
    let name = series.contender.name();
    let figures = (
        series.of(Measured::files_per_second),
        series.of(Measured::megabytes_per_second),
        series.of(Measured::cpu),
        series.of(Measured::peak_mib),
    );
    let (Some(files), Some(bytes), Some(cpu), Some(peak)) = figures else {
        return report::without_figures(series);
    };
    let share = |used: fn(&Measured) -> f64| {
        let share = series.of(|round| used(round) / round.files as f64);
        share.map_or_else(String::new, |share| short(share.median))
    };
    format!(
        "| {name} | {} ({}-{}) | {} | {} | {} | {} | {} | {} |",
        thousands(files.median),
        thousands(files.min),
        thousands(files.max),
        spread(&bytes),
        to_best.map_or_else(String::new, |ratio| format!("{:.2}", ratio.median)),
        spread(&cpu),
        share(|round| round.user_us),
        share(|round| round.system_us),
        spread(&peak),
    )
}
