//! Copies a directory with everything below it, many files at once.
//!
//! `cargo run --release --example copy_tree -- [OPTIONS] SOURCE TARGET`; `--help` lists the
//! options.
//!
//! The files layer reads ahead, and each chunk becomes the buffer of a write job of the same
//! dispatcher. A chunk's memory goes back to the layer when it is written. So the layer's memory
//! bounds the data that is read and not yet written.

mod attributes;
mod copy;
mod options;
mod partial;
mod roots;
#[path = "../shared/mod.rs"]
mod shared;
mod target;
mod tree;
mod verify;

use std::error::Error;
use std::io;
use std::ops::ControlFlow;
use std::process::ExitCode;

use indicatif::HumanBytes;
use reapool::{Chunk, FileErrorKind, FileInfo, FilesRun, Links, Order, Policy, Processed};

use crate::copy::{Copied, Copier, Copying};
use crate::options::{Fsync, HELP, Options, parse_arguments};
use crate::roots::Roots;
use crate::shared::descriptors;
use crate::shared::fallbacks::Fallbacks;
use crate::shared::interrupt::Interrupt;
use crate::shared::names::reason;
use crate::shared::screen::Screen;
use crate::shared::watch::Watch;
use crate::target::Manner;
use crate::tree::{Directories, Tree};
use crate::verify::{Expected, verify};

const FAILURE: u8 = 1;

/// How many files may be in progress, from their opening until this program has waited for them.
const FILES: usize = 128;

/// The descriptors that a file in progress can have: its own, two for its target, and one for the
/// target's directory.
const DESCRIPTORS: usize = 4;

/// Files of at least so many bytes are written directly, unless the user says otherwise.
const LARGE: u64 = 8 << 20;

fn run(options: Options) -> Result<u8, Box<dyn Error>> {
    let Options { settings, overwrite, fsync, verify: is_verified, source, target } = options;
    let mut roots = Roots::new(source, target)?;
    let interrupt = Interrupt::listen()?;
    let screen = Screen::new("copy_tree", settings.quiet);
    let dispatcher = settings.dispatcher()?;
    // A link has no contents: one that has taken a file's place since the file was found would lead
    // anywhere.
    let builder = settings.files(&dispatcher).links(Links::Refuse).order(Order::Completion);
    let at_once = FILES.min(descriptors::files_at_once(DESCRIPTORS));
    let files = roots.files(builder.files_at_once(at_once).results(at_once))?;

    let directories = Directories::default();
    let tree = Tree::new(roots.clone(), overwrite, directories.clone(), screen.clone());
    let direct_from = match settings.policy {
        Policy::Direct => 1,
        Policy::Buffered => u64::MAX,
        _ => LARGE,
    };
    let manner =
        Manner { submitter: dispatcher.submitter(), direct_from, sync: fsync != Fsync::None };
    let copier = Copier { roots: roots.clone(), manner, overwrite, verify: is_verified };
    let run = files.stream(
        tree,
        move |file: &FileInfo| copier.begin(file),
        |copying: &mut io::Result<Copying>, chunk: Chunk| match copying {
            Ok(copying) => copying.chunk(chunk),
            Err(_) => ControlFlow::Break(()),
        },
        |copying, file| copying.map(|copying| copying.finish(file)),
    );
    let watch = Watch::start(&run, &interrupt, &screen, None)?;
    let mut fallbacks = Fallbacks::default();
    let copied = wait(run, &roots, &screen, &mut fallbacks);
    let end = watch.progress().snapshot();
    drop(watch);
    let count = copied.paths.len();
    let verified = match is_verified && !interrupt.has_come() {
        true => verify(copied, &settings, &dispatcher, &interrupt, &screen),
        false => Ok(()),
    };
    // When this returns, the temporary files of copies that were given up are gone, too.
    dispatcher.shutdown()?;
    directories.finish(fsync == Fsync::All, &screen);
    if fsync == Fsync::All {
        roots.sync_parent_of_target()?;
    }
    verified?;

    fallbacks.report(&settings, &screen);
    let bytes = HumanBytes(end.bytes);
    if let Some(status) = interrupt.status() {
        let unverified = if is_verified { ", not all verified" } else { "" };
        screen.say(format_args!("interrupted: {count} files were copied{unverified}"));
        return Ok(status);
    }
    if settings.verbose {
        let seconds = end.elapsed.as_secs_f64();
        screen.say(format_args!("{count} files were copied, {bytes} in {seconds:.1} s"));
    }
    Ok(if screen.failures() > 0 { FAILURE } else { 0 })
}

/// Waits for all files, and says what went wrong. It waits for one file's writes before it takes
/// the next result. That bounds how many targets there are, as the run goes on only as its results
/// are taken.
fn wait(
    run: FilesRun<io::Result<Copied>>,
    roots: &Roots,
    screen: &Screen,
    fallbacks: &mut Fallbacks,
) -> Expected {
    let mut expected = Expected::default();
    for result in run {
        match result {
            Ok(file) => {
                fallbacks.count(&file);
                let Processed { path, value, .. } = file;
                let target = roots.target_of(&path);
                match value.and_then(Copied::wait) {
                    Ok((hash, remarks)) => {
                        if remarks.changed {
                            screen
                                .fail(&roots.source_of(&path), "changed while it was being copied");
                        }
                        remarks.not_kept.iter().for_each(|it| screen.fail(&target, it));
                        expected.paths.push(target);
                        expected.hashes.extend(hash);
                    }
                    Err(error) => screen.fail(&target, error),
                }
            }
            Err(error) if error.kind() == FileErrorKind::Stopped => {}
            Err(error) => screen.fail(&roots.source_of(&error.path), reason(&error)),
        }
    }
    expected
}

fn main() -> ExitCode {
    shared::start("copy_tree", HELP, FAILURE, parse_arguments(), run)
}
