//! Searches files for lines that match a regular expression or contain a string, as `grep -r` does.
//!
//! `cargo run --release --example search -- [OPTIONS] PATTERN [PATH...]`; `--help` lists the
//! options. `--count` counts as `LC_ALL=C grep --text --count` does.
//!
//! Workers search the chunks that have been read, many lines at once, while more is read of the
//! same file and of others. The lines to be printed of a file wait for its turn in memory, or in a
//! temporary file if there are many. A file whose line finds no room beside those of the others is
//! searched again when its result is wanted, alone.

mod carry;
mod late;
mod options;
mod paths;
mod pattern;
mod scan;
#[path = "../shared/mod.rs"]
mod shared;

use std::error::Error;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;
use std::sync::Arc;

use indicatif::HumanBytes;
use reapool::{Chunk, FileErrorKind, FileInfo, FilesRun, Processed};

use crate::carry::Room;
use crate::late::Late;
use crate::options::{Options, parse_arguments};
use crate::paths::{Filters, paths};
use crate::scan::{Found, Outcome, Query, Scan, Wanted};
use crate::shared::count::{Count, sizes};
use crate::shared::descriptors;
use crate::shared::fallbacks::Fallbacks;
use crate::shared::interrupt::Interrupt;
use crate::shared::names::reason;
use crate::shared::output::{Output, has_arrived};
use crate::shared::screen::Screen;
use crate::shared::watch::{Stage, Watch};

/// The exit statuses of grep.
const MATCHED: u8 = 0;
const NOTHING: u8 = 1;
const FAILURE: u8 = 2;

/// How many files may be in progress, from their beginning until they have been printed. Each can
/// hold a temporary file open.
const FILES: usize = 256;

fn run(options: Options) -> Result<u8, Box<dyn Error>> {
    let Options { settings, order, pattern, wanted, memory, no_ignore, hidden, paths: named } =
        options;
    let interrupt = Interrupt::listen()?;
    let screen = Screen::new("search", settings.quiet);
    let output = Output::new(&screen);
    let dispatcher = settings.dispatcher()?;
    let mut builder = settings.files(&dispatcher).order(order);
    if matches!(wanted, Wanted::Lines { .. }) {
        // Half of them can be open themselves, too: that makes three descriptors for two files.
        let most = FILES.min(descriptors::files_at_once(3) * 2);
        builder = builder.files_at_once(most / 2).results(most);
    }
    let files = builder.build()?;

    // A file in progress has its lines here twice: on their way to where they wait, and there.
    let spool = (memory.printed / (2 * FILES)).clamp(4 << 10, 64 << 10);
    let query = Arc::new(Query { pattern, wanted, max_line: memory.max_line, spool });
    let room = Room::new(memory.lines);
    let late = Late::new(&files, &query, &interrupt);
    let filters = Filters { no_ignore, hidden };
    let count = Count::start(&screen, sizes(paths(named.clone(), filters, screen.for_a_count())))?;
    let run = files.stream(
        paths(named, filters, screen.clone()),
        move |file: &FileInfo| Scan::begin(&query, &room, file.path()),
        |scan: &mut Scan, chunk: Chunk| scan.chunk(&chunk),
        |scan, _| scan.finish(),
    );
    let stage = Stage::of(&run, "searching").counted(count.as_ref().map(Count::totals));
    let watch = Watch::over(stage, Vec::new(), &interrupt, &screen, Some(&output))?;
    let mut fallbacks = Fallbacks::default();
    let matched = print(run, &late, wanted, &output, &interrupt, &mut fallbacks);
    let progress = watch.progress().clone();
    drop((watch, count));
    let written = output.finish();
    dispatcher.shutdown()?;

    fallbacks.report(&settings, &screen);
    let end = progress.snapshot();
    has_arrived(written)?;
    if let Some(status) = interrupt.status() {
        let (files, bytes) = (end.done, HumanBytes(end.bytes));
        screen.say(format_args!("interrupted: {files} files were searched, and {bytes} read"));
        return Ok(status);
    }
    Ok(match (screen.failures(), matched) {
        (0, 0) => NOTHING,
        (0, _) => MATCHED,
        _ => FAILURE,
    })
}

/// Prints the matches of each result as it comes, and returns in how many files there were some.
/// Ends when there are no more results, when they can't be written, or when the user interrupts.
fn print(
    run: FilesRun<io::Result<Outcome>>,
    late: &Late,
    wanted: Wanted,
    output: &Output,
    interrupt: &Interrupt,
    fallbacks: &mut Fallbacks,
) -> u64 {
    let mut matched = 0;
    for result in run {
        if interrupt.has_come() {
            break;
        }
        match result {
            Ok(file) => {
                fallbacks.count(&file);
                let Processed { path, value, .. } = file;
                let found = value.and_then(|outcome| match outcome {
                    Outcome::Found(found) => Ok(found),
                    Outcome::Later => late.search(&path),
                });
                if interrupt.has_come() {
                    break;
                }
                let written = found.and_then(|found| {
                    matched += u64::from(found.count > 0);
                    write_found(output, path.as_os_str().as_bytes(), found, wanted)
                });
                if output.has_failed() {
                    break;
                }
                if let Err(error) = written {
                    output.fail(&path, error);
                }
            }
            Err(error) if error.kind() == FileErrorKind::Stopped => {}
            Err(error) => output.fail(&error.path, reason(&error)),
        }
    }
    matched
}

fn write_found(
    mut output: &Output,
    path: &[u8],
    mut found: Found,
    wanted: Wanted,
) -> io::Result<()> {
    match wanted {
        Wanted::Counts => {
            let count = format!(":{}\n", found.count);
            output.write_all(&[path, count.as_bytes()].concat())
        }
        Wanted::Names if found.count == 0 => Ok(()),
        Wanted::Names => output.write_all(&[path, b"\n"].concat()),
        Wanted::Lines { .. } => io::copy(&mut found.lines, &mut output).map(drop),
    }
}

fn main() -> ExitCode {
    shared::start("search", FAILURE, parse_arguments(), run)
}
