//! The workloads, and how many operations each gets.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::contender::Contender;
use crate::growth;
use crate::kind::Kind;
use crate::load::MIX_QUICK;
use crate::options::Options;
use crate::task::{Device, Memory, Pattern, Place, Task, Work};

/// The time that the measured part of a run should take, in microseconds.
const RUN: f64 = 250_000.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Workload {
    pub(crate) kind: Kind,
    pub(crate) device: Device,
    pub(crate) depth: usize,
    pub(crate) work: Work,
    #[serde(default, skip_serializing_if = "Memory::is_plain")]
    pub(crate) memory: Memory,
    /// The threads for callbacks. `None` stands for as many as the options say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) workers: Option<usize>,
}

/// With this many workers, some are awake while others sleep in slow callbacks of the mix.
pub(crate) const MANY_WORKERS: usize = 16;

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, depth, .. } = self;
        match (kind, self.work, self.memory) {
            (Kind::Stream, _, Memory::Pool) => {
                write!(f, "sequential 1 MiB, depth {depth}, huge-page pool")
            }
            (Kind::Stream, ..) => write!(f, "sequential 1 MiB, depth {depth}"),
            (Kind::Latency, ..) => f.write_str("two hops between threads"),
            (_, Work::Compute(cost), _) => {
                write!(f, "random 4 KiB, depth {depth}, {cost} us callbacks")
            }
            (_, Work::Mix, _) => write!(f, "random 4 KiB, depth {depth}, mixed callbacks"),
        }?;
        match self.workers {
            None => Ok(()),
            Some(1) => f.write_str(", 1 worker"),
            Some(workers) => write!(f, ", {workers} workers"),
        }
    }
}

/// The workloads of a device that the options ask for.
pub(crate) fn of_device(device: Device, options: &Options) -> Vec<Workload> {
    let (memory, workers) = (Memory::Plain, None);
    let workload = |kind, depth, work| Workload { kind, device, depth, work, memory, workers };
    let mut workloads = Vec::new();
    for &depth in &options.depths {
        if options.kinds.contains(&Kind::Random) {
            let costs = options.callbacks_at(depth);
            workloads.extend(
                costs.into_iter().map(|cost| workload(Kind::Random, depth, Work::Compute(cost))),
            );
        }
        // With one request at a time, a slow callback holds up no other.
        if options.kinds.contains(&Kind::Mix) && depth > 1 {
            let mix = workload(Kind::Mix, depth, Work::Mix);
            workloads.push(mix);
            if depth >= MANY_WORKERS {
                workloads.push(Workload { workers: Some(MANY_WORKERS), ..mix });
            }
        }
    }
    if options.kinds.contains(&Kind::Growth) && device == Device::Null {
        workloads.extend(growth::workloads(options));
    }
    if options.kinds.contains(&Kind::Stream) && device != Device::Null {
        let stream = workload(Kind::Stream, 16, Work::Compute(0));
        workloads.extend(options.memories.iter().map(|&memory| Workload { memory, ..stream }));
    }
    workloads
}

/// The latency pair.
pub(crate) const PAIR: Workload = Workload {
    kind: Kind::Latency,
    device: Device::None,
    depth: 1,
    work: Work::Compute(0),
    memory: Memory::Plain,
    workers: None,
};

impl Workload {
    /// The contenders that take part.
    pub(crate) fn contenders(&self, options: &Options) -> Vec<Contender> {
        let wanted = |contender: &Contender| options.contenders.contains(contender);
        if self.kind == Kind::Latency {
            return Contender::PAIR.into_iter().filter(wanted).collect();
        }
        let takes_part =
            |contender: &Contender| self.memory == Memory::Plain || contender.is_reapool();
        let grows =
            |contender: &Contender| self.kind != Kind::Growth || growth::takes_part(*contender);
        Contender::readers().filter(wanted).filter(takes_part).filter(grows).collect()
    }

    /// The task of one contender.
    pub(crate) fn task(&self, contender: Contender, place: Place, options: &Options) -> Task {
        let operations = ((self.operations() * options.scale) as u64).max(4 * self.depth as u64);
        let looks_at_all = self.device == Device::Disk || self.work != Work::Compute(0);
        Task {
            contender,
            place,
            pattern: match self.kind {
                Kind::Stream => Pattern::Sequential,
                _ => Pattern::Random,
            },
            work: self.work,
            memory: self.memory,
            block: if self.kind == Kind::Stream { 1 << 20 } else { 4096 },
            depth: self.depth,
            workers: self.workers.unwrap_or(options.workers),
            operations,
            // This many operations use each buffer at least once or twice.
            warm_up: (operations / 10).max(2 * self.depth as u64),
            // The clock takes a tenth of the time of a read of the null device.
            stride: if looks_at_all || matches!(self.kind, Kind::Stream | Kind::Latency) {
                1
            } else {
                8
            },
            turns: options.turns,
        }
    }

    /// The operations that an average contender should do in [`RUN`], or the device's maximum.
    fn operations(&self) -> f64 {
        // Microseconds for a read, and the maximum.
        let (read, most): (f64, f64) = match (self.kind, self.device, self.depth) {
            // Nearly all of this time is the pause.
            (Kind::Latency, ..) => (100.0, 2_500.0),
            (Kind::Stream, Device::Loop, _) => (300.0, 2_000.0),
            (Kind::Stream, ..) => (800.0, 1_000.0),
            (_, Device::Null, 1) => (8.0, 40_000.0),
            (_, Device::Null | Device::None, _) => (1.25, 200_000.0),
            (_, Device::Loop, 1) => (30.0, 15_000.0),
            (_, Device::Loop, _) => (8.0, 60_000.0),
            (_, Device::Disk, 1) => (100.0, 4_000.0),
            (_, Device::Disk, _) => (20.0, 15_000.0),
        };
        let work = match self.work {
            Work::Compute(microseconds) => microseconds as f64,
            Work::Mix => 50.0 + MIX_QUICK as f64,
        };
        // Some contenders have one thread for callbacks, the others have two.
        (RUN / (read + 0.75 * work)).min(most)
    }
}
