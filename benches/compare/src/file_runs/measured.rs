//! The figures of a run.

use serde::{Deserialize, Serialize};

use crate::metric::{self, Best, Round};

/// The figures of one run of one contender.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) files: u64,
    /// The bytes of all files together.
    pub(crate) bytes: u64,
    pub(crate) seconds: f64,
    /// The time of all threads, and of the processes that they started.
    pub(crate) user_us: f64,
    pub(crate) system_us: f64,
    /// The most memory that was resident, in bytes.
    pub(crate) peak: u64,
}

impl Measured {
    pub(crate) fn files_per_second(&self) -> f64 {
        self.files as f64 / self.seconds
    }

    /// The CPU time of all files.
    fn cpu_us(&self) -> f64 {
        self.user_us + self.system_us
    }
}

pub(crate) type Metric = metric::Metric<Measured>;

pub(crate) const FILES: Metric =
    Metric { name: "files/s", of: Measured::files_per_second, best: Best::Highest };
/// A megabyte has a million bytes.
pub(crate) const BYTES: Metric = Metric {
    name: "MB/s",
    of: |round| round.bytes as f64 / round.seconds / 1e6,
    best: Best::Highest,
};
pub(crate) const CPU: Metric = Metric {
    name: "CPU us/file",
    of: |round| round.cpu_us() / round.files as f64,
    best: Best::Lowest,
};
pub(crate) const USER: Metric = Metric {
    name: "user us/file",
    of: |round| round.user_us / round.files as f64,
    best: Best::Lowest,
};
pub(crate) const SYSTEM: Metric = Metric {
    name: "system us/file",
    of: |round| round.system_us / round.files as f64,
    best: Best::Lowest,
};
/// The CPU time of all files together.
pub(crate) const CPU_SECONDS: Metric =
    Metric { name: "CPU s", of: |round| round.cpu_us() / 1e6, best: Best::Lowest };
pub(crate) const PEAK: Metric = Metric {
    name: "peak MiB",
    of: |round| round.peak as f64 / f64::from(1 << 20),
    best: Best::Lowest,
};

impl Round for Measured {
    const KEPT: &'static [Metric] = &[FILES, BYTES, CPU_SECONDS, PEAK, CPU, USER, SYSTEM];
}
