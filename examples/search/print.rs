//! The lines of one file as they are printed.

use std::io::{self, Write};

use tempfile::SpooledTempFile;

use crate::paint::{Paint, Part};
use crate::query::Query;
use crate::spool::Spool;

/// What is printed of a line that is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The lines' numbers.
    pub(crate) numbers: bool,
    /// Each match on a line of its own, in place of the whole line.
    pub(crate) only_matches: bool,
    pub(crate) paint: Paint,
}

/// Why a line is printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Selected,
    /// It is near a selected one.
    Context,
}

pub(crate) struct Printer {
    /// The file's name as it is printed before each line, if it is.
    label: Option<Vec<u8>>,
    layout: Layout,
    spool: Spool,
}

impl Printer {
    pub(crate) fn new(label: Option<&[u8]>, query: &Query) -> Self {
        let layout = query.layout;
        let label = label.map(|label| layout.paint.paint(Part::Path, label));
        Self { label, layout, spool: Spool::new(query.spool) }
    }

    pub(crate) fn line(
        &mut self,
        query: &Query,
        kind: Kind,
        number: u64,
        line: &[u8],
    ) -> io::Result<()> {
        let Layout { only_matches, paint, .. } = self.layout;
        if !only_matches {
            self.head(kind, number)?;
        }
        // With --invert-match the matches are in the context.
        let has_matches = (kind == Kind::Selected) != query.invert;
        let mut printed = 0;
        if has_matches && (only_matches || paint == Paint::Coloured) {
            let (before, after) = paint.around(Part::Match);
            for found in query.pattern.matches(line) {
                if only_matches {
                    self.head(kind, number)?;
                } else {
                    self.spool.write_all(&line[printed..found.start])?;
                }
                self.spool.write_all(before)?;
                self.spool.write_all(&line[found.clone()])?;
                self.spool.write_all(after)?;
                if only_matches {
                    self.spool.write_all(b"\n")?;
                }
                printed = found.end;
            }
        }
        if !only_matches {
            self.spool.write_all(&line[printed..])?;
            self.spool.write_all(b"\n")?;
        }
        Ok(())
    }

    /// What comes between groups of lines that are not neighbours.
    pub(crate) fn separator(&mut self) -> io::Result<()> {
        self.spool.write_all(&separator(self.layout.paint))
    }

    /// All that was printed since the last time.
    pub(crate) fn take(&mut self) -> io::Result<SpooledTempFile> {
        self.spool.take()
    }

    pub(crate) fn discard(&mut self) {
        self.spool.discard();
    }

    /// What comes before the line's text.
    fn head(&mut self, kind: Kind, number: u64) -> io::Result<()> {
        let Layout { numbers, paint, .. } = self.layout;
        let mark: &[u8] = if kind == Kind::Selected { b":" } else { b"-" };
        let (before_mark, after_mark) = paint.around(Part::Separator);
        if let Some(label) = &self.label {
            [label, before_mark, mark, after_mark]
                .iter()
                .try_for_each(|it| self.spool.write_all(it))?;
        }
        if numbers {
            let (before, after) = paint.around(Part::Number);
            self.spool.write_all(before)?;
            write!(self.spool, "{number}")?;
            [after, before_mark, mark, after_mark]
                .iter()
                .try_for_each(|it| self.spool.write_all(it))?;
        }
        Ok(())
    }
}

/// The line between groups.
pub(crate) fn separator(paint: Paint) -> Vec<u8> {
    [paint.paint(Part::Separator, b"--"), b"\n".to_vec()].concat()
}
