//! The page cache before a run.

use std::env;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;

use serde::Serialize;

use super::contenders;
use super::tree::Tree;
use crate::stop::Trouble;

const DROP: &str = "/proc/sys/vm/drop_caches";

/// The state of the page cache: the part of the files that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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
        let unavailable = |error: io::Error| Trouble::Unavailable(format!("reading: {error}"));
        match self {
            Self::Cold => Ok(()),
            Self::Warm => read_all(&tree.paths).map_err(unavailable),
        }
    }

    /// Prepares the cache before each run.
    pub(super) fn before_run(self) -> Result<(), Trouble> {
        let unavailable = |error| {
            Trouble::Unavailable(format!("{DROP}: {error}; it takes root, outside of containers"))
        };
        match self {
            Self::Cold => drop_all().map_err(unavailable),
            Self::Warm => Ok(()),
        }
    }
}

impl fmt::Display for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cold => "cold",
            Self::Warm => "warm",
        })
    }
}

pub(super) fn drop_all() -> io::Result<()> {
    // The kernel does not drop dirty pages.
    rustix::fs::sync();
    fs::write(DROP, "3")?;
    // The programs were dropped as well, and no contender is to wait for its own code.
    let programs: Vec<PathBuf> =
        env::current_exe().into_iter().chain(contenders::b3sum_path()).collect();
    read_all(&programs)
}

pub(super) fn read_all(paths: &[PathBuf]) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 20];
    for path in paths {
        let mut file = File::open(path)?;
        while file.read(&mut buffer)? > 0 {}
    }
    Ok(())
}
