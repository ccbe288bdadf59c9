//! What is printed of each file's result.

use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use tempfile::SpooledTempFile;

use crate::paint::{Paint, Part};
use crate::print::separator;
use crate::query::Wanted;
use crate::shared::input::is_stdin;
use crate::shared::output::Output;
use crate::tally::Found;

/// What the user wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Show {
    Lines,
    Counts,
    /// The names of files in which lines are selected.
    NamesWith,
    /// The names of the others.
    NamesWithout,
    Nothing,
}

impl Show {
    /// What has to be known of a file.
    pub(crate) fn wanted(self) -> Wanted {
        match self {
            Self::Lines => Wanted::Lines,
            Self::Counts => Wanted::Counts,
            Self::NamesWith | Self::NamesWithout | Self::Nothing => Wanted::Whether,
        }
    }
}

/// How results are printed.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    pub(crate) show: Show,
    /// Lines and counts come after the file's name.
    pub(crate) has_names: bool,
    /// There are separators between groups of lines.
    pub(crate) has_groups: bool,
    pub(crate) paint: Paint,
}

pub(crate) struct Report<'a> {
    style: Style,
    output: &'a Output,
    /// Lines have been printed.
    has_begun: bool,
    /// Lines of the present file have been printed.
    is_in_file: bool,
    has_matched: bool,
}

impl<'a> Report<'a> {
    pub(crate) fn new(style: Style, output: &'a Output) -> Self {
        Self { style, output, has_begun: false, is_in_file: false, has_matched: false }
    }

    /// Whether a line was selected in any file.
    pub(crate) fn has_matched(&self) -> bool {
        self.has_matched
    }

    /// Whether nothing can come that matters.
    pub(crate) fn is_complete(&self) -> bool {
        self.has_matched && self.style.show == Show::Nothing
    }

    /// What is printed before the lines of a file.
    pub(crate) fn label(style: Style, path: &Path) -> Option<Vec<u8>> {
        style.has_names.then(|| name(path).to_vec())
    }

    /// Prints lines of a file, before its other ones or its result.
    pub(crate) fn lines(&mut self, mut lines: SpooledTempFile, has_lines: bool) -> io::Result<()> {
        let Style { has_groups, paint, .. } = self.style;
        if has_lines && !self.is_in_file {
            if has_groups && self.has_begun {
                self.write(&separator(paint))?;
            }
            (self.has_begun, self.is_in_file) = (true, true);
        }
        io::copy(&mut lines, &mut self.output).map(drop)
    }

    /// Notes that the lines that come next are those of another file.
    pub(crate) fn end_file(&mut self) {
        self.is_in_file = false;
    }

    /// Prints the result of a file.
    pub(crate) fn found(&mut self, path: &Path, found: Found) -> io::Result<()> {
        self.has_matched |= found.count > 0;
        let Style { show, has_names, paint, .. } = self.style;
        let painted = || paint.paint(Part::Path, name(path));
        match show {
            Show::Lines => {
                self.lines(found.lines, found.has_lines)?;
                self.end_file();
                if found.is_binary {
                    // For grep these are lines that come before others, too.
                    self.has_begun = true;
                    self.output.note(path_shown(path), "binary file matches");
                }
            }
            Show::Counts => {
                let colon = paint.paint(Part::Separator, b":");
                let label = if has_names { [painted(), colon].concat() } else { Vec::new() };
                self.write(&[label, format!("{}\n", found.count).into_bytes()].concat())?;
            }
            Show::NamesWith | Show::NamesWithout => {
                if (found.count > 0) == (show == Show::NamesWith) {
                    self.write(&[painted(), b"\n".to_vec()].concat())?;
                }
            }
            Show::Nothing => {}
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.output.write_all(bytes)
    }
}

/// The path as it is shown.
pub(crate) fn path_shown(path: &Path) -> &Path {
    if is_stdin(path) { Path::new("(standard input)") } else { path }
}

fn name(path: &Path) -> &[u8] {
    path_shown(path).as_os_str().as_bytes()
}
