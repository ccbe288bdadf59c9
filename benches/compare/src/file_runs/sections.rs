//! The figures of all rounds.

use std::fmt::Display;

use serde::{Deserialize, Serialize};

use super::measured::{Measured, Metric};
use super::tree::Tree;
use crate::machine::Machine;
use crate::named::{self, Named};
use crate::spread::Spread;
use crate::stop::Trouble;

/// All rounds of one contender.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) struct Series<C: Named> {
    #[serde(with = "named")]
    pub(crate) contender: C,
    /// One for each round, unless the contender had trouble.
    pub(crate) rounds: Vec<Measured>,
    pub(crate) trouble: Option<Trouble>,
}

impl<C: Named> Series<C> {
    pub(crate) fn new(contender: C) -> Self {
        Self { contender, rounds: Vec::new(), trouble: None }
    }

    /// `None` also if the contender failed in a later round.
    fn of(&self, metric: Metric) -> Option<Spread> {
        Spread::of(self.rounds.iter().map(metric.of)).filter(|_| self.trouble.is_none())
    }
}

/// All contenders under the same workload.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(serialize = "W: Serialize", deserialize = "W: Deserialize<'de>"))]
pub(crate) struct Section<W, C: Named> {
    pub(crate) workload: W,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) series: Vec<Series<C>>,
    /// The reason why no contender has figures.
    pub(crate) trouble: Option<Trouble>,
}

impl<W, C: Named> Section<W, C> {
    /// A section about these files, before its first round.
    pub(crate) fn of(workload: W, tree: &Tree) -> Self {
        let (files, bytes) = (tree.paths.len() as u64, tree.bytes);
        Self { workload, files, bytes, series: Vec::new(), trouble: None }
    }

    /// A section that could not be run.
    pub(crate) fn skipped(workload: W, trouble: Trouble) -> Self {
        Self { workload, files: 0, bytes: 0, series: Vec::new(), trouble: Some(trouble) }
    }

    pub(crate) fn series(&self, contender: C) -> Option<&Series<C>> {
        self.series.iter().find(|series| series.contender == contender)
    }

    /// The contender with the best median, of those that take part in the choice.
    pub(crate) fn best(&self, takes_part: impl Fn(C) -> bool, metric: Metric) -> Option<C> {
        let medians = self.series.iter().filter(|series| takes_part(series.contender));
        let medians = medians.filter_map(|series| Some((series.contender, series.of(metric)?)));
        let best = medians.max_by(|(_, one), (_, other)| metric.compare(one, other));
        best.map(|(contender, _)| contender)
    }

    /// A contender's figure divided by another's in the same round.
    pub(crate) fn ratio(&self, subject: C, reference: C, metric: Metric) -> Option<Spread> {
        let (subject, reference) = (self.series(subject)?, self.series(reference)?);
        if subject.trouble.is_some() || reference.trouble.is_some() {
            return None;
        }
        let pairs = subject.rounds.iter().zip(&reference.rounds);
        Spread::of(pairs.map(|(subject, reference)| (metric.of)(subject) / (metric.of)(reference)))
    }
}

/// All sections, and how they were measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(serialize = "W: Serialize", deserialize = "W: Deserialize<'de>"))]
pub(crate) struct Results<W, C: Named> {
    pub(crate) machine: Machine,
    /// The versions of the programs that could take part.
    pub(crate) programs: Vec<String>,
    pub(crate) rounds: usize,
    pub(crate) scale: f64,
    pub(crate) sections: Vec<Section<W, C>>,
}

impl<W: Display, C: Named> Results<W, C> {
    /// The failures, with the names of workload and contender.
    pub(crate) fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        for Section { workload, series, trouble, .. } in &self.sections {
            if let Some(Trouble::Failed(reason)) = trouble {
                failures.push(format!("{workload}: {reason}"));
            }
            for Series { contender, trouble, .. } in series {
                if let Some(Trouble::Failed(reason)) = trouble {
                    failures.push(format!("{} ({workload}): {reason}", contender.name()));
                }
            }
        }
        failures
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::measured::FILES;
    use super::{Measured, Named, Section, Series};
    use crate::named::Whose;

    #[derive(Clone, Copy, PartialEq)]
    pub(crate) enum Contender {
        Fast,
        Steady,
        Own,
    }

    impl Named for Contender {
        const ALL: &'static [Self] = &[Self::Fast, Self::Steady, Self::Own];

        fn name(self) -> &'static str {
            ["fast", "steady", "own"][self as usize]
        }

        fn label(self) -> Option<&'static str> {
            Some(self.name())
        }

        fn whose(self) -> Whose {
            if self == Self::Own { Whose::Reapool } else { Whose::Other }
        }
    }

    /// A series whose rounds took these numbers of seconds.
    pub(crate) fn series<C: Named>(contender: C, seconds: &[f64]) -> Series<C> {
        let measured = |&seconds: &f64| Measured {
            files: 100,
            bytes: 1_000_000,
            seconds,
            user_us: 1000.0 * seconds,
            system_us: 0.0,
            peak: 1 << 20,
        };
        Series { rounds: seconds.iter().map(measured).collect(), ..Series::new(contender) }
    }

    pub(crate) fn section<W, C: Named>(workload: W, series: Vec<Series<C>>) -> Section<W, C> {
        Section { workload, files: 100, bytes: 1_000_000, series, trouble: None }
    }

    #[test]
    fn ratios_are_of_rounds_and_the_best_has_the_best_median() {
        let fast = series(Contender::Fast, &[1.0, 9.0, 1.0]);
        let steady = series(Contender::Steady, &[2.0, 2.0, 2.0]);
        let own = series(Contender::Own, &[0.5, 3.0, 1.0]);
        let section = section((), vec![own, steady, fast]);
        let rival = |contender| contender != Contender::Own;
        let best = section.best(rival, FILES);
        assert_eq!(best.map(Contender::name), Some("fast"));
        let ratio = section.ratio(Contender::Own, Contender::Fast, FILES).unwrap();
        let rounded = [ratio.min, ratio.median, ratio.max].map(f64::round);
        assert_eq!(rounded, [1.0, 2.0, 3.0]);
    }
}
