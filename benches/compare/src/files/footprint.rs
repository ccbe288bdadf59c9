//! The check of memory: how much the files layer needs beside the bytes that it was allowed.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reapool::{Chunk, Dispatcher, Files, Policy};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use walkdir::WalkDir;

use crate::answer;
use crate::file_runs::cache;
use crate::fixture;
use crate::load::scramble;
use crate::options::Options;
use crate::progress::Progress;
use crate::run;
use crate::stop::{Stop, Trouble};
use crate::usage;

/// The bytes that the layer is allowed for all files together.
const BOUND: usize = 64 << 20;
const FILES_EACH: u64 = 100;
const MIB: f64 = (1 << 20) as f64;
const LIMIT: Duration = Duration::from_secs(600);

/// One run.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Task {
    policy: Way,
    root: PathBuf,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Way {
    Automatic,
    Direct,
    Buffered,
}

/// The memory that a run needed, in bytes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Measured {
    /// Resident memory before there was a dispatcher.
    before: u64,
    peak: u64,
    files: u64,
    bytes: u64,
    seconds: f64,
}

/// Performs the task that is given as JSON, and prints the answer.
pub(crate) fn child(task: &str) -> Result<(), String> {
    crate::child::abort_on_panic();
    let task: Task = serde_json::from_str(task).map_err(|error| format!("the task: {error}"))?;
    answer::print(measure(task).map_err(|error| Trouble::Failed(error.to_string())))
}

/// Counts files and bytes. Paths and results are not kept: otherwise this would measure their
/// memory.
fn measure(Task { policy, root }: Task) -> Result<Measured, Box<dyn std::error::Error>> {
    let before = usage::resident("VmRSS:")?;
    let start = Instant::now();
    let dispatcher = Dispatcher::new()?;
    let policy = match policy {
        Way::Automatic => Policy::Automatic,
        Way::Direct => Policy::Direct,
        Way::Buffered => Policy::Buffered,
    };
    let files = Files::builder(&dispatcher).policy(policy).memory(BOUND).build()?;
    let entries = WalkDir::new(root).into_iter().filter_map(Result::ok);
    let paths = entries.filter(|entry| entry.file_type().is_file()).map(|entry| entry.into_path());
    let run = files.stream(
        paths,
        |_| 0,
        |bytes: &mut u64, chunk: Chunk| *bytes += chunk.len() as u64,
        |bytes: u64, _| bytes,
    );
    let (mut count, mut bytes) = (0, 0);
    for done in run {
        count += 1;
        bytes += done?.value;
    }
    let seconds = start.elapsed().as_secs_f64();
    Ok(Measured { before, peak: usage::peak_memory()?, files: count, bytes, seconds })
}

/// Files to be read, until this is dropped.
struct Fixture {
    what: String,
    files: u64,
    bytes: u64,
    directory: TempDir,
}

/// Prints a table, and returns the failures. `None` if it was stopped.
pub(crate) fn check(options: &Options, stop: &Stop) -> io::Result<Option<Vec<String>>> {
    let (mut text, mut failures) = (String::new(), Vec::new());
    let _ = writeln!(
        text,
        "MiB of resident memory, with {} allowed for buffers.\n\n\
         | files | cache | policy | before | peak | peak - allowed | peak - before - allowed | s |\n\
         |---|---|---|{}",
        BOUND >> 20,
        "---:|".repeat(5)
    );
    let progress = Progress::of(12);
    for make in [many, huge] {
        progress.say("making files");
        let fixture = match make(options, stop) {
            Ok(fixture) => fixture,
            Err(Trouble::Stopped) => return Ok(None),
            Err(trouble) => {
                failures.push(trouble.to_string());
                continue;
            }
        };
        for cold in [true, false] {
            for policy in [Way::Automatic, Way::Direct, Way::Buffered] {
                match row(&fixture, cold, policy, stop) {
                    Ok(row) => text.push_str(&row),
                    Err(Trouble::Stopped) => return Ok(None),
                    Err(Trouble::Unavailable(reason)) => {
                        let what = &fixture.what;
                        progress.complain(&format!("skipped: {policy:?} ({what}): {reason}"));
                    }
                    Err(trouble) => {
                        let what = &fixture.what;
                        failures.push(format!("{policy:?} ({what}, cold: {cold}): {trouble}"));
                    }
                }
                progress.advance(1);
            }
        }
    }
    progress.finish();
    io::stdout().write_all(text.as_bytes())?;
    Ok(Some(failures))
}

fn row(fixture: &Fixture, cold: bool, policy: Way, stop: &Stop) -> Result<String, Trouble> {
    let root = fixture.directory.path();
    let prepared = if cold { cache::drop_all(&[]) } else { cache::read_all(&files_below(root)) };
    prepared?;
    let task = Task { policy, root: root.to_owned() };
    let measured: Measured = run::answer("run-memory", &task, LIMIT, stop)?;
    let found = (measured.files, measured.bytes);
    if found != (fixture.files, fixture.bytes) {
        let wanted = (fixture.files, fixture.bytes);
        let what = format!("files and bytes were {found:?} instead of {wanted:?}");
        return Err(Trouble::Failed(what));
    }
    let (before, peak) = (measured.before as f64 / MIB, measured.peak as f64 / MIB);
    let (over, cache) = (peak - BOUND as f64 / MIB, if cold { "cold" } else { "warm" });
    Ok(format!(
        "| {} | {cache} | {policy:?} | {before:.1} | {peak:.1} | {over:.1} | {:.1} | {:.1} |\n",
        fixture.what,
        over - before,
        measured.seconds
    ))
}

fn files_below(root: &Path) -> Vec<PathBuf> {
    let entries = WalkDir::new(root).into_iter().filter_map(Result::ok);
    let files = entries.filter(|entry| entry.file_type().is_file());
    files.map(|entry| entry.into_path()).collect()
}

fn absent(error: io::Error) -> Trouble {
    Trouble::Unavailable(format!("the files: {error}"))
}

/// 200,000 files of up to 8 KiB in 2,000 directories.
fn many(options: &Options, stop: &Stop) -> Result<Fixture, Trouble> {
    const MOST: u64 = 8 << 10;
    let directories = ((2_000.0 * options.scale) as u64).max(1);
    let directory = fixture::directory_in(&fixture::disk_directory(options)?)?;
    let contents: Vec<u8> = (0..MOST).map(|number| number as u8).collect();
    let mut bytes = 0;
    for number in 0..directories {
        if stop.is_asked() {
            return Err(Trouble::Stopped);
        }
        let inner = directory.path().join(format!("d{number}"));
        fs::create_dir(&inner).map_err(absent)?;
        for file in 0..FILES_EACH {
            let size = scramble(number << 32 | file) % (MOST + 1);
            let path = inner.join(format!("f{file}"));
            fs::write(path, &contents[..size as usize]).map_err(absent)?;
            bytes += size;
        }
    }
    let files = directories * FILES_EACH;
    Ok(Fixture { what: format!("{files} of up to 8 KiB"), files, bytes, directory })
}

/// One file of 8 GiB that is a single hole, without a block on the disk.
fn huge(options: &Options, _: &Stop) -> Result<Fixture, Trouble> {
    let directory = fixture::directory_in(&fixture::disk_directory(options)?)?;
    let bytes = (8.0 * options.scale * (1_u64 << 30) as f64) as u64;
    let file = File::create(directory.path().join("sparse")).map_err(absent)?;
    file.set_len(bytes).map_err(absent)?;
    let what = format!("1 of {} MiB, sparse", bytes >> 20);
    Ok(Fixture { what, files: 1, bytes, directory })
}
