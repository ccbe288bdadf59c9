//! A child's task and its figures.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::contender::Contender;
use crate::metric::{self, Best, Round};

/// The device that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Device {
    /// `/dev/null`: the kernel completes reads during the submission.
    Null,
    /// A loop device over a file in memory, with `O_DIRECT`.
    Loop,
    /// A file on disk, with `O_DIRECT`.
    Disk,
    /// No device: the latency pair.
    None,
}

impl Device {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Loop => "loop",
            Self::Disk => "disk",
            Self::None => "none",
        }
    }
}

/// The order of the offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Pattern {
    Random,
    Sequential,
}

/// A callback's work besides the checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Work {
    /// It computes for this many microseconds.
    Compute(u64),
    /// It computes for five microseconds, but one in a hundred sleeps for five milliseconds.
    Mix,
}

/// The memory that the reads go into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Memory {
    /// Each buffer is an allocation of its own, on pages of 4 KiB.
    #[default]
    Plain,
    /// One pool of huge pages.
    Pool,
}

impl Memory {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
    pub(crate) fn is_plain(&self) -> bool {
        *self == Self::Plain
    }
}

/// The file or device that is read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) device: Device,
    pub(crate) path: PathBuf,
    /// The bytes from the start that reads stay within.
    pub(crate) len: u64,
}

/// One run of one contender.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) contender: Contender,
    pub(crate) place: Place,
    pub(crate) pattern: Pattern,
    pub(crate) work: Work,
    pub(crate) memory: Memory,
    /// The length of a read in bytes.
    pub(crate) block: usize,
    pub(crate) depth: usize,
    pub(crate) workers: usize,
    /// The operations that are measured. Those of the warm-up come on top.
    pub(crate) operations: u64,
    pub(crate) warm_up: u64,
    /// One operation in this many is timed by the clock.
    pub(crate) stride: u64,
    /// Turns of the computing loop for a microsecond of work. The parent measures this once, so all
    /// children do the same work, and a thread that is preempted has no less to do.
    pub(crate) turns: f64,
}

/// Percentiles of the time from submission to the start of the callback, in microseconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) samples: u64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
}

/// The figures of a run, without its warm-up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) operations: u64,
    pub(crate) seconds: f64,
    /// The time of all threads of the child together.
    pub(crate) user_us: f64,
    pub(crate) system_us: f64,
    pub(crate) voluntary_switches: u64,
    pub(crate) involuntary_switches: u64,
    pub(crate) checksum: u64,
    pub(crate) latency: Latency,
}

pub(crate) type Metric = metric::Metric<Measured>;

pub(crate) const RATE: Metric = Metric {
    name: "operations/s",
    of: |round| round.operations as f64 / round.seconds,
    best: Best::Highest,
};
pub(crate) const CPU: Metric = Metric {
    name: "CPU us/operation",
    of: |round| (round.user_us + round.system_us) / round.operations as f64,
    best: Best::Lowest,
};
pub(crate) const P50: Metric =
    Metric { name: "p50 us", of: |round| round.latency.p50, best: Best::Lowest };
pub(crate) const P99: Metric =
    Metric { name: "p99 us", of: |round| round.latency.p99, best: Best::Lowest };
pub(crate) const SWITCHES: Metric = Metric {
    name: "context switches/operation",
    of: |round| {
        (round.voluntary_switches + round.involuntary_switches) as f64 / round.operations as f64
    },
    best: Best::Lowest,
};

impl Round for Measured {
    const KEPT: &'static [Metric] = &[RATE, CPU, P99, P50];
}
