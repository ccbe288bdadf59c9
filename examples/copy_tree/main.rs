//! Copies a directory with everything below it, many files at once.
//!
//! `cargo run --release --example copy_tree -- [OPTIONS] SOURCE TARGET`; `--help` lists the
//! options.
//!
//! Each file is read ahead of its copy and written behind it, and gets its name when it is
//! complete: `Files::convert` with a function that changes nothing. `tree` walks the source and
//! finds the files; `maker` makes everything else on the way, and clones files where it can.
//! `copy` is the function.

mod copy;
mod hard_links;
mod link;
mod maker;
mod options;
mod own_file;
mod partial;
mod preview;
mod reflink;
mod results;
mod roots;
mod segments;
#[path = "../shared/mod.rs"]
mod shared;
mod tree;
mod verify;

use std::error::Error;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use indicatif::HumanBytes;
use reapool::{Dispatcher, Durability, Existing, Files, FilesError, Links, Order, Targets};

use crate::copy::Copier;
use crate::hard_links::{HardLinks, link};
use crate::maker::Maker;
use crate::options::{Fsync, Options};
use crate::own_file::Manner;
use crate::partial::Place;
use crate::preview::preview;
use crate::reflink::Cloner;
use crate::results::wait;
use crate::roots::Roots;
use crate::shared::command_line;
use crate::shared::count::{Count, sizes};
use crate::shared::descriptors::files_at_once;
use crate::shared::directories::{Directories, Kept};
use crate::shared::fallbacks::Fallbacks;
use crate::shared::interrupt::Interrupt;
use crate::shared::screen::Screen;
use crate::shared::totals::Totals;
use crate::shared::watch::{Stage, Watch};
use crate::tree::{Tree, files_below};
use crate::verify::verify;

const FAILURE: u8 = 1;

/// How many files may be in progress.
const FILES: usize = 256;

/// How many descriptors each may take: three of the files layer, the source once more, and a target
/// of the program's own with its directory.
const DESCRIPTORS: usize = 6;

/// How much was done.
struct Summary {
    copied: u64,
    cloned: u64,
    /// What was read.
    bytes: u64,
    elapsed: Duration,
}

fn run(options: Options) -> Result<u8, Box<dyn Error>> {
    let mut roots = Roots::new(options.source.clone(), options.target.clone())?;
    let screen = Screen::new("copy_tree", options.settings.quiet);
    let status = |screen: &Screen| if screen.failures() > 0 { FAILURE } else { 0 };
    if options.dry_run {
        return match preview(&roots, options.overwrite, options.settings.verbose, &screen) {
            // The reader has read enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(status(&screen)),
            Err(error) => Err(format!("standard output: {error}").into()),
            Ok(()) => Ok(status(&screen)),
        };
    }
    let interrupt = Interrupt::listen()?;
    let summary = copy_all(&options, &mut roots, &interrupt, &screen)?;
    let Summary { copied, cloned, bytes, elapsed } = summary;
    let count = copied + cloned;
    if let Some(status) = interrupt.status() {
        let unverified = if options.verify { ", not all verified" } else { "" };
        screen.say(format_args!("interrupted: {count} files were copied{unverified}"));
        return Ok(status);
    }
    if options.settings.verbose {
        let (bytes, seconds) = (HumanBytes(bytes), elapsed.as_secs_f64());
        let clones = if cloned > 0 { format!(", {cloned} of them cloned") } else { String::new() };
        screen.say(format_args!("{count} files were copied{clones}, {bytes} in {seconds:.1} s"));
    }
    Ok(status(&screen))
}

fn copy_all(
    options: &Options,
    roots: &mut Roots,
    interrupt: &Interrupt,
    screen: &Screen,
) -> Result<Summary, Box<dyn Error>> {
    let Options { settings, overwrite, fsync, .. } = options;
    let manner = Manner { overwrite: *overwrite, fsync: *fsync };
    let dispatcher = settings.dispatcher()?;
    let files = files(options, roots, &dispatcher)?;
    let count = Count::start(screen, sizes(files_below(roots)))?;
    let (directories, hard_links) = (Directories::new(Kept::All), HardLinks::default());
    let cloner = Arc::new(Cloner::new(options.reflink, roots.clone(), manner));
    let beside = Totals::default();
    let maker = Maker {
        roots: roots.clone(),
        manner,
        directories: directories.clone(),
        hard_links: hard_links.clone(),
        cloner: Arc::clone(&cloner),
        beside: beside.clone(),
        interrupt: interrupt.clone(),
        screen: screen.clone(),
    };
    let verifies = options.verify;
    let copier = Copier {
        roots: roots.clone(),
        manner,
        cloner: Arc::clone(&cloner),
        verify: verifies,
        beside: beside.clone(),
        interrupt: interrupt.clone(),
    };
    let names = roots.clone();
    let pairs = Tree::new(roots.clone(), screen.clone(), maker).map(move |name| {
        let target = names.target_of(&name);
        (name, target)
    });
    let run = files.convert(pairs, move |source, target| copier.copy(source, target));
    let stage =
        Stage::of(&run, "copying").counted(count.as_ref().map(Count::totals)).beside(&beside);
    let watch = Watch::over(stage, Vec::new(), interrupt, screen, None)?;
    let mut fallbacks = Fallbacks::default();
    let copied = wait(run, roots, &hard_links, screen, &mut fallbacks);
    let end = watch.progress().snapshot();
    drop((watch, count));
    let count = copied.paths.len() as u64;
    let verified = match verifies && !interrupt.has_come() {
        true => verify(copied, settings, &dispatcher, interrupt, screen),
        false => Ok(()),
    };
    // When this returns, the temporary files of copies that were given up are gone, too.
    dispatcher.shutdown()?;
    if !interrupt.has_come() {
        let place = |path: &Path| Place { path: path.to_owned(), overwrite: *overwrite };
        hard_links.finish(screen, |copy, path| link(copy, &place(path)));
    }
    directories.finish(*fsync == Fsync::All, screen);
    if *fsync == Fsync::All {
        roots.sync_parent_of_target()?;
    }
    verified?;
    fallbacks.report(settings, screen);
    let (copied, cloned) = (count, cloner.count());
    Ok(Summary { copied, cloned, bytes: end.bytes, elapsed: end.elapsed })
}

/// The files layer that copies.
fn files(
    options: &Options,
    roots: &mut Roots,
    dispatcher: &Dispatcher,
) -> Result<Files, FilesError> {
    // A link has no contents: one that has taken a file's place since the file was found would lead
    // anywhere.
    let builder = options.settings.files(dispatcher).links(Links::Refuse).order(Order::Completion);
    let builder = builder.files_at_once(FILES.min(files_at_once(DESCRIPTORS)));
    roots.files(builder.targets(targets(options.overwrite, options.fsync)))
}

fn targets(overwrite: bool, fsync: Fsync) -> Targets {
    let existing = if overwrite { Existing::Replace } else { Existing::Refuse };
    let durability = if fsync == Fsync::None { Durability::Cached } else { Durability::Synced };
    // What a file may be read by is known when it is complete.
    Targets::new().existing(existing).durability(durability).mode(0o600)
}

fn main() -> ExitCode {
    shared::start("copy_tree", FAILURE, command_line::parse(), run)
}
