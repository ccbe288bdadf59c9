//! The figures of the files workload.

use serde::Serialize;

use super::cache::Cache;
use super::contender::Contender;
use super::task::Measured;
use super::tree::Shape;
use crate::machine::Machine;
use crate::results::Spread;
use crate::stop::Trouble;

/// All rounds of one contender.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Series {
    pub(super) contender: Contender,
    /// One for each round, unless the contender had trouble.
    pub(super) rounds: Vec<Measured>,
    pub(super) trouble: Option<Trouble>,
}

impl Series {
    pub(super) fn new(contender: Contender) -> Self {
        Self { contender, rounds: Vec::new(), trouble: None }
    }

    /// `None` also if the contender failed in a later round.
    pub(super) fn of(&self, metric: impl Fn(&Measured) -> f64) -> Option<Spread> {
        Spread::of(self.rounds.iter().map(metric)).filter(|_| self.trouble.is_none())
    }
}

/// All contenders with the same files and the same state of the cache.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Section {
    pub(super) shape: Shape,
    pub(super) cache: Cache,
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) series: Vec<Series>,
    /// The reason why no contender has figures.
    pub(super) trouble: Option<Trouble>,
}

impl Section {
    pub(super) fn series(&self, contender: Contender) -> Option<&Series> {
        self.series.iter().find(|series| series.contender == contender)
    }

    /// The contender with the highest median, of those that take part in the choice.
    pub(super) fn best(
        &self,
        takes_part: impl Fn(Contender) -> bool,
        metric: impl Fn(&Measured) -> f64,
    ) -> Option<Contender> {
        let medians = self.series.iter().filter(|series| takes_part(series.contender));
        let medians =
            medians.filter_map(|series| Some((series.contender, series.of(&metric)?.median)));
        let best = medians.max_by(|(_, one), (_, other)| one.total_cmp(other));
        best.map(|(contender, _)| contender)
    }

    /// A contender's figure divided by another's in the same round.
    pub(super) fn ratio(
        &self,
        subject: Contender,
        reference: Contender,
        metric: impl Fn(&Measured) -> f64,
    ) -> Option<Spread> {
        let (subject, reference) = (self.series(subject)?, self.series(reference)?);
        if subject.trouble.is_some() || reference.trouble.is_some() {
            return None;
        }
        let pairs = subject.rounds.iter().zip(&reference.rounds);
        Spread::of(pairs.map(|(subject, reference)| metric(subject) / metric(reference)))
    }
}

/// All sections, and how they were measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Results {
    pub(super) machine: Machine,
    pub(super) rounds: usize,
    pub(super) scale: f64,
    pub(super) sections: Vec<Section>,
}

impl Results {
    /// The failures, with the names of files, cache and contender.
    pub(crate) fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        for Section { shape, cache, series, trouble, .. } in &self.sections {
            if let Some(Trouble::Failed(reason)) = trouble {
                failures.push(format!("{shape} files, {cache}: {reason}"));
            }
            for Series { contender, trouble, .. } in series {
                if let Some(Trouble::Failed(reason)) = trouble {
                    let name = contender.name();
                    failures.push(format!("{name} ({shape} files, {cache}): {reason}"));
                }
            }
        }
        failures
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Cache, Contender, Measured, Section, Series, Shape};

    /// A series whose rounds took these numbers of seconds.
    pub(in super::super) fn series(contender: Contender, seconds: &[f64]) -> Series {
        let measured = |&seconds: &f64| Measured {
            files: 100,
            bytes: 1_000_000,
            seconds,
            user_us: 1000.0 * seconds,
            system_us: 0.0,
            peak: 1 << 20,
            digest: String::new(),
        };
        Series { rounds: seconds.iter().map(measured).collect(), ..Series::new(contender) }
    }

    pub(in super::super) fn section(cache: Cache, shape: Shape, series: Vec<Series>) -> Section {
        Section { shape, cache, files: 100, bytes: 1_000_000, series, trouble: None }
    }

    #[test]
    fn ratios_are_of_rounds_and_the_best_has_the_best_median() {
        let fast = series(Contender::Rayon16, &[1.0, 9.0, 1.0]);
        let steady = series(Contender::Tokio, &[2.0, 2.0, 2.0]);
        let own = series(Contender::ReapoolAutomatic, &[0.5, 3.0, 1.0]);
        let section = section(Cache::Cold, Shape::Mixed, vec![own, steady, fast]);
        let best = section.best(Contender::is_rival, Measured::files_per_second);
        assert_eq!(best, Some(Contender::Rayon16));
        let ratio = section.ratio(
            Contender::ReapoolAutomatic,
            Contender::Rayon16,
            Measured::files_per_second,
        );
        let ratio = ratio.unwrap();
        let rounded = [ratio.min, ratio.median, ratio.max].map(f64::round);
        assert_eq!(rounded, [1.0, 2.0, 3.0]);
    }
}
