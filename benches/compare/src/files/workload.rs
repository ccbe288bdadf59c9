//! The workloads: which files there are, and what the page cache has of them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::contender::Contender;
use crate::file_runs::cache;
use crate::file_runs::sections;
use crate::file_runs::summing::OfFiles;
use crate::file_runs::tree::{Tree, mixed_sizes};
use crate::stop::Trouble;

/// The sizes of the files, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Shape {
    /// Many files, most of them small, in 100 directories.
    Mixed,
    /// A few files of 64 MiB.
    Large,
}

impl Shape {
    pub(super) const ALL: [Self; 2] = [Self::Mixed, Self::Large];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Mixed => "mixed",
            Self::Large => "large",
        }
    }

    /// The files' sizes, in bytes.
    pub(super) fn sizes(self, scale: f64) -> Vec<u64> {
        match self {
            Self::Mixed => mixed_sizes(20_000.0 * scale),
            Self::Large => vec![((f64::from(64 << 20) * scale) as u64).max(2 << 20); 16],
        }
    }
}

/// The state of the page cache: the part of the files that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Cache {
    /// None of them, and no inodes or names of directories either.
    Cold,
    /// All of them, because they have been read.
    Warm,
}

impl Cache {
    pub(super) const ALL: [Self; 2] = [Self::Cold, Self::Warm];

    /// Prepares the cache once, before the runs of a round.
    pub(super) fn before_round(self, tree: &Tree) -> Result<(), Trouble> {
        match self {
            Self::Cold => self.before_run(),
            Self::Warm => cache::read_all(&tree.paths),
        }
    }

    /// Prepares the cache before each run.
    pub(super) fn before_run(self) -> Result<(), Trouble> {
        match self {
            Self::Cold => cache::drop_all(&["b3sum"]),
            Self::Warm => Ok(()),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Warm => "warm",
        }
    }
}

/// What all contenders do in turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Workload {
    pub(super) shape: Shape,
    pub(super) cache: Cache,
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} files, {}", self.shape.name(), self.cache.name())
    }
}

pub(super) type Section = sections::Section<Workload, Contender>;
pub(crate) type Results = sections::Results<Workload, Contender>;

/// What a section is about.
pub(super) fn title(about: &OfFiles<Workload>) -> String {
    let OfFiles { workload: Workload { shape, cache }, files, bytes } = about;
    let megabytes = *bytes as f64 / 1e6;
    format!("{}: {files} files, {megabytes:.0} MB, {}", shape.name(), cache.name())
}

#[cfg(test)]
mod tests {
    use super::Shape;

    #[test]
    fn the_sizes_are_as_described() {
        let sizes = Shape::Mixed.sizes(1.0);
        assert_eq!(sizes.len(), 20_000);
        let total: u64 = sizes.iter().sum();
        assert!((900_000_000..1_200_000_000).contains(&total), "{total}");
        assert_eq!(Shape::Large.sizes(1.0), [64 << 20; 16]);
    }
}
