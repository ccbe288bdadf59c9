//! The search of one file: its chunks come one after the other, and lines cross their borders.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use memchr::{memchr, memchr2, memrchr, memrchr2};
use tempfile::SpooledTempFile;

use crate::carry::{NotCarried, Room};
use crate::kept::{Finished, Kept};
use crate::query::{Query, Wanted};
use crate::tally::{Found, Tally};
use crate::zeros::BinaryFiles;

/// The result of a search.
pub(crate) enum Outcome {
    Found(Found),
    /// The file has a long line, for which there was no room beside those of the other files. It is
    /// to be searched again, when it has the room to itself.
    Later,
}

impl Outcome {
    /// What was found in a file that had the room to itself.
    pub(crate) fn found(self) -> io::Result<Found> {
        match self {
            Self::Found(found) => Ok(found),
            Self::Later => Err(io::Error::other("given up because of an internal error")),
        }
    }
}

pub(crate) struct Scan {
    query: Arc<Query>,
    kept: Kept,
    tally: Tally,
    /// How many bytes have come.
    len: u64,
    /// A zero byte has come, in a file that need not be text. From there on it ends lines, too.
    has_zeros: bool,
    /// Why the search of this file was given up.
    error: Option<Stop>,
}

/// Why a search did not come to its end.
enum Stop {
    Error(io::Error),
    Later,
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Error(error)
    }
}

impl Scan {
    /// Begins the search of a file, whose lines are printed after `label`. What is kept from chunk
    /// to chunk is kept in `room`.
    pub(crate) fn begin(query: &Arc<Query>, room: &Arc<Room>, label: Option<&[u8]>) -> Self {
        let lines_before = match (query.wanted, query.context) {
            (Wanted::Lines, Some(context)) => context.before,
            _ => 0,
        };
        let kept = Kept::new(room, query.max_line, lines_before);
        let tally = Tally::new(query, label);
        Self { query: Arc::clone(query), kept, tally, len: 0, has_zeros: false, error: None }
    }

    /// Searches the lines that end in this chunk. `Break` if the rest of the file doesn't matter.
    pub(crate) fn chunk(&mut self, chunk: &[u8]) -> ControlFlow<()> {
        self.try_chunk(chunk).unwrap_or_else(|error| {
            self.error = Some(error);
            ControlFlow::Break(())
        })
    }

    /// Searches the last line, if no newline came after it.
    pub(crate) fn finish(mut self) -> io::Result<Outcome> {
        match self.error.take() {
            Some(Stop::Error(error)) => return Err(error),
            Some(Stop::Later) => return Ok(Outcome::Later),
            None => {}
        }
        if self.kept.is_unfinished() && !self.tally.is_done() {
            self.search_finished()?;
        }
        self.tally.found().map(Outcome::Found)
    }

    /// The lines that are printed by now, which are then not in the result, and whether there are
    /// any, even if nothing of them is printed.
    pub(crate) fn take_lines(&mut self) -> io::Result<(SpooledTempFile, bool)> {
        self.tally.take_lines()
    }

    fn try_chunk(&mut self, mut chunk: &[u8]) -> Result<ControlFlow<()>, Stop> {
        let before = self.len;
        self.len += chunk.len() as u64;
        if let Some(zero) = self.first_zero(chunk) {
            if self.tally.prints() {
                // What comes before the line with the zero is text.
                let text = memrchr(b'\n', &chunk[..zero]).map_or(0, |newline| newline + 1);
                self.text(&chunk[..text])?;
                chunk = &chunk[text..];
            }
            self.tally.begin_binary(before + zero as u64);
            self.kept.forget();
            self.has_zeros = true;
        }
        self.text(chunk)?;
        Ok(match self.tally.is_done() && self.tally.is_certain(self.len) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        })
    }

    /// Where the file's first zero byte is in this chunk, if it is there and matters.
    fn first_zero(&self, chunk: &[u8]) -> Option<usize> {
        let matters = !self.has_zeros && self.query.binary_files != BinaryFiles::Text;
        if matters { memchr(0, chunk) } else { None }
    }

    /// Searches the lines that end in a text, and keeps the rest.
    fn text(&mut self, mut text: &[u8]) -> Result<(), Stop> {
        if self.kept.is_unfinished() && !self.tally.is_done() {
            let end = match self.has_zeros {
                true => memchr2(b'\n', 0, text),
                false => memchr(b'\n', text),
            };
            self.kept.extend(&text[..end.unwrap_or(text.len())]).map_err(|it| self.stop(&it))?;
            let Some(end) = end else { return Ok(()) };
            if let Some(finished) = self.search_finished()? {
                self.kept.put_back(finished).map_err(|it| self.stop(&it))?;
            }
            text = &text[end + 1..];
        }
        let end = match self.has_zeros {
            true => memrchr2(b'\n', 0, text),
            false => memrchr(b'\n', text),
        };
        if let Some(end) = end.filter(|_| !self.tally.is_done()) {
            let (lines, rest) = (&text[..end], &text[end + 1..]);
            let unprinted = self.tally.search(self.kept.before(), lines, self.has_zeros)?;
            if unprinted > 0 {
                self.kept.forget();
            }
            self.kept.add(&text[unprinted..=end]).map_err(|it| self.stop(&it))?;
            text = rest;
        }
        match self.tally.is_done() {
            true => Ok(()),
            false => self.kept.extend(text).map_err(|it| self.stop(&it)),
        }
    }

    /// Searches the line that has come in pieces. Returns it, with what was kept before it, if none
    /// of this has been printed.
    fn search_finished(&mut self) -> io::Result<Option<Finished>> {
        let finished = self.kept.finish_line();
        let unprinted = self.tally.search(finished.before(), finished.line(), self.has_zeros)?;
        Ok((unprinted == 0).then_some(finished))
    }

    fn stop(&self, not_carried: &NotCarried) -> Stop {
        let max = self.query.max_line;
        match not_carried {
            NotCarried::NoRoom => Stop::Later,
            NotCarried::TooLong if self.kept.before().lines.is_empty() => {
                let reason = format!("a line is longer than {max} bytes (--max-line)");
                Stop::Error(io::Error::other(reason))
            }
            NotCarried::TooLong => {
                let reason = format!(
                    "a line and those before it are longer than {max} bytes (--max-line, \
                     --before-context)"
                );
                Stop::Error(io::Error::other(reason))
            }
        }
    }
}
