//! Reads targets back, while other files are converted.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use blake3::Hash;
use reapool::{Chunk, FileError, FileErrorKind, FileInfo, Files, FilesRun, Processed};

use crate::decoder::Check;
use crate::rule::Format;
use crate::settle::Pair;
use crate::shared::names::reason;
use crate::shared::screen::Screen;

/// The pairs whose targets are being read back, by their positions among the run's paths.
#[derive(Clone, Default)]
pub(crate) struct Verification(Arc<Mutex<HashMap<u64, Pair>>>);

impl Verification {
    /// Computes the checksums of the pairs' targets. The iterator of pairs may wait for results of
    /// another run: this one takes no more of them than it reads at a time.
    pub(crate) fn run(
        &self,
        files: &Files,
        pairs: impl Iterator<Item = Pair> + Send + 'static,
        format: Option<Format>,
    ) -> FilesRun<io::Result<Hash>> {
        let pending = self.clone();
        let targets = pairs.zip(0..).map(move |(pair, index)| -> PathBuf {
            let target = pair.target.clone();
            pending.lock().insert(index, pair);
            target
        });
        files.stream(
            targets,
            move |_: &FileInfo| Check::new(format),
            |check: &mut io::Result<Check>, chunk: Chunk| match check {
                Ok(state) => match state.update(&chunk) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(error) => {
                        *check = Err(error);
                        ControlFlow::Break(())
                    }
                },
                Err(_) => ControlFlow::Break(()),
            },
            |check, _| check.and_then(Check::finish),
        )
    }

    /// The pair of a result, if its target is as it should be. Else the target is removed.
    pub(crate) fn take(
        &self,
        result: Result<Processed<io::Result<Hash>>, FileError>,
        screen: &Screen,
    ) -> Option<Pair> {
        let (index, found) = match result {
            Ok(done) => (done.index, done.value.map_err(|error| error.to_string())),
            Err(error) if error.kind() == FileErrorKind::Stopped => return None,
            Err(error) => (error.index, Err(reason(&error))),
        };
        let pair = self.lock().remove(&index)?;
        let wrong = match found {
            Ok(hash) if pair.hash == Some(hash) => return Some(pair),
            Ok(_) => "differs from what was written".to_owned(),
            Err(reason) => format!("could not be read back ({reason})"),
        };
        match fs::remove_file(&pair.target) {
            Ok(()) => screen.fail(&pair.target, format_args!("{wrong}: removed")),
            Err(error) => {
                screen
                    .fail(&pair.target, format_args!("{wrong}, and could not be removed: {error}"));
            }
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Pair>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
