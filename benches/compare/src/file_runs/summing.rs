//! From all rounds to what is kept of them.

use std::fmt::Display;

use serde::{Deserialize, Serialize};

use super::measured::{Measured, Metric};
use super::sections::{Results, Section, Series};
use crate::named::Named;
use crate::ratio::Ratio;
use crate::spread::rounded;
use crate::summary::{self, Row, Summary};

/// A workload, and the files that it is about.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OfFiles<W> {
    pub(crate) workload: W,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

impl<W> OfFiles<W> {
    /// Millions of bytes, to the nearest whole number.
    pub(crate) fn megabytes(&self) -> u64 {
        (self.bytes + 500_000) / 1_000_000
    }
}

impl<W: Clone, C: Named> Section<W, C> {
    /// What is kept: these figures, and for each of `metrics` a contender's ratio to the best of
    /// those that take part in the choice.
    pub(crate) fn sum_up(
        &self,
        kept: &[Metric],
        metrics: &[Metric],
        takes_part: impl Fn(C) -> bool,
    ) -> summary::Section<OfFiles<W>, C> {
        let Self { workload, files, bytes, series, trouble } = self;
        let best: Vec<_> = metrics.iter().map(|metric| self.best(&takes_part, *metric)).collect();
        let row = |series: &Series<C>| {
            let Series { contender, rounds, trouble } = series;
            let mut row = Row::of_rounds(*contender, rounds, trouble.as_ref(), kept);
            let references = metrics.iter().zip(&best);
            let ratio = |(metric, best): (&Metric, &Option<C>)| {
                Some(rounded(self.ratio(*contender, (*best)?, *metric)?.median, 6))
            };
            row.ratios = references.map(ratio).collect();
            row
        };
        summary::Section {
            workload: OfFiles { workload: workload.clone(), files: *files, bytes: *bytes },
            trouble: trouble.clone(),
            references: best.iter().map(|best| best.map_or("best", Named::name).into()).collect(),
            contenders: series.iter().map(row).collect(),
        }
    }
}

impl<W: Clone, C: Named> Results<W, C> {
    /// What is kept, but for the sections and the ratios.
    pub(crate) fn summary(
        &self,
        sections: Vec<summary::Section<OfFiles<W>, C>>,
        ratios: Vec<Ratio>,
    ) -> Summary<OfFiles<W>, C> {
        Summary {
            machine: self.machine.clone(),
            programs: self.programs.clone(),
            rounds: self.rounds,
            scale: self.scale,
            workers: None,
            figures: summary::names_of::<Measured>(),
            sections,
            absent: Vec::new(),
            ratios,
        }
    }
}

/// Adds the ratio of two contenders, if both have figures.
pub(crate) fn push<W: Display, C: Named>(
    ratios: &mut Vec<Ratio>,
    section: &Section<W, C>,
    subject: C,
    reference: Option<C>,
    metric: Metric,
    goal: &str,
) {
    let Some(reference) = reference else { return };
    let (one, other) = (subject.name(), reference.name());
    let what = format!("{one} / {other} ({})", section.workload);
    let spread = section.ratio(subject, reference, metric);
    ratios.extend(spread.map(|spread| Ratio::new(what, metric, goal, spread)));
}
