//! The child: one contender, one measured run, one line of JSON.

use std::path::PathBuf;

use super::contenders::{self, Work};
use super::pair::Pair;
use super::task::{Done, Task};
use super::workload::Workload;
use crate::answer;
use crate::file_runs::child::{measure, read_list};
use crate::stop::Trouble;

/// Performs the task that is given as JSON, and prints the answer.
pub(crate) fn run(task: &str) -> Result<(), String> {
    crate::child::abort_on_panic();
    let task: Task = serde_json::from_str(task).map_err(|error| format!("the task: {error}"))?;
    answer::print(done(task))
}

fn done(task: Task) -> Result<Done, Trouble> {
    let Task { contender, workload, list, root, targets } = task;
    let sources = read_list(&list)?;
    if workload == Workload::Reader {
        let (measured, checksum) = measure(&sources, || contenders::read(contender, &sources[0]))?;
        return Ok(Done { measured, checksum: Some(checksum) });
    }
    let pair = |source: &PathBuf| Pair::of(source, &root, &targets, workload);
    let pairs = sources.iter().map(pair).collect();
    let work = Work { workload, pairs, root, targets };
    let (measured, ()) = measure(&sources, || contenders::convert(contender, &work))?;
    Ok(Done { measured, checksum: None })
}
