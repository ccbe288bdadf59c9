//! What was found in a file so far.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use tempfile::SpooledTempFile;

use crate::groups::Groups;
use crate::kept::Before;
use crate::print::Printer;
use crate::query::{Query, Wanted};
use crate::selection::Selected;
use crate::zeros::{BinaryFiles, HEAD, in_pieces};

/// What was found in a file.
pub(crate) struct Found {
    /// How many lines are selected. Only with [`Wanted::Counts`] are all of them counted.
    pub(crate) count: usize,
    /// The lines as they are to be printed.
    pub(crate) lines: SpooledTempFile,
    /// Whether there are any, even if nothing of them is printed.
    pub(crate) has_lines: bool,
    /// Lines are selected that are not printed, as the file is no text.
    pub(crate) is_binary: bool,
}

/// What is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// What the user wants of a file.
    Wanted(Wanted),
    /// Whether lines are selected that are not printed.
    Unprinted,
    /// Nothing any more.
    Skipped,
}

pub(crate) struct Tally {
    query: Arc<Query>,
    mode: Mode,
    groups: Groups,
    printer: Printer,
    count: usize,
    is_binary: bool,
}

impl Tally {
    /// Of a file whose lines are printed after `label`.
    pub(crate) fn new(query: &Arc<Query>, label: Option<&[u8]>) -> Self {
        Self {
            query: Arc::clone(query),
            mode: Mode::Wanted(query.wanted),
            groups: Groups::new(query.context),
            printer: Printer::new(label, query),
            count: 0,
            is_binary: false,
        }
    }

    /// Searches lines that newlines separate, and perhaps zero bytes. Returns where those begin
    /// that are to be kept for the lines that come next.
    pub(crate) fn search(
        &mut self,
        before: Before<'_>,
        lines: &[u8],
        has_zeros: bool,
    ) -> io::Result<usize> {
        let left = self.left();
        if self.mode == Mode::Wanted(Wanted::Lines) {
            let (query, printer) = (&self.query, &mut self.printer);
            let searched = self.groups.search(query, printer, before, lines, left)?;
            self.count += searched.count;
            return Ok(searched.rest);
        }
        let most = if self.mode == Mode::Wanted(Wanted::Counts) { left } else { left.min(1) };
        let mut count = 0;
        let mut search = |piece: &[u8]| {
            let selected = Selected::new(&self.query.pattern, self.query.invert, piece);
            count += selected.take(most - count).count();
            if count < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let _ = if has_zeros { in_pieces(lines, search) } else { search(lines) };
        self.count += count;
        self.is_binary |= count > 0 && self.mode == Mode::Unprinted;
        Ok(lines.len() + 1)
    }

    /// Whether this is about the lines of a text, of which some may have been printed.
    pub(crate) fn prints(&self) -> bool {
        self.mode == Mode::Wanted(Wanted::Lines)
    }

    /// Notes that the first zero byte comes next, after so many bytes.
    pub(crate) fn begin_binary(&mut self, before: u64) {
        if self.query.binary_files == BinaryFiles::Skipped {
            self.mode = Mode::Skipped;
            self.count = 0;
            self.forget_lines();
        } else if self.prints() {
            self.mode = Mode::Unprinted;
            if before < HEAD {
                self.is_binary = self.count > 0;
                self.forget_lines();
            }
        }
    }

    fn forget_lines(&mut self) {
        self.printer.discard();
        self.groups = Groups::new(self.query.context);
    }

    /// Whether no line matters any more.
    pub(crate) fn is_done(&self) -> bool {
        match self.mode {
            Mode::Wanted(Wanted::Lines) => self.left() == 0 && !self.groups.expects_context(),
            Mode::Wanted(Wanted::Counts) => self.left() == 0,
            Mode::Wanted(Wanted::Whether) => self.left() == 0 || self.count > 0,
            Mode::Unprinted => self.left() == 0 || self.is_binary,
            Mode::Skipped => true,
        }
    }

    /// Whether a zero byte would change nothing if it came after so many bytes, or later.
    pub(crate) fn is_certain(&self, after: u64) -> bool {
        match self.query.binary_files {
            BinaryFiles::Text => true,
            BinaryFiles::Named => !self.prints() || after >= HEAD,
            BinaryFiles::Skipped => self.mode == Mode::Skipped || after >= HEAD,
        }
    }

    /// How many lines may still be selected.
    fn left(&self) -> usize {
        self.query.max_count - self.count
    }

    /// The lines that are printed by now, which are then not in the result, and whether there are
    /// any, even if nothing of them is printed.
    pub(crate) fn take_lines(&mut self) -> io::Result<(SpooledTempFile, bool)> {
        Ok((self.printer.take()?, self.groups.has_printed()))
    }

    pub(crate) fn found(mut self) -> io::Result<Found> {
        let (lines, has_lines) = self.take_lines()?;
        Ok(Found { count: self.count, lines, has_lines, is_binary: self.is_binary })
    }
}
