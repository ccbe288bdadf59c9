//! The table in Markdown.

use std::fmt::Write;

use crate::measure::results::{Figures, Results};

pub(crate) fn markdown(results: &Results) -> String {
    let settings = &results.settings;
    let mut text = format!(
        "{}; {} rows in {:.2} GiB, {} threads, {} rounds.\n\n",
        results.machine,
        settings.rows,
        settings.file_bytes as f64 / f64::from(1 << 30),
        settings.threads,
        settings.rounds,
    );
    text.push_str(
        "| reads | | LocalFileSystem: s [least..greatest], CPU s, peak MiB, device MiB \
         | LocalStore: the same | time | CPU |\n|---|---|---|---|---:|---:|\n",
    );
    for line in results.lines() {
        let cpu = line.cheaper.map_or("-".into(), |spread| format!("{:.2}", spread.median));
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {:.2} | {cpu} |",
            line.title,
            line.state,
            shown(&line.local),
            shown(&line.reapool),
            line.faster.median,
        );
    }
    text
}

fn shown(figures: &Figures) -> String {
    let Figures { seconds, cpu_seconds, device_mib, peak_mib } = figures;
    format!("{seconds}, {:.3}, {peak_mib:.0}, {device_mib:.0}", cpu_seconds.median)
}
