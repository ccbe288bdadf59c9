//! The rounds: contender after contender, again and again.

use std::time::Duration;

use crate::file_runs::rounds::order;
use crate::fixture::Fixture;
use crate::kind::Kind;
use crate::load::Load;
use crate::machine::Machine;
use crate::named::Named;
use crate::options::Options;
use crate::progress::Progress;
use crate::results::{Results, Section, Series, Settings};
use crate::run::run;
use crate::stop::{Stop, Trouble};
use crate::task::{Device, Place};
use crate::workload::{self, Workload};

/// A run of the normal scale takes about a second; one that takes this long hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs the rounds.
pub(crate) struct Rounds<'a> {
    pub(crate) options: &'a Options,
    pub(crate) stop: &'a Stop,
    progress: Progress,
    /// The time limit of one run.
    limit: Duration,
}

impl<'a> Rounds<'a> {
    pub(crate) fn new(options: &'a Options, stop: &'a Stop) -> Self {
        let runs = |workload: Workload| options.rounds * workload.contenders(options).len();
        let all = options.devices.iter().flat_map(|&device| workload::of_device(device, options));
        let progress = Progress::of(all.chain(pair(options)).map(runs).sum());
        let limit = LIMIT.mul_f64(options.scale.max(1.0));
        Self { options, stop, progress, limit }
    }

    /// Runs everything. `None` if it was stopped.
    pub(crate) fn run(&self, machine: Machine) -> Option<Results> {
        let Options { rounds, workers, scale, turns, .. } = *self.options;
        let settings = Settings { rounds, workers, scale, turns };
        let (sections, absent) = (Vec::new(), Vec::new());
        let mut results = Results { machine, settings, sections, absent };
        for &device in &self.options.devices {
            let workloads = workload::of_device(device, self.options);
            if workloads.is_empty() {
                continue;
            }
            self.progress.say(&format!("{}: getting ready", device.name()));
            match Fixture::make(device, self.options, self.stop) {
                Ok(fixture) => {
                    for workload in workloads {
                        results.sections.push(self.section(workload, &fixture.place)?);
                    }
                }
                Err(Trouble::Stopped) => return None,
                Err(trouble) => {
                    self.progress.say(&format!("{}: {trouble}", device.name()));
                    results.absent.push((device, trouble));
                }
            }
        }
        if let Some(workload) = pair(self.options) {
            let place = Place { device: Device::None, path: "/dev/null".into(), len: 1 << 20 };
            results.sections.push(self.section(workload, &place)?);
        }
        self.progress.finish();
        Some(results)
    }

    /// All rounds of one workload.
    fn section(&self, workload: Workload, place: &Place) -> Option<Section> {
        let contenders = workload.contenders(self.options);
        self.progress.say(&format!("{}: {workload}", place.device.name()));
        let mut section = Section { workload, operations: 0, series: Vec::new() };
        section.series.extend(contenders.iter().map(|&contender| Series::new(contender)));
        let mut expected = None;
        for round in 0..self.options.rounds {
            for index in order(round, contenders.len()) {
                let task = workload.task(contenders[index], place.clone(), self.options);
                let load = Load { task };
                section.operations = load.task.operations;
                let expected = *expected.get_or_insert_with(|| load.expected());
                self.turn(&mut section.series[index], &load, expected)?;
                self.progress.advance(1);
            }
        }
        Some(section)
    }

    /// One turn of one contender; `None` if it was stopped.
    fn turn(&self, series: &mut Series, load: &Load, expected: u64) -> Option<()> {
        if series.trouble.is_some() {
            return Some(());
        }
        match run(&load.task, expected, self.limit, self.stop) {
            Ok(measured) => series.rounds.push(measured),
            Err(Trouble::Stopped) => return None,
            Err(trouble) => {
                let name = series.contender.name();
                self.progress.complain(&format!("{name}: {trouble}"));
                series.trouble = Some(trouble);
            }
        }
        Some(())
    }
}

fn pair(options: &Options) -> Option<Workload> {
    options.kinds.contains(&Kind::Latency).then_some(workload::PAIR)
}
