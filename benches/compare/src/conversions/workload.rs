//! The workloads: which files there are, and what is made of them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::contender::Contender;
use crate::file_runs::measured::{BYTES, FILES, Metric};
use crate::file_runs::sections;
use crate::file_runs::summing::OfFiles;
use crate::file_runs::tree::mixed_sizes;
use crate::options::Options;

/// What all contenders do in turns. The page cache has nothing of the sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Workload {
    /// Copies many files, most of them small.
    Copy,
    /// Compresses the same files.
    Compress,
    /// Copies fewer of such files, each of which is on the device before it has its name.
    Sync,
    /// Copies four large files.
    Large,
    /// Reads one large file, and writes none.
    Reader,
}

/// The workloads, in the order of their sections. Those that have the same files are neighbours.
impl Workload {
    pub(crate) const ALL: [Self; 5] =
        [Self::Copy, Self::Compress, Self::Sync, Self::Large, Self::Reader];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Compress => "compress",
            Self::Sync => "sync",
            Self::Large => "large",
            Self::Reader => "reader",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Copy => "mixed files, copied",
            Self::Compress => "mixed files, compressed",
            Self::Sync => "mixed files, copied and synced",
            Self::Large => "large files, copied",
            Self::Reader => "one file, read",
        }
    }

    /// The sizes of the sources, in bytes, if there is room on the disk for this part of all.
    pub(super) fn sizes(self, options: &Options, part: f64) -> Vec<u64> {
        let of_mib = |mib: u64| ((mib << 20) as f64 * part) as u64;
        match self {
            Self::Copy | Self::Compress => mixed_sizes(20_000.0 * options.scale * part),
            Self::Sync => mixed_sizes(2_000.0 * options.scale * part),
            Self::Large => vec![of_mib(options.large_mib); 4],
            Self::Reader => vec![of_mib(options.reader_mib)],
        }
    }

    /// Whether the other has the same sources.
    pub(super) fn shares_files(self, other: Self) -> bool {
        let small = |workload| matches!(workload, Self::Copy | Self::Compress);
        self == other || (small(self) && small(other))
    }

    /// The speed that matters: files a second for many files, megabytes a second for large ones.
    pub(super) const fn speed(self) -> Metric {
        match self {
            Self::Copy | Self::Compress | Self::Sync => FILES,
            Self::Large | Self::Reader => BYTES,
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

pub(super) type Section = sections::Section<Workload, Contender>;
pub(crate) type Results = sections::Results<Workload, Contender>;

/// What a section is about.
pub(super) fn title(about: &OfFiles<Workload>) -> String {
    let OfFiles { workload, files, bytes } = about;
    let many = if *files == 1 { String::new() } else { format!("{files} files, ") };
    format!("{workload}: {many}{:.0} MB", *bytes as f64 / 1e6)
}
