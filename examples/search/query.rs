//! What is searched for in every file, and what is wanted of it.

use crate::pattern::Pattern;
use crate::print::Layout;
use crate::zeros::BinaryFiles;

/// The kind of result that the user wants of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// How many lines are selected.
    Counts,
    /// Whether one is.
    Whether,
    /// The lines.
    Lines,
}

/// How many lines around a selected one are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Context {
    pub(crate) before: usize,
    pub(crate) after: usize,
}

/// The search that is made in every file.
pub(crate) struct Query {
    pub(crate) pattern: Pattern,
    /// The lines without a match are selected.
    pub(crate) invert: bool,
    /// How many lines are selected of a file at most.
    pub(crate) max_count: usize,
    pub(crate) binary_files: BinaryFiles,
    pub(crate) wanted: Wanted,
    pub(crate) layout: Layout,
    /// If there is one, groups of lines are told apart, even if it is of no lines.
    pub(crate) context: Option<Context>,
    /// How long a line may be, with those before it that are kept, in bytes.
    pub(crate) max_line: usize,
    /// How many bytes of the lines to be printed are kept in memory for a file. If there are more,
    /// all of them go to a temporary file, in pieces of this size.
    pub(crate) spool: usize,
}
