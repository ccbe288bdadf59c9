//! Prints the BLAKE3 checksum of every regular file under the given paths, many files at once.
//!
//! `cargo run --release --example checksum -- [OPTIONS] [PATH...]`; `--help` lists the options. The
//! lines are those of `b3sum`, so `b3sum --check` verifies them.
//!
//! A single huge file keeps device and hash busy, too: the files layer reads ahead while a worker
//! hashes the chunks that have come.

mod options;
mod paths;
#[path = "../shared/mod.rs"]
mod shared;

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use blake3::{Hash, Hasher};
use indicatif::HumanBytes;
use reapool::{Chunk, FileErrorKind, FilesRun};

use crate::options::Options;
use crate::paths::paths;
use crate::shared::command_line;
use crate::shared::count::{Count, sizes};
use crate::shared::fallbacks::Fallbacks;
use crate::shared::interrupt::Interrupt;
use crate::shared::names::{checksum_line, reason};
use crate::shared::output::{Output, has_arrived};
use crate::shared::screen::Screen;
use crate::shared::watch::{Stage, Watch};

const FAILURE: u8 = 1;

fn run(options: Options) -> Result<u8, Box<dyn Error>> {
    let Options { settings, order, paths: named } = options;
    let interrupt = Interrupt::listen()?;
    let screen = Screen::new("checksum", settings.quiet);
    let output = Output::new(&screen);
    let dispatcher = settings.dispatcher()?;
    let files = settings.files(&dispatcher).order(order).build()?;

    let count = Count::start(&screen, sizes(paths(named.clone(), screen.for_a_count())))?;
    let run = files.stream(
        paths(named, screen.clone()),
        |_| Hasher::new(),
        |hasher: &mut Hasher, chunk: Chunk| {
            hasher.update(&chunk);
        },
        |hasher, _| hasher.finalize(),
    );
    let stage = Stage::of(&run, "hashing").counted(count.as_ref().map(Count::totals));
    let watch = Watch::over(stage, Vec::new(), &interrupt, &screen, Some(&output))?;
    let mut fallbacks = Fallbacks::default();
    let lines = print(run, &output, &interrupt, &mut fallbacks);
    let progress = watch.progress().clone();
    drop((watch, count));
    let written = output.finish();
    dispatcher.shutdown()?;

    fallbacks.report(&settings, &screen);
    has_arrived(written)?;
    if let Some(status) = interrupt.status() {
        let bytes = HumanBytes(progress.snapshot().bytes);
        screen.say(format_args!("interrupted: {lines} files were done, and {bytes} read"));
        return Ok(status);
    }
    Ok(if screen.failures() > 0 { FAILURE } else { 0 })
}

/// Prints a line for each result as it comes, and returns how many. Ends when there are no more
/// results, when a line can't be written, or when the user interrupts.
fn print(
    run: FilesRun<Hash>,
    mut output: &Output,
    interrupt: &Interrupt,
    fallbacks: &mut Fallbacks,
) -> u64 {
    let mut lines = 0;
    for result in run {
        if interrupt.has_come() {
            break;
        }
        match result {
            Ok(file) => {
                fallbacks.count(&file);
                if output.write_all(checksum_line(&file.path, file.value).as_bytes()).is_err() {
                    break;
                }
                lines += 1;
            }
            Err(error) if error.kind() == FileErrorKind::Stopped => {}
            Err(error) => output.fail(&error.path, reason(&error)),
        }
    }
    lines
}

fn main() -> ExitCode {
    shared::start("checksum", FAILURE, command_line::parse(), run)
}
