//! The report of the reads in Markdown.

use std::fmt::Write;

use crate::chart;
use crate::contender::Contender;
use crate::kind::Kind;
use crate::markdown::{self, short, spread, spread_of_thousands, thousands};
use crate::named::Named;
use crate::reads::{Section, Summary};
use crate::stop::Trouble;
use crate::summary::Row;
use crate::task::{CPU, Device, P50, P99, RATE};

const DEVICES: [(Device, &str); 3] = [
    (Device::Null, "Null device"),
    (Device::Loop, "Loop device over memory, `O_DIRECT`"),
    (Device::Disk, "File on disk, `O_DIRECT`"),
];

/// The medians of all workloads, the spread of those that the chart has, and the ratios.
pub(crate) fn full(summary: &Summary, title: &str) -> String {
    let mut text = String::new();
    markdown::heading(&mut text, title, summary);
    for (device, title) in DEVICES {
        let sections: Vec<_> = summary.of_device(device).collect();
        if !sections.is_empty() {
            let _ = writeln!(text, "\n## {title}: random reads of 4 KiB, or as a row says");
            medians(&mut text, &sections);
        }
    }
    for pair in summary.of_device(Device::None) {
        let _ = writeln!(text, "\n## Latency pair\n");
        details(&mut text, pair, &|_| true);
    }
    for section in chart::drawn(summary) {
        let device = section.workload.device.name();
        let _ = writeln!(text, "\n## As drawn: {device}, {}\n", section.workload);
        details(&mut text, section, &|contender| contender.label().is_some());
    }
    for (device, trouble) in &summary.absent {
        let _ = writeln!(text, "\n## {device}\n\n{trouble}");
    }
    troubles(&mut text, summary);
    markdown::ratios(&mut text, &summary.ratios);
    text
}

/// Tables of medians, one workload a row, one contender a column.
fn medians(text: &mut String, sections: &[&Section]) {
    let rate = |row: &Row<Contender>| Some(thousands(row.figure(RATE)?.median));
    let cpu = |row: &Row<Contender>| Some(short(row.figure(CPU)?.median));
    let times = |row: &Row<Contender>| {
        let p99 = time(row.figure(P99)?.median);
        let p50 = row.figure(P50).map(|p50| time(p50.median));
        Some(p50.map_or_else(|| p99.clone(), |p50| format!("{p50}; {p99}")))
    };
    let _ = writeln!(text, "\nMedian operations/s:\n");
    table(text, sections, rate);
    let _ = writeln!(text, "\nMedian CPU us/operation, user and system:\n");
    table(text, sections, cpu);
    let _ = writeln!(
        text,
        "\nMedian p99 us from handing over to callback; in the mix p50 and p99 of quick callbacks:\n"
    );
    table(text, sections, times);
}

/// Times are long, and nobody needs their fractions.
fn time(value: f64) -> String {
    if value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

fn table(
    text: &mut String,
    sections: &[&Section],
    cell: impl Fn(&Row<Contender>) -> Option<String>,
) {
    let takes_part =
        |contender: &Contender| sections.iter().any(|section| section.row(*contender).is_some());
    let contenders: Vec<_> = Contender::readers().filter(takes_part).collect();
    let names: Vec<_> = contenders.iter().map(|contender| contender.name()).collect();
    let _ = writeln!(text, "| workload | {} |", names.join(" | "));
    let _ = writeln!(text, "|---|{}", "---:|".repeat(contenders.len()));
    for section in sections {
        let cell = |contender: &Contender| match section.row(*contender) {
            Some(Row { trouble: Some(Trouble::Failed(_)), .. }) => "**failed**".into(),
            Some(row) => cell(row).unwrap_or_else(|| "n/a".into()),
            None => String::new(),
        };
        let cells: Vec<_> = contenders.iter().map(cell).collect();
        let workload = section.workload.to_string();
        // Nearly all of them are such reads, as the heading says.
        let workload = workload.strip_prefix("random 4 KiB, ").unwrap_or(&workload);
        let _ = writeln!(text, "| {workload} | {} |", cells.join(" | "));
    }
}

/// All figures of a workload, one contender a row, of those that are shown.
fn details(text: &mut String, section: &Section, shown: &dyn Fn(Contender) -> bool) {
    let figures = match section.workload.kind {
        Kind::Mix | Kind::Latency => &[RATE, CPU, P50, P99][..],
        _ => &[RATE, CPU, P99],
    };
    let names: Vec<_> = figures.iter().map(|metric| metric.name).collect();
    let _ = writeln!(text, "Medians, with lowest-highest round.\n");
    let _ = writeln!(text, "| contender | {} |", names.join(" | "));
    let _ = writeln!(text, "|---|{}", "---:|".repeat(figures.len()));
    for row in section.contenders.iter().filter(|row| shown(row.contender)) {
        let cells: Option<Vec<_>> = figures.iter().map(|metric| row.figure(*metric)).collect();
        let line = match cells.as_deref() {
            None => row.without_figures(),
            Some([rate, others @ ..]) => {
                let others: Vec<_> = others.iter().map(spread).collect();
                let (name, rate) = (row.contender.name(), spread_of_thousands(rate));
                format!("| {name} | {rate} | {} |", others.join(" | "))
            }
            Some([]) => continue,
        };
        let _ = writeln!(text, "{line}");
    }
}

/// Lists the contenders without figures, and the reasons.
fn troubles(text: &mut String, summary: &Summary) {
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    for Section { workload, contenders, .. } in &summary.sections {
        for Row { contender, trouble, .. } in contenders {
            let Some(trouble) = trouble else { continue };
            let line = format!("{}: {}", contender.name(), trouble);
            let place = format!("{}, {workload}", workload.device.name());
            match lines.iter_mut().find(|(other, _)| *other == line) {
                Some((_, places)) => places.push(place),
                None => lines.push((line, vec![place])),
            }
        }
    }
    if !lines.is_empty() {
        let _ = writeln!(text, "\n## Without figures\n");
    }
    for (line, places) in lines {
        let _ = writeln!(text, "- {line} ({})", places.join("; "));
    }
}
