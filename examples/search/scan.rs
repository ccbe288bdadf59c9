//! The search of one file: its chunks come one after the other, and lines cross their borders.

use std::io::{self, Seek, Write};
use std::ops::{ControlFlow, Range};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use memchr::{memchr, memchr_iter, memrchr};
use tempfile::SpooledTempFile;

use crate::pattern::Pattern;

/// How many bytes of the lines to be printed are kept in memory for a file. If there are more, all
/// of them go to a temporary file, in pieces of this size.
const SPOOL: usize = 64 << 10;

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
}

/// The matches in a file.
pub(crate) struct Found {
    /// How many lines match. With [`Wanted::Names`] no more than one.
    pub(crate) count: u64,
    /// The lines as they are to be printed.
    pub(crate) lines: SpooledTempFile,
}

pub(crate) struct Scan {
    query: Arc<Query>,
    /// The text before each line that is printed.
    label: Vec<u8>,
    /// The beginning of a line whose end has not come yet.
    carry: Vec<u8>,
    /// The number of the line that is searched next.
    number: u64,
    found: Found,
    /// Lines on their way to `found`.
    printed: Vec<u8>,
    /// Why the search of this file was given up.
    error: Option<io::Error>,
}

impl Scan {
    pub(crate) fn begin(query: &Arc<Query>, path: &Path) -> Self {
        let label = match query.wanted {
            Wanted::Lines { .. } => [path.as_os_str().as_bytes(), b":"].concat(),
            Wanted::Counts | Wanted::Names => Vec::new(),
        };
        let found = Found { count: 0, lines: SpooledTempFile::new(SPOOL) };
        let query = Arc::clone(query);
        Self { query, label, carry: Vec::new(), number: 1, found, printed: Vec::new(), error: None }
    }

    /// Searches the lines that end in this chunk. `Break` if the rest of the file doesn't matter.
    pub(crate) fn chunk(&mut self, chunk: &[u8]) -> ControlFlow<()> {
        self.try_chunk(chunk).unwrap_or_else(|error| {
            self.error = Some(error);
            ControlFlow::Break(())
        })
    }

    fn try_chunk(&mut self, mut chunk: &[u8]) -> io::Result<ControlFlow<()>> {
        if !self.carry.is_empty() {
            let end = memchr(b'\n', chunk);
            self.carry_over(&chunk[..end.unwrap_or(chunk.len())])?;
            let Some(end) = end else { return Ok(ControlFlow::Continue(())) };
            chunk = &chunk[end + 1..];
            let line = std::mem::take(&mut self.carry);
            if self.search(&line)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            // Its memory is used again for the next carry.
            self.carry = line;
            self.carry.clear();
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
    pub(crate) fn finish(mut self) -> io::Result<Found> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let is_enough = self.query.wanted == Wanted::Names && self.found.count > 0;
        if !self.carry.is_empty() && !is_enough {
            let line = std::mem::take(&mut self.carry);
            let _ = self.search(&line)?;
        }
        self.spool()?;
        self.found.lines.rewind()?;
        Ok(self.found)
    }

    fn carry_over(&mut self, bytes: &[u8]) -> io::Result<()> {
        let max = self.query.max_line;
        if self.carry.len() + bytes.len() > max {
            let max = max >> 20;
            return Err(io::Error::other(format!("a line is longer than {max} MiB (--max-line)")));
        }
        self.carry.extend_from_slice(bytes);
        Ok(())
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
        self.printed.extend_from_slice(&lines[line]);
        self.printed.push(b'\n');
        if self.printed.len() >= SPOOL { self.spool() } else { Ok(()) }
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
