//! The options of the command line, in groups.

// No documentation of the groups here: it would become the program's.

use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal};

use clap::{Args, ValueEnum};
use reapool::Order;

use crate::paint::Paint;
use crate::pattern::{Extent, Rules};
use crate::query::Context;
use crate::report::Show;
use crate::shared::settings::order;
use crate::shared::sizes::{GIB, MIB, number, size};
use crate::zeros::BinaryFiles;

/// The heading of options that say so.
pub(crate) const PRINTED: &str = "What is printed";

#[derive(Args)]
#[command(next_help_heading = "What is searched for")]
pub(crate) struct Matching {
    /// What is searched for; can be given several times
    #[arg(short = 'e', long, value_name = "PATTERN", allow_hyphen_values = true)]
    pub(crate) regexp: Vec<OsString>,
    /// Patterns are what is to be found, not expressions
    #[arg(short = 'F', long, overrides_with = "extended_regexp")]
    fixed_strings: bool,
    /// Patterns are expressions, as they are without this
    #[arg(short = 'E', long, overrides_with = "fixed_strings")]
    extended_regexp: bool,
    /// Take small and capital letters for the same
    #[arg(short, long, overrides_with = "no_ignore_case")]
    ignore_case: bool,
    /// Tell small from capital letters, as without this
    #[arg(long, overrides_with = "ignore_case")]
    no_ignore_case: bool,
    /// A match is not part of a longer word
    #[arg(short, long)]
    word_regexp: bool,
    /// A match is a whole line
    #[arg(short = 'x', long)]
    line_regexp: bool,
    /// Select the lines without a match
    #[arg(short = 'v', long)]
    pub(crate) invert_match: bool,
}

#[derive(Args)]
#[command(next_help_heading = PRINTED)]
pub(crate) struct Printed {
    /// How many lines are selected, for every file
    #[arg(short, long)]
    count: bool,
    /// Only the paths of files with selected lines, which are not read to their end
    #[arg(short = 'l', long, overrides_with = "files_without_match")]
    files_with_matches: bool,
    /// Only the paths of files without selected lines
    #[arg(short = 'L', long, overrides_with = "files_with_matches")]
    files_without_match: bool,
    /// Select no more than N lines of each file
    #[arg(short, long, value_name = "N", value_parser = number(0..=u64::MAX))]
    pub(crate) max_count: Option<usize>,
    /// Each match on a line of its own, without the rest of its line
    #[arg(short, long)]
    pub(crate) only_matching: bool,
    /// The numbers of the lines, from 1
    #[arg(short = 'n', long)]
    pub(crate) line_number: bool,
    /// The paths of the files, also if there is only one
    #[arg(short = 'H', long, overrides_with = "no_filename")]
    pub(crate) with_filename: bool,
    /// No paths
    #[arg(short = 'h', long, overrides_with = "with_filename")]
    pub(crate) no_filename: bool,
    /// Whether paths, numbers and matches have colours
    ///
    /// These are the colours that grep has without GREP_COLORS. With auto there are some if the
    /// output is a terminal that has colours, and the environment has no NO_COLOR.
    #[arg(long, alias = "colour", value_name = "WHEN", default_value = "auto",
        default_missing_value = "auto", num_args = 0..=1, require_equals = true)]
    pub(crate) color: When,
    /// In which order files come
    #[arg(long, value_parser = order(), default_value = "completion")]
    pub(crate) order: Order,
}

#[derive(Args)]
#[command(next_help_heading = "Lines around those that are selected")]
pub(crate) struct Around {
    /// Also print N lines after each
    #[arg(short = 'A', long, value_name = "N", value_parser = number(0..=u64::MAX))]
    after_context: Option<usize>,
    /// Also print N lines before each
    ///
    /// The last N lines that were read are kept in memory. A file is given up if they don't fit
    /// into half of it, or are longer than --max-line, together with the line that comes next.
    #[arg(short = 'B', long, value_name = "N", value_parser = number(0..=u64::MAX))]
    before_context: Option<usize>,
    /// Also print N lines before each and after it
    #[arg(short = 'C', long, value_name = "N", value_parser = number(0..=u64::MAX))]
    context: Option<usize>,
}

#[derive(Args)]
#[command(next_help_heading = "What is searched")]
pub(crate) struct Searched {
    /// Take files with zero bytes for text
    ///
    /// Otherwise they are binary: if a line is selected, a message says so in its place. As for
    /// grep, zero bytes end lines, too, in such a file. Lines before the first zero byte are
    /// printed if it comes after more than 96K.
    #[arg(short = 'a', long, overrides_with = "no_binary")]
    text: bool,
    /// Take files with zero bytes for files without selected lines
    #[arg(short = 'I', overrides_with = "text")]
    no_binary: bool,
    /// Search all files below directories, as without this
    #[arg(short, long)]
    recursive: bool,
    /// Below directories, also what .gitignore, .ignore and the like exclude
    #[arg(long)]
    pub(crate) no_ignore: bool,
    /// Below directories, also what begins with a dot
    #[arg(long)]
    pub(crate) hidden: bool,
    /// How long lines may be, from 1M to half of the memory [default: as long as possible]
    ///
    /// That is less if the memory is below 8M. A file is given up if a line is longer, together
    /// with the lines before it that -B keeps.
    #[arg(long, value_name = "SIZE", value_parser = size(MIB..=512 * GIB))]
    pub(crate) max_line: Option<usize>,
}

impl Matching {
    pub(crate) fn rules(&self) -> Rules {
        let extent = match (self.line_regexp, self.word_regexp) {
            (true, _) => Extent::Line,
            (false, true) => Extent::Words,
            (false, false) => Extent::Any,
        };
        Rules { fixed: self.fixed_strings, ignore_case: self.ignore_case, extent }
    }
}

impl Printed {
    pub(crate) fn show(&self, is_quiet: bool) -> Show {
        match (is_quiet, self.files_with_matches, self.files_without_match, self.count) {
            (true, ..) => Show::Nothing,
            (false, true, ..) => Show::NamesWith,
            (false, _, true, _) => Show::NamesWithout,
            (false, _, _, true) => Show::Counts,
            _ => Show::Lines,
        }
    }
}

impl Around {
    pub(crate) fn context(&self) -> Option<Context> {
        let before = self.before_context.or(self.context);
        let after = self.after_context.or(self.context);
        (before.is_some() || after.is_some()).then(|| Context {
            before: before.unwrap_or_default(),
            after: after.unwrap_or_default(),
        })
    }
}

impl Searched {
    pub(crate) fn binary_files(&self) -> BinaryFiles {
        match (self.text, self.no_binary) {
            (true, _) => BinaryFiles::Text,
            (false, true) => BinaryFiles::Skipped,
            (false, false) => BinaryFiles::Named,
        }
    }
}

/// When there are colours.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum When {
    /// On a terminal
    Auto,
    Always,
    Never,
}

impl When {
    pub(crate) fn paint(self) -> Paint {
        let is_coloured = match self {
            Self::Auto => io::stdout().is_terminal() && is_wanted(),
            Self::Always => true,
            Self::Never => false,
        };
        if is_coloured { Paint::Coloured } else { Paint::Plain }
    }
}

/// Whether the environment allows colours: see https://no-color.org.
fn is_wanted() -> bool {
    let has_colours = env::var_os("TERM").is_some_and(|terminal| terminal != "dumb");
    has_colours && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
