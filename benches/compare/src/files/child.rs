//! The child: one contender, one measured run, one line of JSON.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use blake3::Hasher;
use serde::Serialize;

use super::contenders;
use super::task::{Answer, Measured, Task};
use crate::stop::Trouble;
use crate::usage::{self, Usage};

/// Performs the task that is given as JSON, and prints the answer.
pub(crate) fn run(task: &str) -> Result<(), String> {
    crate::child::abort_on_panic();
    let task: Task = serde_json::from_str(task).map_err(|error| format!("the task: {error}"))?;
    answer(measure(&task))
}

pub(super) fn answer<T: Serialize>(measured: Result<T, Trouble>) -> Result<(), String> {
    let answer = match measured {
        Ok(measured) => Answer::Measured(measured),
        Err(Trouble::Unavailable(reason)) => Answer::Unavailable(reason),
        Err(Trouble::Failed(reason)) => return Err(reason),
        Err(Trouble::Stopped) => return Err("stopped".into()),
    };
    let line = serde_json::to_string(&answer).map_err(|error| format!("the answer: {error}"))?;
    writeln!(io::stdout(), "{line}").map_err(|error| format!("standard output: {error}"))
}

fn measure(task: &Task) -> Result<Measured, Trouble> {
    let failed = |error: io::Error| Trouble::Failed(format!("the list: {error}"));
    let paths: Arc<[PathBuf]> = read_list(&task.list).map_err(failed)?.into();
    let (before, start) = (Usage::with_children(), Instant::now());
    // The time includes making threads and buffers: every program that digests files needs them.
    let digests = contenders::digests(task.contender, &paths)?;
    let (elapsed, after) = (start.elapsed(), Usage::with_children());
    let mut all = Hasher::new();
    digests.iter().for_each(|digest| {
        all.update(digest.as_bytes());
    });
    let sizes = paths.iter().map(|path| fs::metadata(path).map(|metadata| metadata.len()));
    Ok(Measured {
        files: digests.len() as u64,
        bytes: sizes.sum::<io::Result<u64>>().map_err(failed)?,
        seconds: elapsed.as_secs_f64(),
        user_us: after.user_us - before.user_us,
        system_us: after.system_us - before.system_us,
        peak: usage::peak_memory().map_err(failed)?,
        digest: all.finalize().to_hex().to_string(),
    })
}

fn read_list(list: &Path) -> io::Result<Vec<PathBuf>> {
    let bytes = fs::read(list)?;
    let lines = bytes.split(|&byte| byte == b'\n');
    Ok(lines.map(|line| PathBuf::from(OsStr::from_bytes(line))).collect())
}
