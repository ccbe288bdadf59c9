//! What a child is told to do and what it answers: one line of JSON each way.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::contender::Contender;

/// Where the reads go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Device {
    /// `/dev/null`: the kernel completes reads during the submission.
    Null,
    /// A loop device over a file in memory, with `O_DIRECT`.
    Loop,
    /// A file on disk, with `O_DIRECT`.
    Disk,
    /// None at all: the latency pair.
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

/// What a callback does besides the checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Work {
    /// So many microseconds of computing.
    Compute(u64),
    /// Five microseconds of computing, but every hundredth sleeps for five milliseconds.
    Mix,
}

/// Which memory the reads go into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Memory {
    /// Each buffer an allocation of its own, on pages of 4 KiB.
    Plain,
    /// One pool of huge pages.
    Pool,
}

/// The file or device that is read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) device: Device,
    pub(crate) path: PathBuf,
    /// The bytes that offsets are drawn from.
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
    /// In bytes.
    pub(crate) block: usize,
    pub(crate) depth: usize,
    pub(crate) workers: usize,
    /// Operations that are measured; those of the warm-up come on top.
    pub(crate) operations: u64,
    pub(crate) warm_up: u64,
    /// Every so manieth operation is stamped with the clock.
    pub(crate) stride: u64,
    /// Turns of the loop that computes, for a microsecond of work. The parent has measured it once,
    /// so all children do the same work, and a thread that is preempted is not let off.
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

/// What a run measured, after its warm-up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) operations: u64,
    pub(crate) seconds: f64,
    /// All threads of the child together.
    pub(crate) user_us: f64,
    pub(crate) system_us: f64,
    pub(crate) voluntary_switches: u64,
    pub(crate) involuntary_switches: u64,
    pub(crate) checksum: u64,
    pub(crate) latency: Latency,
}

/// The child's line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Answer {
    Measured(Measured),
    /// The contender can't do this here, and why.
    Unavailable(String),
}

impl Measured {
    pub(crate) fn rate(&self) -> f64 {
        self.operations as f64 / self.seconds
    }

    pub(crate) fn cpu(&self) -> f64 {
        (self.user_us + self.system_us) / self.operations as f64
    }

    pub(crate) fn switches(&self) -> f64 {
        (self.voluntary_switches + self.involuntary_switches) as f64 / self.operations as f64
    }
}
