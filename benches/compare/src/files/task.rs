//! A child's task, and its answer.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::contender::Contender;

/// One run of one contender.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) contender: Contender,
    /// The file that lists the paths in order, one a line.
    pub(super) list: PathBuf,
}

/// The figures of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Measured {
    pub(super) files: u64,
    /// The bytes of all files together.
    pub(super) bytes: u64,
    pub(super) seconds: f64,
    /// The time of all threads, and of the processes that they started.
    pub(super) user_us: f64,
    pub(super) system_us: f64,
    /// The most memory that was resident, in bytes.
    pub(super) peak: u64,
    /// BLAKE3 of all digests, in the order of the paths.
    pub(super) digest: String,
}

/// The line that the child prints.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Answer<T> {
    Measured(T),
    /// The contender can't do this here, for this reason.
    Unavailable(String),
}

impl Measured {
    pub(super) fn files_per_second(&self) -> f64 {
        self.files as f64 / self.seconds
    }

    /// A megabyte has a million bytes.
    pub(super) fn megabytes_per_second(&self) -> f64 {
        self.bytes as f64 / self.seconds / 1e6
    }

    /// CPU time a file, in microseconds.
    pub(super) fn cpu(&self) -> f64 {
        (self.user_us + self.system_us) / self.files as f64
    }

    pub(super) fn peak_mib(&self) -> f64 {
        self.peak as f64 / f64::from(1 << 20)
    }
}
