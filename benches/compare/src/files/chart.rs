//! The chart: for each section a panel of speeds.

use super::output::{Section, Summary};
use super::workload::{Cache, Shape};
use crate::drawing::{Chart, Unit, bars_of, count};
use crate::file_runs::measured::{BYTES, FILES};

const THOUSANDS: Unit = Unit { words: "thousand files a second", one: 1e3 };
const MEGABYTES: Unit = Unit { words: "megabytes a second", one: 1.0 };

/// The drawing, or `None` if there is nothing to draw.
pub(super) fn draw(summary: &Summary) -> Option<String> {
    let panels = summary.sections.iter().map(|section| match section.workload.workload.shape {
        Shape::Mixed => bars_of(section, title(section), FILES, THOUSANDS),
        Shape::Large => bars_of(section, title(section), BYTES, MEGABYTES),
    });
    let chart = Chart {
        title: "From paths to a BLAKE3 digest of every file".into(),
        notes: vec![
            summary.origin(),
            "rayon: 2, 16 or 64 threads, which read whole files or pieces of 1 MiB".into(),
        ],
        panels: panels.collect(),
    };
    chart.draw()
}

fn title(section: &Section) -> String {
    let about = &section.workload;
    let (files, megabytes) = (count(about.files), count(about.megabytes()));
    let cache = match about.workload.cache {
        Cache::Cold => "not cached",
        Cache::Warm => "in the page cache",
    };
    format!("{files} files, {megabytes} MB, {cache}")
}
