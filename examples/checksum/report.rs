//! The report: lines in the order of the walk, messages between them, and the exit status.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use blake3::Hash;
use crossbeam_channel::{Receiver, TryRecvError};

use crate::Shared;
use crate::line::{self, Failure, Line, Outcome, escaped};

/// The status of a program that Ctrl-C ended: 128 and the signal's number.
pub(crate) const INTERRUPTED: u8 = 130;

/// How many bytes of lines are written at once, if the next line is there already.
const LINES: usize = 32 << 10;

/// What the main thread prints, and what it has counted.
pub(crate) struct Report {
    shared: Arc<Shared>,
    /// Lines that are not written yet.
    lines: String,
    /// Whether lines and progress bar are on the same terminal.
    is_mixed: bool,
    failed: bool,
    files: u64,
    /// Files that were read through the page cache because `O_DIRECT` was refused.
    refused: u64,
}

impl Report {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let is_mixed = !shared.progress.is_hidden() && io::stdout().is_terminal();
        Self { shared, lines: String::new(), is_mixed, failed: false, files: 0, refused: 0 }
    }

    /// Prints lines as their outcomes come, until there are no more or they can't be written.
    pub(crate) fn print(&mut self, lines: &Receiver<Line>) -> io::Result<()> {
        while let Some(Line { path, outcome }) = self.receive(lines)? {
            match self.receive(&outcome)? {
                Some(Outcome { result: Ok(hash), refusal }) => {
                    if let Some(error) = refusal {
                        self.count_refusal(&path, &error)?;
                    }
                    self.add_line(&path, hash)?;
                }
                Some(Outcome { result: Err(failure), .. }) => match failure {
                    Failure::Io(error) => self.fail(&path, &error)?,
                    Failure::NotRegular => self.fail(&path, &"not a regular file")?,
                    Failure::Stopped => {}
                },
                // The message of the panic is on the standard error already.
                None => self.fail(&path, &"given up because of an internal error")?,
            }
        }
        self.flush()
    }

    /// Says what is left to say, after all lines or an error of the standard output.
    pub(crate) fn conclude(self, printed: io::Result<()>, interrupted: bool) -> ExitCode {
        self.shared.progress.finish();
        if self.refused > 0 {
            complain(format_args!(
                "{} of {} files were read through the page cache, as O_DIRECT was refused",
                self.refused, self.files
            ));
        }
        match printed {
            // Whoever closed the pipe has read enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return ExitCode::FAILURE,
            Err(error) => {
                complain(format_args!("standard output: {error}"));
                return ExitCode::FAILURE;
            }
            Ok(()) => {}
        }
        if interrupted {
            let (files, bytes) = (self.files, self.shared.progress.bytes());
            complain(format_args!("interrupted: {files} files were done, and {bytes} read"));
            return ExitCode::from(INTERRUPTED);
        }
        if self.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }

    /// Receives, but first shows what there is if that takes a wait.
    fn receive<T>(&mut self, channel: &Receiver<T>) -> io::Result<Option<T>> {
        match channel.try_recv() {
            Ok(value) => Ok(Some(value)),
            Err(TryRecvError::Disconnected) => Ok(None),
            Err(TryRecvError::Empty) => {
                self.flush()?;
                Ok(channel.recv().ok())
            }
        }
    }

    fn add_line(&mut self, path: &Path, hash: Hash) -> io::Result<()> {
        self.files += 1;
        line::append(&mut self.lines, path, hash);
        if self.lines.len() < LINES { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let write = || {
            let mut stdout = io::stdout().lock();
            stdout.write_all(self.lines.as_bytes())?;
            stdout.flush()
        };
        let written = if self.is_mixed { self.shared.progress.suspend(write) } else { write() };
        self.lines.clear();
        written
    }

    fn fail(&mut self, path: &Path, reason: &dyn fmt::Display) -> io::Result<()> {
        self.failed = true;
        self.note(format_args!("{}: {reason}", escaped(path).0))
    }

    fn count_refusal(&mut self, path: &Path, error: &io::Error) -> io::Result<()> {
        self.refused += 1;
        if self.refused > 1 {
            return Ok(());
        }
        let (path, _) = escaped(path);
        self.note(format_args!(
            "{path}: O_DIRECT is refused ({error}): reading this and others like it through the \
             page cache"
        ))
    }

    /// Writes a message behind the lines of the files before it.
    fn note(&mut self, message: fmt::Arguments<'_>) -> io::Result<()> {
        self.flush()?;
        self.shared.progress.suspend(|| complain(message));
        Ok(())
    }
}

/// Writes to the standard error. If that fails, there is nobody to tell.
pub(crate) fn complain(message: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "checksum: {message}");
}
