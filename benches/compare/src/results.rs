//! The figures of the reads, and their medians.

use serde::Serialize;

use crate::contender::Contender;
use crate::machine::Machine;
use crate::stop::Trouble;
use crate::task::{Device, Measured};
use crate::workload::Workload;

/// The middle of several rounds, and their spread.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// `None` if there are no values.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let (&min, &max) = (values.first()?, values.last()?);
        let middle = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(values[middle - 1], values[middle])
        } else {
            values[middle]
        };
        Some(Self { median, min, max })
    }
}

/// All rounds of one contender under one workload.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Series {
    pub(crate) contender: Contender,
    /// One for each round, unless the contender had trouble.
    pub(crate) rounds: Vec<Measured>,
    pub(crate) trouble: Option<Trouble>,
    pub(crate) medians: Option<Medians>,
}

/// The medians of a series, each with its spread.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Medians {
    pub(crate) operations_per_second: Spread,
    pub(crate) cpu_us: Spread,
    pub(crate) switches: Spread,
    pub(crate) p50_us: Spread,
    pub(crate) p99_us: Spread,
    pub(crate) p999_us: Spread,
}

impl Series {
    pub(crate) fn new(contender: Contender) -> Self {
        Self { contender, rounds: Vec::new(), trouble: None, medians: None }
    }

    pub(crate) fn of(&self, metric: impl Fn(&Measured) -> f64) -> Option<Spread> {
        Spread::of(self.rounds.iter().map(metric))
    }

    pub(crate) fn sum_up(&mut self) {
        self.medians = self.medians();
    }

    fn medians(&self) -> Option<Medians> {
        Some(Medians {
            operations_per_second: self.of(Measured::rate)?,
            cpu_us: self.of(Measured::cpu)?,
            switches: self.of(Measured::switches)?,
            p50_us: self.of(|round| round.latency.p50)?,
            p99_us: self.of(|round| round.latency.p99)?,
            p999_us: self.of(|round| round.latency.p999)?,
        })
    }
}

/// All contenders under one workload.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Section {
    pub(crate) workload: Workload,
    /// The operations of each run.
    pub(crate) operations: u64,
    pub(crate) series: Vec<Series>,
}

impl Section {
    pub(crate) fn series(&self, contender: Contender) -> Option<&Series> {
        self.series.iter().find(|series| series.contender == contender)
    }

    /// A contender's figure divided by another's in the same round.
    pub(crate) fn ratio(
        &self,
        subject: Contender,
        reference: Contender,
        metric: impl Fn(&Measured) -> f64,
    ) -> Option<Spread> {
        ratio(self.series(subject)?, self.series(reference)?, metric)
    }
}

/// The ratio of two series, round by round.
pub(crate) fn ratio(
    subject: &Series,
    reference: &Series,
    metric: impl Fn(&Measured) -> f64,
) -> Option<Spread> {
    let pairs = subject.rounds.iter().zip(&reference.rounds);
    Spread::of(pairs.map(|(subject, reference)| metric(subject) / metric(reference)))
}

/// The options that the comparison ran with.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Settings {
    pub(crate) rounds: usize,
    pub(crate) workers: usize,
    pub(crate) scale: f64,
    /// Turns of the computing loop for a microsecond of a callback's work.
    pub(crate) turns: f64,
}

/// All sections, and how they were measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Results {
    pub(crate) machine: Machine,
    pub(crate) settings: Settings,
    pub(crate) sections: Vec<Section>,
    /// Devices that could not be made ready here, and why.
    pub(crate) absent: Vec<(Device, Trouble)>,
}

impl Results {
    pub(crate) fn of_device(&self, device: Device) -> impl Iterator<Item = &Section> {
        self.sections.iter().filter(move |section| section.workload.device == device)
    }

    /// The failures, with the names of workload and contender.
    pub(crate) fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        for section in &self.sections {
            for series in &section.series {
                if let Some(Trouble::Failed(reason)) = &series.trouble {
                    let (device, name) = (section.workload.device.name(), series.contender.name());
                    failures.push(format!("{name} ({device}, {}): {reason}", section.workload));
                }
            }
        }
        failures
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn the_middle_of_an_even_count_is_between_two() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!((spread.min, spread.median, spread.max), (1.0, 2.5, 4.0));
        let spread = Spread::of([3.0, f64::NAN, 1.0, 2.0]).unwrap();
        assert_eq!((spread.min, spread.median, spread.max), (1.0, 2.0, 3.0));
        assert!(Spread::of([]).is_none());
    }
}
