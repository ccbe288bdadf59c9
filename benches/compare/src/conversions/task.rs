//! A child's task, and its answer.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::contender::Contender;
use super::workload::Workload;
use crate::file_runs::measured::Measured;
use crate::named;

/// One run of one contender.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Task {
    #[serde(with = "named")]
    pub(super) contender: Contender,
    pub(super) workload: Workload,
    /// The file that lists the sources in order, one a line.
    pub(super) list: PathBuf,
    /// The directory that has the sources.
    pub(super) root: PathBuf,
    /// The directory for the targets. It has the same directories as the other.
    pub(super) targets: PathBuf,
}

/// The figures of a run, and what it found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Done {
    pub(super) measured: Measured,
    /// What a reader read. Targets are checked by the parent.
    pub(super) checksum: Option<u32>,
}
