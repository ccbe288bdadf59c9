//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use reapool::Order;

use crate::pattern::Pattern;
use crate::scan::Wanted;
use crate::shared::settings::{self, Settings, number, options_help};

pub(crate) const HELP: &str = concat!(
    "\
Usage: search [OPTIONS] PATTERN [PATH...]

Searches files for lines that match PATTERN, and prints them behind the file's path. Of directories,
all files below them are searched; without a PATH, those below the current directory. Every file is
text to it, of bytes in no particular encoding.

PATTERN is a regular expression as of https://docs.rs/regex, without Unicode unless it says (?u). A
match is within a line, whose end is no part of it.

What is searched for:
  -F, --fixed-strings  PATTERN is what is to be found, not an expression
  -i, --ignore-case    Take small and capital letters from A to Z for the same

What is printed:
  -c, --count          How many lines match, for every file
  -l, --files-with-matches
                       Only the paths of files with matches, which are not read to their end
  -n, --line-number    The numbers of the lines, from 1
      --order O        In which order files come: input (of the paths, and by name below them) or
                       completion (as they are done) [default: completion]

What is searched, of that below directories:
      --no-ignore      Also what .gitignore, .ignore and the like exclude
      --hidden         Also what begins with a dot
      --max-line MIB   How long lines may be, from 1 to half of the memory (less if the memory is
                       below 8); a file with a longer one is given up [default: as long as possible]

Options:
",
    options_help!(
        "      --memory MIB   Memory for what is being read, for lines of which only a part has been read, and
                     for those that wait to be printed, 4 to 1048576 [default: 128]. Half of it is
                     for one long line at a time: files whose lines have no room beside others are
                     searched one after the other
      --chunk KIB    Size of a read of a large file, a multiple of 4 from 4 to 65536, no more than
                     a sixteenth of the memory, or 512 if that is more [default: 1024]
"
    ),
    "
Exit status: 0 if a line matched, 1 if none did, 2 for an error (whatever matched), 130 after
Ctrl-C. A second Ctrl-C doesn't wait for the reads under way. SIGTERM and SIGHUP do the same, with
143 and 129.
"
);

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

/// `None` if the user asked for help.
pub(crate) fn parse_arguments() -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::{Long, Short, Value, ValueExt};

    let mut settings = Settings::default();
    settings.memory = 128 << 20;
    let (mut order, mut max_line) = (Order::Completion, None);
    let (mut fixed, mut ignore_case, mut no_ignore, mut hidden) = (false, false, false, false);
    let (mut count, mut names, mut numbers) = (false, false, false);
    let mut values: Vec<OsString> = Vec::new();
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        if let Some(name) = settings::name(&argument) {
            settings.set(name, &mut parser)?;
            continue;
        }
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Short('F') | Long("fixed-strings") => fixed = true,
            Short('i') | Long("ignore-case") => ignore_case = true,
            Short('c') | Long("count") => count = true,
            Short('l') | Long("files-with-matches") => names = true,
            Short('n') | Long("line-number") => numbers = true,
            Long("no-ignore") => no_ignore = true,
            Long("hidden") => hidden = true,
            Long("order") => order = parser.value()?.parse_with(settings::order)?,
            Long("max-line") => {
                max_line = Some(number(&mut parser, 1, 1 << 19)? << 20);
            }
            Value(value) => values.push(value),
            _ => return Err(argument.unexpected()),
        }
    }
    let mut values = values.into_iter();
    let pattern = values.next().ok_or("a PATTERN is expected")?;
    let pattern = Pattern::new(&pattern, fixed, ignore_case)?;
    let mut paths: Vec<PathBuf> = values.map(Into::into).collect();
    if paths.is_empty() {
        paths.push(".".into());
    }
    let wanted = match (names, count) {
        (true, _) => Wanted::Names,
        (false, true) => Wanted::Counts,
        (false, false) => Wanted::Lines { numbers },
    };
    let memory = divide(&mut settings, max_line)?;
    Ok(Some(Options { settings, order, pattern, wanted, memory, no_ignore, hidden, paths }))
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
        return Err(format!("--max-line takes no more than {} with this --memory", most >> 20));
    }
    settings.memory = read;
    let (lines, printed) = (quarter / 2, quarter / 2);
    Ok(Memory { lines, printed, max_line: max_line.unwrap_or(most) })
}
