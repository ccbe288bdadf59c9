//! What becomes of the files workload's results.

use super::contender::Contender;
use super::ratios::ratios;
use super::workload::{Results, Workload};
use super::{chart, report};
use crate::file_runs::measured::{FILES, Measured};
use crate::file_runs::summing::OfFiles;
use crate::metric::Round;
use crate::output::Comparison;
use crate::summary;

pub(super) type Summary = summary::Summary<OfFiles<Workload>, Contender>;
pub(super) type Section = summary::Section<OfFiles<Workload>, Contender>;

/// The files workload.
pub(crate) struct Files;

impl Comparison for Files {
    const NAME: &'static str = "files";
    type Workload = OfFiles<Workload>;
    type Contender = Contender;
    type Round = Measured;
    type Results = Results;

    fn sum_up(results: &Results) -> Summary {
        let sections = results.sections.iter();
        let sections =
            sections.map(|section| section.sum_up(Measured::KEPT, &[FILES], Contender::is_rival));
        results.summary(sections.collect(), ratios(results))
    }

    fn report(summary: &Summary) -> String {
        report::full(summary)
    }

    fn draw(summary: &Summary) -> Option<String> {
        chart::draw(summary)
    }
}
