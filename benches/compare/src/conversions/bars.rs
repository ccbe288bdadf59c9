//! The ratios that sum up the conversions.

use super::contender::Contender::{self, FileReader, FilesStream, Rayon16, Rayon16Again, Reapool};
use super::workload::{Results, Section, Workload};
use crate::file_runs::bars::{Bar, push};
use crate::file_runs::measured::{Best, Measured, Metric};

pub(super) const CPU: Metric =
    Metric { name: "CPU s", of: Measured::cpu_seconds, best: Best::Lowest };
pub(super) const PEAK: Metric =
    Metric { name: "peak MiB", of: Measured::peak_mib, best: Best::Lowest };

/// The ratios that the results have figures for.
pub(super) fn bars(results: &Results) -> Vec<Bar> {
    let mut bars = Vec::new();
    for section in &results.sections {
        let speed = section.workload.speed();
        push(&mut bars, section, Rayon16Again, Some(Rayon16), speed, "");
        let ways: &[Contender] = match section.workload {
            Workload::Reader => &[FileReader, FilesStream],
            _ => &[Reapool],
        };
        for &way in ways {
            for metric in [speed, CPU, PEAK] {
                let best = section.best(Contender::is_rival, metric);
                push(&mut bars, section, way, best, metric, "");
            }
        }
    }
    bars
}

/// The contender that is the best of all in a figure.
pub(super) fn best(section: &Section, metric: Metric) -> Option<Contender> {
    section.best(|contender| contender != Rayon16Again, metric)
}
