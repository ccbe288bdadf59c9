//! Compresses, recompresses or decompresses trees of files, many files at once.
//!
//! `cargo run --release --example convert -- [OPTIONS] PATH...`; `--help` lists the options.
//!
//! `Files::convert` runs a function for each file, which reads a source that is read ahead of it,
//! and writes a target that is written behind it. With `--verify`, a second run reads the targets
//! back: the results of the first are its paths.

mod converter;
mod decoder;
mod encoder;
mod levels;
mod options;
mod pairs;
mod roots;
mod rule;
mod settle;
#[path = "../shared/mod.rs"]
mod shared;
mod verify;
mod walk;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::HumanBytes;
use reapool::{
    Dispatcher, Durability, Existing, FilesBuilder, Links, Policy, SourceFile, TargetFile, Targets,
};

use crate::converter::Converter;
use crate::options::{Options, parse_arguments};
use crate::pairs::{LeftOut, Manner, pairs};
use crate::roots::Roots;
use crate::settle::Settler;
use crate::shared::count::Count;
use crate::shared::descriptors;
use crate::shared::directories::{Directories, Kept};
use crate::shared::interrupt::Interrupt;
use crate::shared::screen::Screen;
use crate::shared::settings::Settings;
use crate::shared::watch::{Stage, Watch};
use crate::verify::Verification;
use crate::walk::sizes;

const FAILURE: u8 = 1;

/// How many files may be in progress, from their opening until their results are taken.
const FILES: usize = 128;

/// The descriptors that a file in progress can have: source, target, and the target's directory.
const DESCRIPTORS: usize = 3;

/// What conversions take at least for each converter, in bytes.
const LEAST: usize = 128 << 10;

fn run(options: Options) -> Result<u8, Box<dyn Error>> {
    let Options { settings, rule, encoding, place, sources, force, fsync, verify, paths } = options;
    let interrupt = Interrupt::listen()?;
    let screen = Screen::new("convert", settings.quiet);
    let roots = Roots::new(paths, place, &screen)?;
    // The run that reads targets back has one, and waits for the other run.
    let depth = if verify { 2 } else { 1 };
    let dispatcher = settings.with_depth_from(depth).dispatcher()?;
    let count = Count::start(&screen, sizes(&roots, rule))?;

    let directories = Directories::new(Kept::PermissionsAndTimes);
    let manner = Manner { is_verbose: settings.verbose, sync: fsync, replaces: force };
    let (pairs, left_out) = pairs(&roots, rule, manner, &directories, &screen);
    let converter = Converter { encoding, hashes: verify, interrupt: interrupt.clone() };
    let targets = Targets::new()
        .durability(if fsync { Durability::Synced } else { Durability::Cached })
        .existing(if force { Existing::Replace } else { Existing::Refuse })
        // Nobody else's until they have the permissions of their sources.
        .mode(0o600);
    let files = converting(&settings, &dispatcher, targets).build()?;
    let run = files.convert(pairs, move |source: &mut SourceFile, target: &mut TargetFile| {
        converter.convert(source, target)
    });
    let progress = run.progress();
    let settler = Settler::new(&screen, sources);
    let what = if rule.to.is_some() { "compressing" } else { "decompressing" };
    let stage = Stage::of(&run, what).counted(count.as_ref().map(Count::totals));
    if verify {
        let files = verifying(&settings, &dispatcher).build()?;
        let (verification, settler) = (Verification::default(), settler.clone());
        let taker = settler.clone();
        let pairs = run.filter_map(move |result| taker.take(result));
        let checks = verification.run(&files, pairs, rule.to);
        let stages = vec![Stage::of(&checks, "verifying")];
        let _watch = Watch::over(stage, stages, &interrupt, &screen, None)?;
        checks
            .filter_map(|result| verification.take(result, &screen))
            .for_each(|pair| settler.conclude(&pair));
    } else {
        let _watch = Watch::over(stage, Vec::new(), &interrupt, &screen, None)?;
        run.filter_map(|result| settler.take(result)).for_each(|pair| settler.conclude(&pair));
    }
    drop(count);
    dispatcher.shutdown()?;
    directories.finish(fsync, &screen);

    settler.with_fallbacks(|fallbacks| fallbacks.report(&settings, &screen));
    if let Some(status) = interrupt.status() {
        let (files, ..) = settler.counts();
        let unverified = if verify { ", not all verified" } else { "" };
        screen.say(format_args!("interrupted: {files} files were converted{unverified}"));
        return Ok(status);
    }
    if settings.verbose {
        summarise(&settler, &left_out, progress.snapshot().elapsed, &screen);
    }
    Ok(if screen.failures() > 0 { FAILURE } else { 0 })
}

/// The files layer that makes the targets. It has the memory together with them.
fn converting(settings: &Settings, dispatcher: &Dispatcher, targets: Targets) -> FilesBuilder {
    let half = settings.with_memory(settings.memory / 2);
    let at_once = FILES.min(descriptors::files_at_once(DESCRIPTORS + 1));
    half.files(dispatcher)
        // A link that has taken a file's place since the file was found would lead anywhere.
        .links(Links::Refuse)
        .files_at_once(at_once)
        .results(at_once)
        .targets(targets.memory(half.memory.max(LEAST * settings.converters())))
}

/// The files layer that reads targets back.
fn verifying(settings: &Settings, dispatcher: &Dispatcher) -> FilesBuilder {
    let half = settings.with_memory(settings.memory / 2);
    let at_once = FILES.min(descriptors::files_at_once(DESCRIPTORS + 1));
    let policy = match settings.policy {
        Policy::Buffered => Policy::Buffered,
        // Data from the page cache says nothing about the device.
        _ => Policy::Direct,
    };
    half.files(dispatcher)
        .policy(policy)
        .links(Links::Refuse)
        .files_at_once(at_once)
        .results(at_once)
}

/// Says how much was done.
fn summarise(settler: &Settler, left_out: &LeftOut, elapsed: Duration, screen: &Screen) {
    let (files, read, written) = settler.counts();
    let seconds = elapsed.as_secs_f64();
    let ratio = written as f64 * 100.0 / (read as f64).max(1.0);
    let (read, written) = (HumanBytes(read), HumanBytes(written));
    screen.say(format_args!(
        "{files} files were converted, {read} to {written} ({ratio:.1}%) in {seconds:.1} s"
    ));
    match left_out.count() {
        0 => {}
        count => screen.say(format_args!("{count} files were left out")),
    }
}

fn main() -> ExitCode {
    shared::start("convert", FAILURE, parse_arguments(), run)
}
