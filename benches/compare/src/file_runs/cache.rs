//! The page cache: how to empty it, and how to fill it.

use std::env;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;

use super::programs;
use crate::stop::Trouble;

const DROP: &str = "/proc/sys/vm/drop_caches";

/// Empties it, of inodes and names too, but for this program and those that have these names.
pub(crate) fn drop_all(names: &[&str]) -> Result<(), Trouble> {
    let unavailable = |error| {
        Trouble::Unavailable(format!("{DROP}: {error}; it takes root, outside of containers"))
    };
    // The kernel does not drop dirty pages.
    rustix::fs::sync();
    fs::write(DROP, "3").map_err(unavailable)?;
    // No contender is to wait for its own code.
    let installed = names.iter().filter_map(|name| programs::path(name));
    read_all(&env::current_exe().into_iter().chain(installed).collect::<Vec<_>>())
}

pub(crate) fn read_all(paths: &[PathBuf]) -> Result<(), Trouble> {
    let mut buffer = vec![0; 1 << 20];
    let mut read = |path: &PathBuf| -> io::Result<()> {
        let mut file = File::open(path)?;
        while file.read(&mut buffer)? > 0 {}
        Ok(())
    };
    let all = paths.iter().try_for_each(&mut read);
    all.map_err(|error| Trouble::Unavailable(format!("reading: {error}")))
}
