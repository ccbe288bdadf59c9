//! Reads the copies back.

use std::fs;
use std::io;
use std::path::PathBuf;

use blake3::{Hash, Hasher};
use reapool::{Chunk, Dispatcher, FileErrorKind, Links, Policy};

use crate::shared::interrupt::Interrupt;
use crate::shared::names::reason;
use crate::shared::screen::Screen;
use crate::shared::settings::Settings;
use crate::shared::totals::{Amount, Totals};
use crate::shared::watch::{Stage, Watch};

/// The files that were copied: their paths in the target, and the checksums of the data that was
/// read from the source.
#[derive(Default)]
pub(crate) struct Expected {
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) hashes: Vec<Hash>,
    /// Of all of them together.
    pub(crate) bytes: u64,
}

/// Compares all files with what they should be, and removes those that differ.
pub(crate) fn verify(
    expected: Expected,
    settings: &Settings,
    dispatcher: &Dispatcher,
    interrupt: &Interrupt,
    screen: &Screen,
) -> Result<(), Box<dyn std::error::Error>> {
    let Expected { paths, hashes, bytes } = expected;
    let policy = match settings.policy {
        Policy::Buffered => Policy::Buffered,
        // Data from the page cache says nothing about the device.
        _ => Policy::Direct,
    };
    let files = settings.files(dispatcher).links(Links::Refuse).policy(policy).build()?;
    let run = files.stream(
        paths,
        |_| Hasher::new(),
        |hasher: &mut Hasher, chunk: Chunk| {
            hasher.update(&chunk);
        },
        |hasher, _| hasher.finalize(),
    );
    let totals = Totals::known(Amount { files: hashes.len() as u64, bytes });
    let stage = Stage::of(&run, "verifying").counted(Some(&totals));
    let _watch = Watch::over(stage, Vec::new(), interrupt, screen, None)?;
    for result in run {
        let (path, reason) = match result {
            Ok(file) if file.value == hashes[file.index as usize] => continue,
            Ok(file) => (file.path, "differs from what was read: removed".to_owned()),
            Err(error) if error.kind() == FileErrorKind::Stopped => continue,
            Err(error) => {
                let reason = format!("could not be read back ({}): removed", reason(&error));
                (error.path, reason)
            }
        };
        let removed = fs::remove_file(&path).map(|()| reason);
        screen.fail(
            &path,
            removed.unwrap_or_else(|error: io::Error| {
                format!("is not what was read, and could not be removed: {error}")
            }),
        );
    }
    Ok(())
}
