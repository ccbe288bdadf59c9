//! The figures of a run.

use serde::{Deserialize, Serialize};

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

    pub(crate) fn peak_mib(&self) -> f64 {
        self.peak as f64 / f64::from(1 << 20)
    }
}
