//! The figures of a run.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::results::Spread;

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

    /// A megabyte has a million bytes.
    pub(crate) fn megabytes_per_second(&self) -> f64 {
        self.bytes as f64 / self.seconds / 1e6
    }

    /// CPU time a file, in microseconds.
    pub(crate) fn cpu(&self) -> f64 {
        (self.user_us + self.system_us) / self.files as f64
    }

    /// CPU time of all files together.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        (self.user_us + self.system_us) / 1e6
    }

    pub(crate) fn peak_mib(&self) -> f64 {
        self.peak as f64 / f64::from(1 << 20)
    }
}

/// A figure that contenders are compared by.
#[derive(Clone, Copy)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) of: fn(&Measured) -> f64,
    pub(crate) best: Best,
}

#[derive(Clone, Copy)]
pub(crate) enum Best {
    Highest,
    Lowest,
}

impl Metric {
    /// Compares medians; the better one is greater.
    pub(crate) fn compare(self, one: &Spread, other: &Spread) -> Ordering {
        let order = one.median.total_cmp(&other.median);
        match self.best {
            Best::Highest => order,
            Best::Lowest => order.reverse(),
        }
    }
}

pub(crate) const FILES: Metric =
    Metric { name: "files/s", of: Measured::files_per_second, best: Best::Highest };
pub(crate) const BYTES: Metric =
    Metric { name: "MB/s", of: Measured::megabytes_per_second, best: Best::Highest };
