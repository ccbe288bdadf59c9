//! A child's task, and its answer.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::contender::Contender;
use crate::file_runs::measured::Measured;
use crate::named;

/// One run of one contender.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Task {
    #[serde(with = "named")]
    pub(super) contender: Contender,
    /// The file that lists the paths in order, one a line.
    pub(super) list: PathBuf,
}

/// The figures of a run, and what it found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Digested {
    pub(super) measured: Measured,
    /// BLAKE3 of all digests, in the order of the paths.
    pub(super) digest: String,
}
