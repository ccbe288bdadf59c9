//! A memory cgroup: what a process reads into the page cache is memory of its cgroup, and limited
//! with it.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};
use crate::measure::cgroups::{Parent, Version};

/// The names of all such cgroups, before the number of the process that made one.
const PREFIX: &str = "reapool-query-";

/// A cgroup with limited memory, for the processes of one turn. It is removed when it is dropped.
pub(crate) struct MemoryGroup {
    version: Version,
    directory: PathBuf,
}

impl MemoryGroup {
    pub(crate) fn make(limit: u64) -> Result<Self> {
        let Parent { version, directory } = Parent::find()?;
        remove_left_over(&directory);
        let directory = directory.join(format!("{PREFIX}{}", std::process::id()));
        match fs::create_dir(&directory) {
            // The one of the turn before, which could not be removed yet.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => made.map_err(|error| refused(&directory, &error))?,
        }
        let group = Self { version, directory };
        let file = group.directory.join(version.limit_file());
        fs::write(&file, limit.to_string()).map_err(|error| refused(&file, &error))?;
        Ok(group)
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The memory that it has now. After its processes have ended this is the page cache.
    pub(crate) fn used(&self) -> Result<u64> {
        let file = self.directory.join(self.version.usage_file());
        let text = fs::read_to_string(&file).map_err(|error| Failure::at(&file, error))?;
        text.trim().parse().map_err(|error| Failure::at(&file, error))
    }

    /// Moves this process into the cgroup that has this directory.
    pub(crate) fn join(directory: &Path) -> Result {
        let file = directory.join("cgroup.procs");
        // The process that writes, with all of its threads.
        fs::write(&file, "0").map_err(|error| refused(&file, &error))
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // The next measurement removes what is left over.
        let _ = fs::remove_dir(&self.directory);
    }
}

/// Removes the cgroups of measurements that were killed.
fn remove_left_over(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let maker = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        if maker.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

fn refused(path: &Path, error: &io::Error) -> Failure {
    Failure::at(path, format_args!("no memory cgroup can be made: {error}"))
}
