//! What is kept of a comparison: of each contender's rounds, the medians, the lowest and the
//! highest. Reports and charts are made of this alone.

mod rows;

use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::metric::{Metric, Round};
use crate::named::Named;
use crate::ratio::Ratio;
use crate::spread::Spread;
use crate::stop::Trouble;

/// All sections, and how they were measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(serialize = "W: Serialize", deserialize = "W: Deserialize<'de>"))]
pub(crate) struct Summary<W, C: Named> {
    pub(crate) machine: Machine,
    /// The versions of the programs that could take part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) programs: Vec<String>,
    pub(crate) rounds: usize,
    pub(crate) scale: f64,
    /// Threads for callbacks, where the workload doesn't say how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) workers: Option<usize>,
    /// The names of each contender's figures, in their order. Each figure is the median, the
    /// lowest and the highest round.
    pub(crate) figures: Vec<String>,
    pub(crate) sections: Vec<Section<W, C>>,
    /// What could not be made ready here, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) absent: Vec<(String, Trouble)>,
    pub(crate) ratios: Vec<Ratio>,
}

/// All contenders under the same workload.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(serialize = "W: Serialize", deserialize = "W: Deserialize<'de>"))]
pub(crate) struct Section<W, C: Named> {
    #[serde(flatten)]
    pub(crate) workload: W,
    /// The reason why no contender has figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trouble: Option<Trouble>,
    /// The names of the contenders that all are divided by, one for each ratio of a row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) references: Vec<String>,
    #[serde(with = "rows")]
    pub(crate) contenders: Vec<Row<C>>,
}

/// One contender.
#[derive(Clone, Debug)]
pub(crate) struct Row<C: Named> {
    pub(crate) contender: C,
    pub(crate) trouble: Option<Trouble>,
    /// The first of [`Round::KEPT`], or all; none if the contender had trouble.
    figures: Vec<Spread>,
    /// The medians of its rounds divided by those of the references.
    pub(crate) ratios: Vec<Option<f64>>,
}

impl<W, C: Named> Summary<W, C> {
    /// Where the figures are from, on a line of a chart.
    pub(crate) fn origin(&self) -> String {
        let Machine { cpu, cores, kernel, date, .. } = &self.machine;
        let version: Vec<_> = kernel.split(['.', '-']).take(2).collect();
        let day = date.split('T').next().unwrap_or_default();
        let rounds = if self.rounds == 1 {
            "one round".into()
        } else {
            format!("medians of {} rounds", self.rounds)
        };
        format!("{cores} cores ({cpu}), Linux {}, {day}, {rounds}", version.join("."))
    }
}

impl<C: Named> Row<C> {
    /// The row of a contender of which these figures are kept: the first of [`Round::KEPT`].
    pub(crate) fn of_rounds<R: Round>(
        contender: C,
        rounds: &[R],
        trouble: Option<&Trouble>,
        kept: &[Metric<R>],
    ) -> Self {
        let spread = |metric: &Metric<R>| Spread::of(rounds.iter().map(metric.of));
        let figures = kept.iter().map_while(spread).map(Spread::kept);
        let figures = if trouble.is_some() { Vec::new() } else { figures.collect() };
        Self { contender, trouble: trouble.cloned(), figures, ratios: Vec::new() }
    }

    /// `None` if the contender had trouble, or if the figure is not kept.
    pub(crate) fn figure<R: Round>(&self, metric: Metric<R>) -> Option<Spread> {
        let place = R::KEPT.iter().position(|kept| kept.name == metric.name)?;
        self.figures.get(place).copied()
    }

    /// The row of a table, if there are no figures for it.
    pub(crate) fn without_figures(&self) -> String {
        let why = self.trouble.as_ref().map_or_else(|| "no rounds".into(), ToString::to_string);
        format!("| {} | {why} |", self.contender.name())
    }
}

impl<W, C: Named> Section<W, C> {
    pub(crate) fn row(&self, contender: C) -> Option<&Row<C>> {
        self.contenders.iter().find(|row| row.contender == contender)
    }
}

/// The names of the figures of such rounds.
pub(crate) fn names_of<R: Round>() -> Vec<String> {
    R::KEPT.iter().map(|metric| metric.name.into()).collect()
}
