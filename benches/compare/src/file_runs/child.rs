//! The child's part of a run: it reads the list of files, and measures a contender.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::measured::Measured;
use crate::stop::Trouble;
use crate::usage::{self, Usage};

fn failed(error: io::Error) -> Trouble {
    Trouble::Failed(format!("the files: {error}"))
}

/// The paths that a list has, one a line.
pub(crate) fn read_list(list: &Path) -> Result<Vec<PathBuf>, Trouble> {
    let bytes = fs::read(list).map_err(failed)?;
    let lines = bytes.split(|&byte| byte == b'\n');
    Ok(lines.map(|line| PathBuf::from(OsStr::from_bytes(line))).collect())
}

/// Measures a run over these files. The time includes making threads and buffers: every program
/// that works on files needs them.
pub(crate) fn measure<T>(
    paths: &[PathBuf],
    run: impl FnOnce() -> Result<T, Trouble>,
) -> Result<(Measured, T), Trouble> {
    let (before, start) = (Usage::with_children(), Instant::now());
    let value = run()?;
    let (elapsed, after) = (start.elapsed(), Usage::with_children());
    let sizes = paths.iter().map(|path| fs::metadata(path).map(|metadata| metadata.len()));
    let measured = Measured {
        files: paths.len() as u64,
        bytes: sizes.sum::<io::Result<u64>>().map_err(failed)?,
        seconds: elapsed.as_secs_f64(),
        user_us: after.user_us - before.user_us,
        system_us: after.system_us - before.system_us,
        peak: usage::peak_memory().map_err(failed)?,
    };
    Ok((measured, value))
}
