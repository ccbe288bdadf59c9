//! Opening: a few threads that open files when there are places for them, and start their chains.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use reapool::AlignedBuf;

use crate::Shared;
use crate::chain::Stream;
use crate::line::{Failure, Outcome};

/// Threads that open files, for which there is no AIO. With one of them 20,000 files of some KiB
/// took twice as long as with four, and with sixteen no less.
pub(crate) const OPENERS: usize = 4;

/// Opens files when there are places for them, and submits the first read of each.
#[derive(Clone)]
pub(crate) struct Opener {
    pub(crate) tasks: Receiver<Task>,
    pub(crate) places: Receiver<Option<AlignedBuf>>,
    pub(crate) home: Sender<Option<AlignedBuf>>,
    pub(crate) shared: Arc<Shared>,
}

/// A file to be opened.
pub(crate) struct Task {
    pub(crate) path: Arc<Path>,
    /// On the command line, where a symbolic link is followed.
    pub(crate) named: bool,
    pub(crate) outcome: Sender<Outcome>,
}

/// The right to have a file open, with a buffer if it has been used before. However it is dropped,
/// also by a panic, it goes back to the openers.
pub(crate) struct Place {
    pub(crate) buffer: Option<AlignedBuf>,
    home: Sender<Option<AlignedBuf>>,
}

pub(crate) struct Opened {
    pub(crate) file: File,
    /// In bytes.
    pub(crate) len: u64,
    /// See [`Outcome`].
    pub(crate) refusal: Option<io::Error>,
}

impl Opener {
    pub(crate) fn run(&self) {
        for Task { path, named, outcome } in &self.tasks {
            let Ok(buffer) = self.places.recv() else { return };
            let place = Place { buffer, home: self.home.clone() };
            if self.shared.is_stopped() {
                let _ = outcome.send(Err(Failure::Stopped).into());
                continue;
            }
            match open(&path, named, self.shared.buffered) {
                Ok(opened) => Stream::start(opened, place, outcome, Arc::clone(&self.shared)),
                Err(failure) => {
                    let _ = outcome.send(Err(failure).into());
                }
            }
        }
    }
}

pub(crate) fn open(path: &Path, named: bool, buffered: bool) -> Result<Opened, Failure> {
    // What was a regular file a moment ago may be a FIFO by now: don't wait for its writer.
    let flags = libc::O_NONBLOCK | if named { 0 } else { libc::O_NOFOLLOW };
    let open = |flags| OpenOptions::new().read(true).custom_flags(flags).open(path);
    let first = open(if buffered { flags } else { flags | libc::O_DIRECT });
    let (file, refusal) = match first {
        Err(error) if !buffered && is_invalid(&error) => (open(flags)?, Some(error)),
        other => (other?, None),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(Failure::NotRegular);
    }
    Ok(Opened { file, len: metadata.len(), refusal })
}

pub(crate) fn is_invalid(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EINVAL)
}

impl Drop for Place {
    fn drop(&mut self) {
        // Fails when no opener is left to want it.
        let _ = self.home.send(self.buffer.take());
    }
}
