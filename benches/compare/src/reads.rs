//! What becomes of the results of the reads.

use crate::contender::Contender::{self, RawAgain};
use crate::kind::Kind;
use crate::metric::Round;
use crate::output::Comparison;
use crate::ratio::Ratio;
use crate::ratios::ratios;
use crate::results::{Results, Section as Rounds, Series};
use crate::summary::{self, Row, names_of};
use crate::task::{Device, Measured, Metric};
use crate::workload::Workload;
use crate::{chart, growth, report};

pub(crate) type Summary = summary::Summary<Workload, Contender>;
pub(crate) type Section = summary::Section<Workload, Contender>;

/// The reads of all devices, and the latency pair.
pub(crate) struct Reads;

/// The cost of a read as depth and workers grow.
pub(crate) struct Growth;

impl Comparison for Reads {
    const NAME: &'static str = "compare";
    type Workload = Workload;
    type Contender = Contender;
    type Round = Measured;
    type Results = Results;

    fn sum_up(results: &Results) -> Summary {
        sum_up(results, ratios(results))
    }

    fn report(summary: &Summary) -> String {
        report::full(summary, "Comparison")
    }

    fn draw(summary: &Summary) -> Option<String> {
        chart::draw(summary)
    }
}

impl Comparison for Growth {
    const NAME: &'static str = "growth";
    type Workload = Workload;
    type Contender = Contender;
    type Round = Measured;
    type Results = Results;

    fn sum_up(results: &Results) -> Summary {
        sum_up(results, Vec::new())
    }

    fn report(summary: &Summary) -> String {
        report::full(summary, "Growth")
    }

    fn draw(summary: &Summary) -> Option<String> {
        growth::draw(summary)
    }
}

fn sum_up(results: &Results, ratios: Vec<Ratio>) -> Summary {
    let section = |Rounds { workload, series, .. }: &Rounds| {
        let kept = kept(workload.kind);
        let row = |Series { contender, rounds, trouble }: &Series| {
            Row::of_rounds(*contender, rounds, trouble.as_ref(), kept)
        };
        Section {
            workload: *workload,
            trouble: None,
            references: Vec::new(),
            contenders: series.iter().filter(|series| has_row(series)).map(row).collect(),
        }
    };
    let absent = results.absent.iter();
    Summary {
        machine: results.machine.clone(),
        programs: Vec::new(),
        rounds: results.settings.rounds,
        scale: results.settings.scale,
        workers: Some(results.settings.workers),
        figures: names_of::<Measured>(),
        sections: results.sections.iter().map(section).collect(),
        absent: absent.map(|(device, why)| (device.name().into(), why.clone())).collect(),
        ratios,
    }
}

/// Of the same contender once more, the ratio is enough: it says how much rounds differ.
fn has_row(series: &Series) -> bool {
    series.contender != RawAgain || series.trouble.is_some()
}

/// The figures that are kept. Where all callbacks are alike, the usual time of a read says no more
/// than the operations a second: depth divided by it (Little's law).
fn kept(kind: Kind) -> &'static [Metric] {
    match kind {
        Kind::Mix | Kind::Latency => Measured::KEPT,
        _ => Measured::KEPT.split_last().map_or(&[], |(_, kept)| kept),
    }
}

impl Summary {
    pub(crate) fn of_device(&self, device: Device) -> impl Iterator<Item = &Section> {
        self.sections.iter().filter(move |section| section.workload.device == device)
    }
}
