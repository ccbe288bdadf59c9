//! The report of the reads in Markdown.

use std::fmt::Write;

use crate::bars::Bar;
use crate::contender::Contender;
use crate::kind::Kind;
use crate::machine::Machine;
use crate::results::{Results, Section, Series, Settings, Spread};
use crate::stop::Trouble;
use crate::task::{Device, Measured};

const DEVICES: [(Device, &str); 4] = [
    (Device::Null, "Null device"),
    (Device::Loop, "Loop device over memory, `O_DIRECT`"),
    (Device::Disk, "File on disk, `O_DIRECT`"),
    (Device::None, "Latency pair"),
];

/// The part that is printed: the machine, a table for each device, and the ratios.
pub(crate) fn overview(results: &Results, bars: &[Bar]) -> String {
    let mut text = String::new();
    machine(&mut text, results);
    for (device, title) in DEVICES {
        if results.of_device(device).next().is_some() {
            let _ = writeln!(text, "\n## {title}\n");
            match device {
                Device::None => results.of_device(device).for_each(|pair| details(&mut text, pair)),
                _ => rates(&mut text, &results.of_device(device).collect::<Vec<_>>()),
            }
        }
    }
    for (device, trouble) in &results.absent {
        let _ = writeln!(text, "\n## {}\n\n{}", device.name(), trouble);
    }
    troubles(&mut text, results);
    ratios(&mut text, bars);
    text
}

/// The whole report: the overview, and every figure of every workload.
pub(crate) fn full(results: &Results, bars: &[Bar]) -> String {
    let mut text = overview(results, bars);
    for (device, title) in DEVICES {
        for section in results.of_device(device).filter(|_| device != Device::None) {
            let _ = writeln!(text, "\n## {title}: {}\n", section.workload);
            details(&mut text, section);
        }
    }
    text
}

fn machine(text: &mut String, results: &Results) {
    let machine = &results.machine;
    heading(text, "Comparison", machine);
    let Settings { rounds, workers, scale, .. } = results.settings;
    let _ = writeln!(text, "- {rounds} rounds, {workers} workers, scale {scale}");
    let _ = writeln!(text, "- options: `{}`", machine.arguments.join(" "));
}

/// A title, and the machine that the figures are from.
pub(crate) fn heading(text: &mut String, title: &str, machine: &Machine) {
    let _ = writeln!(text, "# {title}\n");
    let _ = writeln!(text, "- {}, {} cores, Linux {}", machine.cpu, machine.cores, machine.kernel);
    let _ = writeln!(text, "- {}, reapool {}, {}", machine.rustc, machine.revision, machine.date);
}

/// The operations a second of all contenders, one workload a row.
fn rates(text: &mut String, sections: &[&Section]) {
    let takes_part =
        |contender: &Contender| sections.iter().any(|section| section.series(*contender).is_some());
    let contenders: Vec<_> = Contender::READERS.into_iter().filter(takes_part).collect();
    let names: Vec<_> = contenders.iter().map(|contender| contender.name()).collect();
    let _ = writeln!(text, "Median operations/s:\n\n| workload | {} |", names.join(" | "));
    let _ = writeln!(text, "|---|{}", "---:|".repeat(contenders.len()));
    for section in sections {
        let cells: Vec<_> = contenders.iter().map(|contender| rate(section, *contender)).collect();
        let _ = writeln!(text, "| {} | {} |", section.workload, cells.join(" | "));
    }
}

fn rate(section: &Section, contender: Contender) -> String {
    match section.series(contender) {
        Some(Series { medians: Some(medians), trouble: None, .. }) => {
            thousands(medians.operations_per_second.median)
        }
        Some(Series { trouble: Some(Trouble::Failed(_)), .. }) => "**failed**".into(),
        Some(_) => "n/a".into(),
        None => String::new(),
    }
}

/// All figures of a workload, one contender a row.
fn details(text: &mut String, section: &Section) {
    let whose = match section.workload.kind {
        Kind::Mix => ", times of quick callbacks",
        _ => "",
    };
    let _ = writeln!(
        text,
        "{} operations a run; medians, with lowest-highest round{whose}.\n",
        section.operations
    );
    let _ = writeln!(
        text,
        "| contender | operations/s | / raw | CPU us/op | user | system | switches/op | p50 us | \
         p99 us | p99.9 us |\n|---|{}",
        "---:|".repeat(9)
    );
    for series in &section.series {
        let _ = writeln!(text, "{}", row(section, series));
    }
}

fn row(section: &Section, series: &Series) -> String {
    let name = series.contender.name();
    let (Some(medians), None) = (&series.medians, &series.trouble) else {
        let why = series.trouble.as_ref().map_or_else(|| "no rounds".into(), ToString::to_string);
        return format!("| {name} | {why} |");
    };
    let each = |used: fn(&Measured) -> f64| {
        let share = series.of(|round| used(round) / round.operations as f64);
        share.map_or_else(String::new, |share| format!("{:.2}", share.median))
    };
    let to_raw = section.ratio(series.contender, Contender::Raw, Measured::rate);
    let rate = medians.operations_per_second;
    format!(
        "| {name} | {} ({}-{}) | {} | {} | {} | {} | {} | {} | {} | {} |",
        thousands(rate.median),
        thousands(rate.min),
        thousands(rate.max),
        to_raw.map_or_else(String::new, |ratio| format!("{:.2}", ratio.median)),
        spread(&medians.cpu_us),
        each(|round| round.user_us),
        each(|round| round.system_us),
        spread(&medians.switches),
        spread(&medians.p50_us),
        spread(&medians.p99_us),
        spread(&medians.p999_us),
    )
}

/// Lists the contenders without figures, and the reasons.
fn troubles(text: &mut String, results: &Results) {
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    for Section { workload, series, .. } in &results.sections {
        for Series { contender, trouble, .. } in series {
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

fn ratios(text: &mut String, bars: &[Bar]) {
    if bars.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n## Ratios\n\n| what | of | median | lowest | highest |");
    let _ = writeln!(text, "|---|---|---:|---:|---:|");
    for Bar { what, metric, spread } in bars {
        let Spread { median, min, max } = spread;
        let _ = writeln!(text, "| {what} | {metric} | {median:.2} | {min:.2} | {max:.2} |");
    }
}

pub(crate) fn spread(Spread { median, min, max }: &Spread) -> String {
    format!("{} ({}-{})", short(*median), short(*min), short(*max))
}

/// Rounds to about three digits.
pub(crate) fn short(value: f64) -> String {
    match value {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// 1234567 as 1.23 M, 12345 as 12.3 k, 12.345 as 12.3.
pub(crate) fn thousands(value: f64) -> String {
    match value {
        1e6.. => format!("{:.2} M", value / 1e6),
        1e4.. => format!("{:.1} k", value / 1e3),
        _ => short(value),
    }
}
