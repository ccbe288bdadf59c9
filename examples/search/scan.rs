//! The search of one file: its chunks come one after the other, and lines cross their borders.

use std::io::{self, Seek, Write};
use std::ops::{ControlFlow, Range};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use memchr::{memchr, memchr_iter, memrchr};
use tempfile::SpooledTempFile;

use crate::carry::{Carry, NotCarried, Room};
use crate::pattern::Pattern;

/// The kind of result that the user wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Counts,
    /// The paths of files with matches.
    Names,
    Lines {
        numbers: bool,
    },
}

/// The search that is made in every file.
pub(crate) struct Query {
    pub(crate) pattern: Pattern,
    pub(crate) wanted: Wanted,
    /// In bytes.
    pub(crate) max_line: usize,
    /// How many bytes of the lines to be printed are kept in memory for a file. If there are more,
    /// all of them go to a temporary file, in pieces of this size.
    pub(crate) spool: usize,
}

/// The matches in a file.
pub(crate) struct Found {
    /// How many lines match. With [`Wanted::Names`] no more than one.
    pub(crate) count: u64,
    /// The lines as they are to be printed.
    pub(crate) lines: SpooledTempFile,
}

/// The result of a search.
pub(crate) enum Outcome {
    Found(Found),
    /// The file has a long line, for which there was no room beside those of the other files. It is
    /// to be searched again, when it has the room to itself.
    Later,
}

pub(crate) struct Scan {
    query: Arc<Query>,
    /// The text before each line that is printed.
    label: Vec<u8>,
    carry: Carry,
    /// The number of the line that is searched next.
    number: u64,
    found: Found,
    /// Lines on their way to `found`.
    printed: Vec<u8>,
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
    /// Begins the search of a file. Lines whose end has not come yet wait in `room`.
    pub(crate) fn begin(query: &Arc<Query>, room: &Arc<Room>, path: &Path) -> Self {
        let label = match query.wanted {
            Wanted::Lines { .. } => [path.as_os_str().as_bytes(), b":"].concat(),
            Wanted::Counts | Wanted::Names => Vec::new(),
        };
        let found = Found { count: 0, lines: SpooledTempFile::new(query.spool) };
        let carry = Carry::new(room, query.max_line);
        let query = Arc::clone(query);
        Self { query, label, carry, number: 1, found, printed: Vec::new(), error: None }
    }

    /// Searches the lines that end in this chunk. `Break` if the rest of the file doesn't matter.
    pub(crate) fn chunk(&mut self, chunk: &[u8]) -> ControlFlow<()> {
        self.try_chunk(chunk).unwrap_or_else(|error| {
            self.error = Some(error);
            ControlFlow::Break(())
        })
    }

    fn try_chunk(&mut self, mut chunk: &[u8]) -> Result<ControlFlow<()>, Stop> {
        if !self.carry.is_empty() {
            let end = memchr(b'\n', chunk);
            self.carry_over(&chunk[..end.unwrap_or(chunk.len())])?;
            let Some(end) = end else { return Ok(ControlFlow::Continue(())) };
            chunk = &chunk[end + 1..];
            if self.search_carry()?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        if let Some(end) = memrchr(b'\n', chunk) {
            if self.search(&chunk[..end])?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            chunk = &chunk[end + 1..];
        }
        self.carry_over(chunk)?;
        Ok(ControlFlow::Continue(()))
    }

    /// Searches the last line, if no newline came after it.
    pub(crate) fn finish(mut self) -> io::Result<Outcome> {
        match self.error.take() {
            Some(Stop::Error(error)) => return Err(error),
            Some(Stop::Later) => return Ok(Outcome::Later),
            None => {}
        }
        let is_enough = self.query.wanted == Wanted::Names && self.found.count > 0;
        if !self.carry.is_empty() && !is_enough {
            let _ = self.search_carry()?;
        }
        self.spool()?;
        self.found.lines.rewind()?;
        Ok(Outcome::Found(self.found))
    }

    fn carry_over(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.carry.extend(bytes).map_err(|not_carried| match not_carried {
            NotCarried::NoRoom => Stop::Later,
            NotCarried::TooLong => {
                let max = self.query.max_line;
                let reason = format!("a line is longer than {max} bytes (--max-line)");
                Stop::Error(io::Error::other(reason))
            }
        })
    }

    /// Searches the line that has come in pieces, and gives back its room.
    fn search_carry(&mut self) -> io::Result<ControlFlow<()>> {
        let line = self.carry.take();
        self.search(line.bytes())
    }

    /// Searches whole lines, with newlines between them.
    fn search(&mut self, lines: &[u8]) -> io::Result<ControlFlow<()>> {
        let query = Arc::clone(&self.query);
        let mut hits = query.pattern.hits(lines);
        match query.wanted {
            Wanted::Counts => self.found.count += hits.count() as u64,
            Wanted::Names => {
                if hits.next().is_some() {
                    self.found.count = 1;
                    return Ok(ControlFlow::Break(()));
                }
            }
            Wanted::Lines { numbers } => {
                let mut counted = 0;
                for line in hits {
                    if numbers {
                        self.number += newlines(&lines[counted..line.start]);
                        counted = line.start;
                    }
                    self.print(lines, line, numbers)?;
                }
                if numbers {
                    self.number += newlines(&lines[counted..]) + 1;
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn print(&mut self, lines: &[u8], line: Range<usize>, numbers: bool) -> io::Result<()> {
        self.found.count += 1;
        self.printed.extend_from_slice(&self.label);
        if numbers {
            write!(self.printed, "{}:", self.number)?;
        }
        let line = &lines[line];
        if line.len() < self.query.spool {
            self.printed.extend_from_slice(line);
        } else {
            // Not copied: it may be as long as memory allows.
            self.spool()?;
            self.found.lines.write_all(line)?;
        }
        self.printed.push(b'\n');
        if self.printed.len() >= self.query.spool { self.spool() } else { Ok(()) }
    }

    fn spool(&mut self) -> io::Result<()> {
        self.found.lines.write_all(&self.printed)?;
        self.printed.clear();
        Ok(())
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr_iter(b'\n', bytes).count() as u64
}
