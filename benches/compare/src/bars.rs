//! The ratios that sum up the reads.

use serde::Serialize;

use crate::contender::Contender::{
    self, Hop, IoEngine, Ping, Raw, RawAgain, ReapoolChained, ReapoolOutside, Sharded, Threads,
    Tokio, Wake,
};
use crate::kind::Kind;
use crate::results::{Results, Section, Spread, ratio};
use crate::task::{Device, Measured, Memory, Work};

/// The ways of driving the crate that are compared.
const WAYS: [Contender; 2] = [ReapoolChained, ReapoolOutside];

/// The depth of the ratios that are about one depth, if that depth was run.
const DEPTH: usize = 64;

/// One line: a ratio, or a figure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Bar {
    pub(crate) what: String,
    pub(crate) metric: &'static str,
    /// The spread of the rounds, or of the workloads' medians where `what` says so.
    pub(crate) spread: Spread,
}

/// The figure that is divided, and its name.
#[derive(Clone, Copy)]
struct Metric {
    name: &'static str,
    of: fn(&Measured) -> f64,
}

const RATE: Metric = Metric { name: "operations/s", of: Measured::rate };
const CPU: Metric = Metric { name: "CPU/operation", of: Measured::cpu };
const P50: Metric = Metric { name: "p50", of: |measured| measured.latency.p50 };
const P99: Metric = Metric { name: "p99 of quick ones", of: |measured| measured.latency.p99 };

/// Collects the lines.
struct Bars<'a> {
    results: &'a Results,
    depth: usize,
    bars: Vec<Bar>,
}

/// The ratios that the results have figures for.
pub(crate) fn bars(results: &Results) -> Vec<Bar> {
    let depths = || results.sections.iter().map(|section| section.workload.depth);
    let depth =
        if depths().any(|depth| depth == DEPTH) { DEPTH } else { depths().max().unwrap_or(1) };
    let mut bars = Bars { results, depth, bars: Vec::new() };
    bars.noise();
    for device in [Device::Null, Device::Loop, Device::Disk] {
        bars.empty_callbacks(device);
    }
    for device in [Device::Loop, Device::Disk] {
        bars.working_callbacks(device);
    }
    for device in [Device::Null, Device::Loop, Device::Disk] {
        bars.mixed_callbacks(device);
    }
    bars.against_io_engine();
    bars.use_of_disk();
    bars.memories();
    bars.hops();
    bars.bars
}

impl<'a> Bars<'a> {
    fn section(&self, device: Device, kind: Kind, work: Work) -> Option<&'a Section> {
        self.results.of_device(device).find(|Section { workload, .. }| {
            (workload.kind, workload.work, workload.depth) == (kind, work, self.depth)
        })
    }

    fn push(&mut self, what: String, metric: &'static str, spread: Option<Spread>) {
        self.bars.extend(spread.map(|spread| Bar { what, metric, spread }));
    }

    /// Compares each way with a reference under one workload.
    fn both(&mut self, section: Option<&Section>, reference: Contender, metric: Metric) {
        let Some(section) = section else { return };
        for way in WAYS {
            let (device, name) = (section.workload.device.name(), way.name());
            let what = format!("{name} / {} ({device}, {})", reference.name(), section.workload);
            self.push(what, metric.name, section.ratio(way, reference, metric.of));
        }
    }

    /// The difference between two runs of the same contender.
    fn noise(&mut self) {
        for device in [Device::Null, Device::Loop, Device::Disk] {
            let ratios = self.results.of_device(device);
            let ratios = ratios.filter_map(|section| section.ratio(RawAgain, Raw, RATE.of));
            let what = format!("raw-again / raw ({}, medians of all workloads)", device.name());
            self.push(what, RATE.name, Spread::of(ratios.map(|ratio| ratio.median)));
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
                let ratios = deep.filter_map(|section| section.ratio(way, IoEngine, RATE.of));
                let spread = Spread::of(ratios.map(|ratio| ratio.median));
                let (way, device) = (way.name(), device.name());
                let what =
                    format!("{way} / io-engine ({device}, medians of workloads, depth >= 16)");
                self.push(what, RATE.name, spread);
            }
        }
    }

    fn use_of_disk(&mut self) {
        let section = self.section(Device::Disk, Kind::Random, Work::Compute(0));
        self.both(section, Tokio, CPU);
        self.both(section, Threads, CPU);
        let Some(section) = section else { return };
        let what = format!("reapool-chained (disk, {})", section.workload);
        let switches =
            section.series(ReapoolChained).and_then(|series| series.of(Measured::switches));
        self.push(what, "context switches/operation, no ratio", switches);
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
                self.push(what, RATE.name, ratio(pool, plain, RATE.of));
            }
        }
    }

    fn hops(&mut self) {
        let pair = self.results.of_device(Device::None).next();
        for reference in [Ping, Wake] {
            let spread = pair.and_then(|section| section.ratio(Hop, reference, P50.of));
            let what = format!("hop / {} (two hops between threads each)", reference.name());
            self.push(what, P50.name, spread);
        }
    }
}
