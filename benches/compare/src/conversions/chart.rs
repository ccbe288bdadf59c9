//! The chart: for each section a panel of speeds, and beside it one of CPU time.

use super::output::{Section, Summary};
use super::workload::Workload;
use crate::drawing::{Chart, Unit, bars_of, count};
use crate::file_runs::measured::CPU_SECONDS;

const FILES: Unit = Unit { words: "files a second", one: 1.0 };
const MEGABYTES: Unit = Unit { words: "megabytes a second", one: 1.0 };
const CPU: Unit = Unit { words: "CPU seconds, user and system", one: 1.0 };

/// The drawing, or `None` if there is nothing to draw.
pub(super) fn draw(summary: &Summary, title: &str) -> Option<String> {
    let panels = summary.sections.iter().flat_map(|section| {
        let workload = section.workload.workload;
        let unit = match workload {
            Workload::Copy | Workload::Compress | Workload::Sync => FILES,
            Workload::Large | Workload::Reader => MEGABYTES,
        };
        [
            bars_of(section, panel(section), workload.speed(), unit),
            bars_of(section, panel(section), CPU_SECONDS, CPU),
        ]
    });
    let chart =
        Chart { title: title.into(), notes: vec![summary.origin()], panels: panels.collect() };
    chart.draw()
}

fn panel(section: &Section) -> String {
    let about = &section.workload;
    let megabytes = count(about.megabytes());
    let done = match about.workload {
        Workload::Copy => "copied",
        Workload::Compress => "compressed",
        Workload::Sync => "copied and synced",
        Workload::Large => "copied",
        Workload::Reader => return format!("One file, {megabytes} MB"),
    };
    format!("{} files, {megabytes} MB, {done}", count(about.files))
}
