//! The kinds of workloads, and their names.

use serde::{Deserialize, Serialize};

/// A kind of workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Random 4 KiB reads, all callbacks alike.
    Random,
    /// Random 4 KiB reads, one callback in a hundred slow.
    Mix,
    /// Sequential reads of 1 MiB.
    Stream,
    /// Two hops between threads.
    Latency,
    /// Random 4 KiB reads, more and more at a time, with more and more workers.
    Growth,
    /// Digests of files: [`crate::files`].
    Files,
    /// From files to files: [`crate::conversions`].
    Conversions,
}

impl Kind {
    pub(crate) const ALL: [Self; 7] = [
        Self::Random,
        Self::Mix,
        Self::Stream,
        Self::Latency,
        Self::Growth,
        Self::Files,
        Self::Conversions,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Mix => "mix",
            Self::Stream => "stream",
            Self::Latency => "latency",
            Self::Growth => "growth",
            Self::Files => "files",
            Self::Conversions => "conversions",
        }
    }

    /// Whether this is one of the workloads that are compared as reads.
    pub(crate) const fn reads(self) -> bool {
        matches!(self, Self::Random | Self::Mix | Self::Stream | Self::Latency)
    }
}
