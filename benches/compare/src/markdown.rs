//! The parts that the reports have in common.

use std::fmt::Write;

use crate::named::Named;
use crate::ratio::Ratio;
use crate::spread::Spread;
use crate::summary::Summary;

/// A title, the machine and the programs that the figures are from, and the options.
pub(crate) fn heading<W, C: Named>(text: &mut String, title: &str, summary: &Summary<W, C>) {
    let Summary { machine, programs, rounds, scale, workers, .. } = summary;
    let _ = writeln!(text, "# {title}\n");
    let _ = writeln!(text, "- {}, {} cores, Linux {}", machine.cpu, machine.cores, machine.kernel);
    let _ = writeln!(text, "- {}, reapool {}, {}", machine.rustc, machine.revision, machine.date);
    if !programs.is_empty() {
        let _ = writeln!(text, "- {}", programs.join("; "));
    }
    let workers = workers.map_or_else(String::new, |workers| format!(", {workers} workers"));
    let s = if *rounds == 1 { "" } else { "s" };
    let _ = writeln!(text, "- {rounds} round{s}{workers}, scale {scale}");
    let _ = writeln!(text, "- options: `{}`", machine.arguments.join(" "));
}

/// Writes all ratios as a table.
pub(crate) fn ratios(text: &mut String, ratios: &[Ratio]) {
    if ratios.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n## Ratios\n");
    let _ = writeln!(text, "| what | of | bar / aim | median | lowest | highest |");
    let _ = writeln!(text, "|---|---|---|---:|---:|---:|");
    for Ratio { what, of, goal, spread: Spread { median, min, max } } in ratios {
        let _ = writeln!(text, "| {what} | {of} | {goal} | {median:.2} | {min:.2} | {max:.2} |");
    }
}

pub(crate) fn spread(Spread { median, min, max }: &Spread) -> String {
    format!("{} ({}-{})", short(*median), short(*min), short(*max))
}

pub(crate) fn spread_of_thousands(Spread { median, min, max }: &Spread) -> String {
    format!("{} ({}-{})", thousands(*median), thousands(*min), thousands(*max))
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
