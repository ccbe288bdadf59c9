//! The ratios that sum up the conversions.

use super::contender::Contender::{self, FileReader, FilesStream, Rayon16, Rayon16Again, Reapool};
use super::workload::{Results, Workload};
use crate::file_runs::measured::{CPU_SECONDS, PEAK};
use crate::file_runs::summing::push;
use crate::ratio::Ratio;

/// The ratios that the results have figures for.
pub(super) fn ratios(results: &Results) -> Vec<Ratio> {
    let mut ratios = Vec::new();
    for section in &results.sections {
        let speed = section.workload.speed();
        push(&mut ratios, section, Rayon16Again, Some(Rayon16), speed, "");
        let ways: &[Contender] = match section.workload {
            Workload::Reader => &[FileReader, FilesStream],
            _ => &[Reapool],
        };
        for &way in ways {
            for metric in [speed, CPU_SECONDS, PEAK] {
                let best = section.best(Contender::is_rival, metric);
                push(&mut ratios, section, way, best, metric, "");
            }
        }
    }
    ratios
}
