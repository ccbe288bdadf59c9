//! The child: one contender, one measured run, one line of JSON.

use std::path::PathBuf;
use std::sync::Arc;

use super::contenders;
use super::task::{Digested, Task};
use crate::answer;
use crate::file_runs::child::{measure, read_list};
use crate::file_runs::tree::digest_of;
use crate::stop::Trouble;

/// Performs the task that is given as JSON, and prints the answer.
pub(crate) fn run(task: &str) -> Result<(), String> {
    crate::child::abort_on_panic();
    let task: Task = serde_json::from_str(task).map_err(|error| format!("the task: {error}"))?;
    answer::print(digested(&task))
}

fn digested(task: &Task) -> Result<Digested, Trouble> {
    let paths: Arc<[PathBuf]> = read_list(&task.list)?.into();
    let (measured, digests) = measure(&paths, || contenders::digests(task.contender, &paths))?;
    Ok(Digested { measured, digest: digest_of(&digests).to_hex().to_string() })
}
