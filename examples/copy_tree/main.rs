//! Copies a directory with everything below it, many files at once.
//!
//! `cargo run --release --example copy_tree -- [OPTIONS] SOURCE TARGET`; `--help` lists the
//! options.
//!
//! Each file is read ahead of its copy and written behind it, and gets its name when it is
//! complete: `Files::convert` with a function that changes nothing.

mod copy;
mod hard_links;
mod link;
mod options;
mod own_file;
mod partial;
mod roots;
mod segments;
#[path = "../shared/mod.rs"]
mod shared;
mod tree;
mod verify;

use std::error::Error;
use std::process::ExitCode;

use indicatif::HumanBytes;
use reapool::{
    Converted, Durability, Existing, FileErrorKind, FileOperation, FilesRun, Links, Order,
    Processed, Targets,
};

use crate::copy::{Copied, Copier};
use crate::hard_links::HardLinks;
use crate::options::{Fsync, Options};
use crate::own_file::Manner;
use crate::roots::Roots;
use crate::shared::command_line;
use crate::shared::count::{Count, sizes};
use crate::shared::descriptors::files_at_once;
use crate::shared::directories::{Directories, Kept};
use crate::shared::fallbacks::Fallbacks;
use crate::shared::interrupt::Interrupt;
use crate::shared::names::{innermost, reason};
use crate::shared::screen::Screen;
use crate::shared::watch::{Stage, Watch};
use crate::tree::{Tree, files_below};
use crate::verify::{Expected, verify};

const FAILURE: u8 = 1;

/// How many files may be in progress.
const FILES: usize = 256;

/// How many descriptors each may take: three of the files layer, the source once more, and
/// a target or directory of the program's own.
const DESCRIPTORS: usize = 5;

fn run(options: Options) -> Result<u8, Box<dyn Error>> {
    let Options { settings, overwrite, fsync, verify: is_verified, source, target } = options;
    let mut roots = Roots::new(source, target)?;
    let interrupt = Interrupt::listen()?;
    let screen = Screen::new("copy_tree", settings.quiet);
    let dispatcher = settings.dispatcher()?;
    // A link has no contents: one that has taken a file's place since the file was found would lead
    // anywhere.
    let builder = settings.files(&dispatcher).links(Links::Refuse).order(Order::Completion);
    let builder = builder.files_at_once(FILES.min(files_at_once(DESCRIPTORS)));
    let files = roots.files(builder.targets(targets(overwrite, fsync)))?;

    let count = Count::start(&screen, sizes(files_below(&roots)))?;
    let directories = Directories::new(Kept::All);
    let hard_links = HardLinks::default();
    let tree = Tree::new(
        roots.clone(),
        overwrite,
        directories.clone(),
        hard_links.clone(),
        screen.clone(),
    );
    let copier = Copier {
        roots: roots.clone(),
        manner: Manner { overwrite, fsync },
        verify: is_verified,
        interrupt: interrupt.clone(),
    };
    let names = roots.clone();
    let pairs = tree.map(move |name| {
        let target = names.target_of(&name);
        (name, target)
    });
    let run = files.convert(pairs, move |source, target| copier.copy(source, target));
    let stage = Stage::of(&run, "copying").counted(count.as_ref().map(Count::totals));
    let watch = Watch::over(stage, Vec::new(), &interrupt, &screen, None)?;
    let mut fallbacks = Fallbacks::default();
    let copied = wait(run, &roots, &hard_links, &screen, &mut fallbacks);
    let end = watch.progress().snapshot();
    drop((watch, count));
    let count = copied.paths.len();
    let verified = match is_verified && !interrupt.has_come() {
        true => verify(copied, end.written, &settings, &dispatcher, &interrupt, &screen),
        false => Ok(()),
    };
    // When this returns, the temporary files of copies that were given up are gone, too.
    dispatcher.shutdown()?;
    if !interrupt.has_come() {
        hard_links.finish(overwrite, &screen);
    }
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

fn targets(overwrite: bool, fsync: Fsync) -> Targets {
    let existing = if overwrite { Existing::Replace } else { Existing::Refuse };
    let durability = if fsync == Fsync::None { Durability::Cached } else { Durability::Synced };
    // What a file may be read by is known when it is complete.
    Targets::new().existing(existing).durability(durability).mode(0o600)
}

/// Waits for all files, and says what went wrong.
fn wait(
    run: FilesRun<Converted<Copied>>,
    roots: &Roots,
    hard_links: &HardLinks,
    screen: &Screen,
    fallbacks: &mut Fallbacks,
) -> Expected {
    let mut expected = Expected::default();
    for result in run {
        match result {
            Ok(file) => {
                fallbacks.count(&file);
                let Processed { path, value: Converted { value, target, .. }, .. } = file;
                if value.changed {
                    screen.fail(&roots.source_of(&path), "changed while it was being copied");
                }
                hard_links.made(value.id);
                value.not_kept.iter().for_each(|it| screen.fail(&target, it));
                expected.paths.push(target);
                expected.hashes.extend(value.hash);
            }
            Err(error) if error.kind() == FileErrorKind::Stopped => {}
            Err(error) => {
                let is_of_target = match error.operation {
                    FileOperation::Create | FileOperation::Write => true,
                    // The function itself has failed, and has not panicked.
                    FileOperation::Callback => error.kind() == FileErrorKind::Io,
                    _ => false,
                };
                match error.target.as_ref() {
                    Some(target) if is_of_target => screen.fail(target, innermost(&error.source)),
                    _ => screen.fail(&roots.source_of(&error.path), reason(&error)),
                }
            }
        }
    }
    expected
}

fn main() -> ExitCode {
    shared::start("copy_tree", FAILURE, command_line::parse(), run)
}
