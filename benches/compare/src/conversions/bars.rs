//! The ratios that sum up the conversions.

use super::contender::Contender::{self, FileReader, FilesStream, Rayon16, Rayon16Again, Reapool};
use super::workload::{Results, Section, Workload};
use crate::file_runs::bars::{Bar, Metric, push};
use crate::file_runs::measured::Measured;

pub(super) const CPU: Metric =
    Metric { name: "CPU s", of: |measured| (measured.user_us + measured.system_us) / 1e6 };
pub(super) const PEAK: Metric = Metric { name: "peak MiB", of: Measured::peak_mib };

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
            let fastest = section.best(Contender::is_rival, speed.of);
            push(&mut bars, section, way, fastest, speed, "");
            for metric in [CPU, PEAK] {
                let least = section.best(Contender::is_rival, |measured| -(metric.of)(measured));
                push(&mut bars, section, way, least, metric, "");
            }
        }
    }
    bars
}

/// The contender that is the best of all in a figure of which more is better, or less.
pub(super) fn best(section: &Section, metric: Metric, more: More) -> Option<Contender> {
    let sign = match more {
        More::IsBetter => 1.0,
        More::IsWorse => -1.0,
    };
    let counts = |contender| contender != Rayon16Again;
    section.best(counts, |measured| sign * (metric.of)(measured))
}

#[derive(Clone, Copy)]
pub(super) enum More {
    IsBetter,
    IsWorse,
}
