//! What becomes of the conversions' results.

use std::io;

use super::contender::Contender;
use super::ratios::ratios;
use super::workload::{Results, Workload};
use super::{chart, report};
use crate::file_runs::measured::{BYTES, CPU_SECONDS, FILES, Measured, PEAK};
use crate::file_runs::sections;
use crate::file_runs::summing::OfFiles;
use crate::options::Options;
use crate::output::{self, Comparison};
use crate::summary;

pub(super) type Summary = summary::Summary<OfFiles<Workload>, Contender>;
pub(super) type Section = summary::Section<OfFiles<Workload>, Contender>;

/// The conversions from files to files.
pub(crate) struct Conversions;

/// The readers that they start with.
pub(crate) struct Reader;

impl Comparison for Conversions {
    const NAME: &'static str = "conversions";
    type Workload = OfFiles<Workload>;
    type Contender = Contender;
    type Round = Measured;
    type Results = Results;

    fn sum_up(results: &Results) -> Summary {
        sum_up(results)
    }

    fn report(summary: &Summary) -> String {
        report::full(
            summary,
            "Conversions",
            "From files to files. No source is in the page cache, and no target is there before.",
        )
    }

    fn draw(summary: &Summary) -> Option<String> {
        chart::draw(summary, "From files to files, with nothing in the page cache")
    }
}

impl Comparison for Reader {
    const NAME: &'static str = "reader";
    type Workload = OfFiles<Workload>;
    type Contender = Contender;
    type Round = Measured;
    type Results = Results;

    fn sum_up(results: &Results) -> Summary {
        sum_up(results)
    }

    fn report(summary: &Summary) -> String {
        let about = "One file, read in order. It is not in the page cache.";
        report::full(summary, "Reader", about)
    }

    fn draw(summary: &Summary) -> Option<String> {
        chart::draw(summary, "One large file read in order, not in the page cache")
    }
}

/// Writes the conversions and the readers, each if there are some, and returns the reports.
pub(crate) fn write(mut results: Results, options: &Options) -> io::Result<String> {
    let readers = |section: &mut sections::Section<_, _>| section.workload == Workload::Reader;
    let sections = results.sections.extract_if(.., readers).collect();
    let reader = Results { sections, ..results.clone() };
    let mut reports = String::new();
    if !results.sections.is_empty() {
        reports.push_str(&output::write::<Conversions>(&results, options)?);
    }
    if !reader.sections.is_empty() {
        reports.push_str(&output::write::<Reader>(&reader, options)?);
    }
    Ok(reports)
}

fn sum_up(results: &Results) -> Summary {
    let sections = results.sections.iter().map(|section| {
        let metrics = [section.workload.speed(), CPU_SECONDS, PEAK];
        // With two chances, a contender would be luckier than the others.
        let kept = &[FILES, BYTES, CPU_SECONDS, PEAK];
        section.sum_up(kept, &metrics, |contender| contender != Contender::Rayon16Again)
    });
    results.summary(sections.collect(), ratios(results))
}
