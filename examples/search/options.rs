//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Parser};
use reapool::Order;

use crate::pattern::Pattern;
use crate::scan::Wanted;
use crate::shared::command_line::{self, mistake};
use crate::shared::settings::{Settings, order};
use crate::shared::sizes::{GIB, MIB, shown, size};

/// Searches files for lines that match PATTERN, and prints them behind the file's path. Every file
/// is text to it, of bytes in no particular encoding.
#[derive(Parser)]
#[command(
    name = "search",
    version,
    // `-h` is another option of grep.
    disable_help_flag = true,
    mut_arg("memory", |memory| memory.default_value("128M").help(
        "Memory for what is being read and what waits to be printed, 4M to 1T"
    ).long_help(
        "Memory for what is being read, for lines of which only a part has been read, and for \
        those that wait to be printed, 4M to 1T\n\n\
        Half of it is for one long line at a time: files whose lines have no room beside others \
        are searched one after the other. Sizes are numbers of bytes, or have a suffix for a power \
        of 1024, as 512K, 64M and 1GiB have."
    )),
    mut_arg("chunk", |chunk| chunk.long_help(
        "Size of a read of a large file, a multiple of 4K up to 64M\n\n\
        No more than a sixteenth of the memory is used, or 512K if that is more."
    )),
    after_help = "Exit status: 0 if a line matched, 1 if none did, 2 for an error (whatever \
        matched), 130 after Ctrl-C. A second Ctrl-C doesn't wait for the reads under way. SIGTERM \
        and SIGHUP do the same, with 143 and 129."
)]
struct Given {
    /// A regular expression as of https://docs.rs/regex
    ///
    /// It is without Unicode unless it says (?u). A match is within a line, whose end is no part
    /// of it.
    #[arg(value_name = "PATTERN")]
    pattern: OsString,
    /// Files, and directories of which all files below are searched
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,
    /// Print help
    #[arg(long, action = ArgAction::HelpLong)]
    help: Option<bool>,
    #[command(flatten)]
    matching: Matching,
    #[command(flatten)]
    printed: Printed,
    #[command(flatten)]
    searched: Searched,
    #[command(flatten)]
    settings: Settings,
}

// No documentation here, nor with the next two: it would become the program's.
#[derive(clap::Args)]
#[command(next_help_heading = "What is searched for")]
struct Matching {
    /// PATTERN is what is to be found, not an expression
    #[arg(short = 'F', long)]
    fixed_strings: bool,
    /// Take small and capital letters from A to Z for the same
    #[arg(short, long)]
    ignore_case: bool,
}

#[derive(clap::Args)]
#[command(next_help_heading = "What is printed")]
struct Printed {
    /// How many lines match, for every file
    #[arg(short, long)]
    count: bool,
    /// Only the paths of files with matches, which are not read to their end
    #[arg(short = 'l', long)]
    files_with_matches: bool,
    /// The numbers of the lines, from 1
    #[arg(short = 'n', long)]
    line_number: bool,
    /// In which order files come
    #[arg(long, value_parser = order(), default_value = "completion")]
    order: Order,
}

#[derive(clap::Args)]
#[command(next_help_heading = "What is searched, of that below directories")]
struct Searched {
    /// Also what .gitignore, .ignore and the like exclude
    #[arg(long)]
    no_ignore: bool,
    /// Also what begins with a dot
    #[arg(long)]
    hidden: bool,
    /// How long lines may be, from 1M to half of the memory [default: as long as possible]
    ///
    /// That is less if the memory is below 8M. A file with a longer line is given up.
    #[arg(long, value_name = "SIZE", value_parser = size(MIB..=512 * GIB))]
    max_line: Option<usize>,
}

pub(crate) struct Options {
    pub(crate) settings: Settings,
    pub(crate) order: Order,
    pub(crate) pattern: Pattern,
    pub(crate) wanted: Wanted,
    pub(crate) memory: Memory,
    pub(crate) no_ignore: bool,
    pub(crate) hidden: bool,
    pub(crate) paths: Vec<PathBuf>,
}

/// What the memory is for. The settings have the part for what is being read.
pub(crate) struct Memory {
    /// For unfinished lines of all files under way, in bytes.
    pub(crate) lines: usize,
    /// For lines that wait for their turn to be printed, in bytes.
    pub(crate) printed: usize,
    /// For a long line that has the room to itself, in bytes.
    pub(crate) max_line: usize,
}

pub(crate) fn parse_arguments() -> Result<Options, clap::Error> {
    command_line::parse::<Given>()?.check().map_err(mistake::<Given>)
}

impl Given {
    /// Finds out whether the options go together.
    fn check(self) -> Result<Options, String> {
        let Self { pattern, paths, matching, printed, searched, mut settings, .. } = self;
        let pattern = Pattern::new(&pattern, matching.fixed_strings, matching.ignore_case)?;
        let wanted = match (printed.files_with_matches, printed.count) {
            (true, _) => Wanted::Names,
            (false, true) => Wanted::Counts,
            (false, false) => Wanted::Lines { numbers: printed.line_number },
        };
        let memory = divide(&mut settings, searched.max_line)?;
        let (order, Searched { no_ignore, hidden, .. }) = (printed.order, searched);
        Ok(Options { settings, order, pattern, wanted, memory, no_ignore, hidden, paths })
    }
}

/// The least for what is being read, in bytes.
const LEAST: usize = 2 << 20;

/// Divides the memory: a quarter for what is being read, another one for unfinished lines and those
/// that are to be printed, and the rest for a long line.
fn divide(settings: &mut Settings, max_line: Option<usize>) -> Result<Memory, String> {
    let quarter = settings.memory / 4;
    let read = quarter.max(LEAST);
    let most = settings.memory - quarter - read;
    if max_line.is_some_and(|max_line| max_line > most) {
        let most = shown(most as u64);
        return Err(format!("--max-line takes no more than {most} with this --memory"));
    }
    settings.memory = read;
    let (lines, printed) = (quarter / 2, quarter / 2);
    Ok(Memory { lines, printed, max_line: max_line.unwrap_or(most) })
}
