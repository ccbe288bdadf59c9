//! The figures of the reads, round by round.

use serde::{Deserialize, Serialize};

use crate::contender::Contender;
use crate::machine::Machine;
use crate::named::Named;
use crate::spread::Spread;
use crate::stop::Trouble;
use crate::task::{Device, Measured, Metric};
use crate::workload::Workload;

/// All rounds of one contender under one workload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Series {
    pub(crate) contender: Contender,
    /// One for each round, unless the contender had trouble.
    pub(crate) rounds: Vec<Measured>,
    pub(crate) trouble: Option<Trouble>,
}

impl Series {
    pub(crate) fn new(contender: Contender) -> Self {
        Self { contender, rounds: Vec::new(), trouble: None }
    }
}

/// All contenders under one workload.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
        metric: Metric,
    ) -> Option<Spread> {
        ratio(self.series(subject)?, self.series(reference)?, metric)
    }
}

/// The ratio of two series, round by round.
pub(crate) fn ratio(subject: &Series, reference: &Series, metric: Metric) -> Option<Spread> {
    let pairs = subject.rounds.iter().zip(&reference.rounds);
    Spread::of(pairs.map(|(subject, reference)| (metric.of)(subject) / (metric.of)(reference)))
}

/// The options that the comparison ran with.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) rounds: usize,
    pub(crate) workers: usize,
    pub(crate) scale: f64,
    /// Turns of the computing loop for a microsecond of a callback's work.
    pub(crate) turns: f64,
}

/// All sections, and how they were measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
