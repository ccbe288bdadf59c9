//! Selected lines and the lines around them: groups, with a separator between those that are not
//! neighbours.

use std::io;

use memchr::memchr_iter;

use crate::kept::{Before, last};
use crate::print::{Kind, Printer};
use crate::query::{Context, Query};
use crate::selection::Selected;

/// How far the printing of a file has come.
pub(crate) struct Groups {
    context: Context,
    /// The number of the line that comes next.
    number: u64,
    /// So many lines that come next are printed, as they come after a selected one.
    after: usize,
    /// Whether a line has been printed, or would have been if it had a match to print.
    has_printed: bool,
}

/// What came of some lines.
pub(crate) struct Searched {
    /// How many were selected.
    pub(crate) count: usize,
    /// Where the lines begin of which none was printed, or beyond the end if there are none.
    pub(crate) rest: usize,
}

impl Groups {
    pub(crate) fn new(context: Option<Context>) -> Self {
        let context = context.unwrap_or_default();
        Self { context, number: 1, after: 0, has_printed: false }
    }

    pub(crate) fn has_printed(&self) -> bool {
        self.has_printed
    }

    /// Whether lines are printed even if none is selected any more.
    pub(crate) fn expects_context(&self) -> bool {
        self.after > 0
    }

    /// Prints what is to be printed of lines that newlines separate, and selects no more of them
    /// than `most`.
    pub(crate) fn search(
        &mut self,
        query: &Query,
        printer: &mut Printer,
        before: Before<'_>,
        lines: &[u8],
        most: usize,
    ) -> io::Result<Searched> {
        let (mut at, mut count) = (0, 0);
        let mut print = Printing { groups: self, query, printer };
        for line in Selected::new(&query.pattern, query.invert, lines).take(most) {
            at += print.after(ended(&lines[at..line.start]))?;
            let before = if at == 0 { before } else { Before::default() };
            print.before(before, &lines[at..line.start])?;
            print.line(Kind::Selected, &lines[line.clone()])?;
            print.groups.after = print.groups.context.after;
            at = line.end + 1;
            count += 1;
        }
        if let Some(rest) = lines.get(at..) {
            at += print.after(rest.split(|&byte| byte == b'\n'))?;
        }
        if let Some(rest) = lines.get(at..).filter(|_| query.layout.numbers) {
            self.number += newlines(rest) + 1;
        }
        Ok(Searched { count, rest: at })
    }
}

/// Lines on their way to the printer.
struct Printing<'a> {
    groups: &'a mut Groups,
    query: &'a Query,
    printer: &'a mut Printer,
}

impl Printing<'_> {
    fn line(&mut self, kind: Kind, line: &[u8]) -> io::Result<()> {
        self.printer.line(self.query, kind, self.groups.number, line)?;
        self.groups.number += 1;
        self.groups.has_printed = true;
        Ok(())
    }

    /// Prints the first of these lines as far as they come after a selected one. Returns how many
    /// bytes these have, with newlines.
    fn after<'l>(&mut self, lines: impl Iterator<Item = &'l [u8]>) -> io::Result<usize> {
        let mut len = 0;
        for line in lines.take(self.groups.after) {
            self.line(Kind::Context, line)?;
            self.groups.after -= 1;
            len += line.len() + 1;
        }
        Ok(len)
    }

    /// Prints the last of these lines, as they come before a selected one. Each ends with a
    /// newline. `lines` follow the ones in `kept`.
    fn before(&mut self, kept: Before<'_>, lines: &[u8]) -> io::Result<()> {
        let wanted = self.groups.context.before;
        let own = last(lines, wanted);
        let older = match lines.len() == own.len() {
            true => last(kept.lines, wanted - newlines(own) as usize),
            false => &[],
        };
        let has_gap = kept.has_gap || own.len() < lines.len() || older.len() < kept.lines.len();
        if has_gap && self.groups.has_printed && self.query.context.is_some() {
            self.printer.separator()?;
        }
        if self.query.layout.numbers {
            self.groups.number -= newlines(older);
            self.groups.number += newlines(&lines[..lines.len() - own.len()]);
        }
        ended(older).chain(ended(own)).try_for_each(|line| self.line(Kind::Context, line))
    }
}

/// The lines of a text of which each ends with a newline.
fn ended(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\n").unwrap_or(line))
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr_iter(b'\n', bytes).count() as u64
}
