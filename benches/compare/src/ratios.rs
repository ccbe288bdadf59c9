//! The ratios that sum up the reads.

use crate::contender::Contender::{
    self, Hop, IoEngine, Ping, Raw, RawAgain, ReapoolChained, ReapoolOutside, Sharded, Threads,
    Tokio, Wake,
};
use crate::kind::Kind;
use crate::named::Named;
use crate::ratio::Ratio;
use crate::results::{Results, Section, ratio};
use crate::spread::Spread;
use crate::task::{CPU, Device, Memory, Metric, P50, P99, RATE, SWITCHES, Work};

/// The ways of driving the crate that are compared.
const WAYS: [Contender; 2] = [ReapoolChained, ReapoolOutside];

/// The depth of the ratios that are about one depth, if that depth was run.
const DEPTH: usize = 64;

/// Collects the lines.
struct Ratios<'a> {
    results: &'a Results,
    depth: usize,
    ratios: Vec<Ratio>,
}

/// The ratios that the results have figures for.
pub(crate) fn ratios(results: &Results) -> Vec<Ratio> {
    let depths = || results.sections.iter().map(|section| section.workload.depth);
    let depth =
        if depths().any(|depth| depth == DEPTH) { DEPTH } else { depths().max().unwrap_or(1) };
    let mut ratios = Ratios { results, depth, ratios: Vec::new() };
    ratios.noise();
    for device in [Device::Null, Device::Loop, Device::Disk] {
        ratios.empty_callbacks(device);
    }
    for device in [Device::Loop, Device::Disk] {
        ratios.working_callbacks(device);
    }
    for device in [Device::Null, Device::Loop, Device::Disk] {
        ratios.mixed_callbacks(device);
    }
    ratios.against_io_engine();
    ratios.use_of_disk();
    ratios.memories();
    ratios.hops();
    ratios.ratios
}

impl<'a> Ratios<'a> {
    fn section(&self, device: Device, kind: Kind, work: Work) -> Option<&'a Section> {
        self.results.of_device(device).find(|Section { workload, .. }| {
            (workload.kind, workload.work, workload.depth) == (kind, work, self.depth)
        })
    }

    fn push(&mut self, what: String, metric: Metric, spread: Option<Spread>) {
        self.ratios.extend(spread.map(|spread| Ratio::new(what, metric, "", spread)));
    }

    /// Compares each way with a reference under one workload.
    fn both(&mut self, section: Option<&Section>, reference: Contender, metric: Metric) {
        let Some(section) = section else { return };
        for way in WAYS {
            let (device, name) = (section.workload.device.name(), way.name());
            let what = format!("{name} / {} ({device}, {})", reference.name(), section.workload);
            self.push(what, metric, section.ratio(way, reference, metric));
        }
    }

    /// The difference between two runs of the same contender.
    fn noise(&mut self) {
        for device in [Device::Null, Device::Loop, Device::Disk] {
            let medians = self.results.of_device(device);
            let medians = medians.filter_map(|section| section.ratio(RawAgain, Raw, RATE));
            let what = format!("raw-again / raw ({}, medians of all workloads)", device.name());
            self.push(what, RATE, Spread::of(medians.map(|ratio| ratio.median)));
        }
    }

    fn empty_callbacks(&mut self, device: Device) {
        let section = self.section(device, Kind::Random, Work::Compute(0));
        self.both(section, Raw, RATE);
        if device != Device::Null {
            self.both(section, Raw, CPU);
        }
    }

    fn working_callbacks(&mut self, device: Device) {
        for cost in [20, 100] {
            self.both(self.section(device, Kind::Random, Work::Compute(cost)), Sharded, RATE);
        }
    }

    fn mixed_callbacks(&mut self, device: Device) {
        let (results, depth) = (self.results, self.depth);
        let mixes = results.of_device(device).filter(|Section { workload, .. }| {
            workload.kind == Kind::Mix && workload.depth == depth
        });
        for mix in mixes {
            self.both(Some(mix), Sharded, P99);
        }
    }

    fn against_io_engine(&mut self) {
        for way in WAYS {
            for device in [Device::Null, Device::Loop, Device::Disk] {
                let deep = self.results.of_device(device).filter(|Section { workload, .. }| {
                    workload.depth >= 16 && workload.memory == Memory::Plain
                });
                let medians = deep.filter_map(|section| section.ratio(way, IoEngine, RATE));
                let spread = Spread::of(medians.map(|ratio| ratio.median));
                let (way, device) = (way.name(), device.name());
                let what =
                    format!("{way} / io-engine ({device}, medians of workloads, depth >= 16)");
                self.push(what, RATE, spread);
            }
        }
    }

    fn use_of_disk(&mut self) {
        let section = self.section(Device::Disk, Kind::Random, Work::Compute(0));
        self.both(section, Tokio, CPU);
        self.both(section, Threads, CPU);
        let Some(section) = section else { return };
        let what = format!("reapool-chained, no ratio (disk, {})", section.workload);
        let switches = section
            .series(ReapoolChained)
            .and_then(|series| Spread::of(series.rounds.iter().map(SWITCHES.of)));
        self.push(what, SWITCHES, switches);
    }

    /// Compares the pool with plain pages, if both were run.
    fn memories(&mut self) {
        for device in [Device::Loop, Device::Disk] {
            let section = |memory| {
                self.results.of_device(device).find(|Section { workload, .. }| {
                    workload.kind == Kind::Stream && workload.memory == memory
                })
            };
            let (Some(pool), Some(plain)) = (section(Memory::Pool), section(Memory::Plain)) else {
                continue;
            };
            for way in WAYS {
                let (Some(pool), Some(plain)) = (pool.series(way), plain.series(way)) else {
                    continue;
                };
                let (way, device) = (way.name(), device.name());
                let what = format!("{way}: huge-page pool / plain pages ({device}, 1 MiB)");
                self.push(what, RATE, ratio(pool, plain, RATE));
            }
        }
    }

    fn hops(&mut self) {
        let pair = self.results.of_device(Device::None).next();
        for reference in [Ping, Wake] {
            let spread = pair.and_then(|section| section.ratio(Hop, reference, P50));
            let what = format!("hop / {} (two hops between threads each)", reference.name());
            self.push(what, P50, spread);
        }
    }
}
