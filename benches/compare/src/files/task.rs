//! What a child is told to do and what it answers.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::contender::Contender;

/// One run of one contender.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) contender: Contender,
    /// The file with the paths, one a line and in order.
    pub(super) list: PathBuf,
}

/// What a run measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Measured {
    pub(super) files: u64,
    /// In all files together.
    pub(super) bytes: u64,
    pub(super) seconds: f64,
    /// All threads, and the processes that were started.
    pub(super) user_us: f64,
    pub(super) system_us: f64,
    /// The most memory that was resident, in bytes.
    pub(super) peak: u64,
    /// BLAKE3 of all digests, in the order of the paths.
    pub(super) digest: String,
}

/// The child's line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Answer<T> {
    Measured(T),
    /// The contender can't do this here, and why.
    Unavailable(String),
}

impl Measured {
    pub(super) fn files_per_second(&self) -> f64 {
        self.files as f64 / self.seconds
    }

    /// Of a million bytes.
    pub(super) fn megabytes_per_second(&self) -> f64 {
        self.bytes as f64 / self.seconds / 1e6
    }

    /// Microseconds a file.
    pub(super) fn cpu(&self) -> f64 {
        (self.user_us + self.system_us) / self.files as f64
    }

    pub(super) fn peak_mib(&self) -> f64 {
        self.peak as f64 / f64::from(1 << 20)
    }
}
