//! Programs that copy a tree. They find its files themselves.

use std::path::Path;
use std::process::Command;

use super::Work;
use crate::file_runs::programs;
use crate::stop::{Trouble, failed};

/// Writes each file under its final name at once: `cp` knows no other way.
pub(super) fn cp(work: &Work) -> Result<(), Trouble> {
    // Not the directory itself, but what is in it.
    copy("cp", "-r", &work.root.join("."), &work.targets)
}

/// Writes each file under a temporary name.
pub(super) fn rsync(work: &Work) -> Result<(), Trouble> {
    copy("rsync", "-a", &work.root.join(""), &work.targets)
}

fn copy(name: &str, option: &str, from: &Path, to: &Path) -> Result<(), Trouble> {
    let program = programs::path(name)
        .ok_or_else(|| Trouble::Unavailable(format!("{name} is not installed")))?;
    let output = Command::new(program).arg(option).arg(from).arg(to).output();
    let output = output.map_err(failed(name))?;
    if output.status.success() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Trouble::Failed(format!("{}: {}", output.status, errors.trim())))
}
