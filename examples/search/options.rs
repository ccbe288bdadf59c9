//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Parser};
use reapool::Order;

use crate::arguments::{Around, Matching, PRINTED, Printed, Searched};
use crate::memory::Memory;
use crate::operands::{Group, Operands};
use crate::paths::Filters;
use crate::pattern::Pattern;
use crate::print::Layout;
use crate::query::Query;
use crate::report::Style;
use crate::shared::command_line::{self, mistake};
use crate::shared::settings::Settings;
use crate::shared::sizes::shown;

/// Searches files for lines that match PATTERN, and of directories all files below them.
///
/// It is the part of grep -r that says which lines are selected and how they are printed, with the
/// same options, output and exit statuses. As with rg, what .gitignore and the like exclude and
/// what begins with a dot is left out below directories, patterns are expressions of
/// https://docs.rs/regex, of whose alternatives the first that matches counts and not the longest,
/// and only zero bytes make a file binary. Files come in the order in which they are done, unless
/// --order=input is given.
///
/// It has no -f, -G, -P, -R, -T, -U, -Z, -b, -z, -NUM, --include, --exclude, --label, and no
/// GREP_COLORS: they would show nothing more about reading files, of which this is an example.
#[derive(Parser)]
#[command(
    name = "search",
    version,
    override_usage = "search [OPTIONS] PATTERN [PATH...]\n       \
        search [OPTIONS] -e PATTERN... [PATH...]",
    // `-h` is another option of grep.
    disable_help_flag = true,
    mut_arg("memory", |memory| memory.default_value("128M").help(
        "Memory for what is being read and what waits to be printed, 4M to 1T"
    ).long_help(
        "Memory for what is being read, for what is kept of a file from one read to the next, and \
        for lines that wait to be printed, 4M to 1T\n\n\
        Kept are a line of which only a part has been read, and lines that -B may want. Half of \
        the memory is for one file at a time: files whose lines have no room beside others are \
        searched one after the other. Sizes are numbers of bytes, or have a suffix for a power of \
        1024, as 512K, 64M and 1GiB have."
    )),
    mut_arg("chunk", |chunk| chunk.long_help(
        "Size of a read of a large file, a multiple of 4K up to 64M\n\n\
        No more than a sixteenth of the memory is used, or 512K if that is more."
    )),
    mut_arg("quiet", |quiet| quiet.help(
        "Print nothing, and end with status 0 at the first match, even after an error"
    ).alias("silent").help_heading(PRINTED)),
    after_help = "Exit status: 0 if a line was selected, 1 if none was, 2 after an error. With -q \
        it is 0 if a line was selected, even after an error. It is 0 if nobody reads the output \
        any more, and 130 after Ctrl-C. A second Ctrl-C doesn't wait for the reads under way. \
        SIGTERM and SIGHUP do the same, with 143 and 129. A broken .gitignore is mentioned, but is \
        no error."
)]
struct Given {
    /// PATTERN, unless -e gives it, and the files and directories to be searched
    ///
    /// A match is within a line. A PATTERN of several lines is several patterns. Without a PATH,
    /// standard input is searched if it is a file, a pipe or a socket, and otherwise the current
    /// directory. The path - is standard input.
    #[arg(value_name = "PATTERN] [PATH")]
    values: Vec<OsString>,
    /// Print help
    #[arg(long, action = ArgAction::HelpLong)]
    help: Option<bool>,
    #[command(flatten)]
    matching: Matching,
    #[command(flatten)]
    printed: Printed,
    #[command(flatten)]
    context: Around,
    #[command(flatten)]
    searched: Searched,
    #[command(flatten)]
    settings: Settings,
    /// No progress bar, which otherwise is shown if standard error is a terminal
    #[arg(long, help_heading = "Messages")]
    no_progress: bool,
    /// No messages about files that don't exist or can't be read, nor about broken .gitignore
    #[arg(short = 's', long, help_heading = "Messages")]
    no_messages: bool,
}

pub(crate) struct Options {
    pub(crate) settings: Settings,
    pub(crate) order: Order,
    pub(crate) query: Query,
    pub(crate) style: Style,
    /// Memory for what is kept of all files that are searched side by side, in bytes.
    pub(crate) kept: usize,
    pub(crate) filters: Filters,
    pub(crate) groups: Vec<Group>,
    pub(crate) messages: Messages,
}

/// What the user doesn't want to see.
pub(crate) struct Messages {
    pub(crate) hides_bar: bool,
    pub(crate) hides_failures: bool,
}

pub(crate) fn parse_arguments() -> Result<Options, clap::Error> {
    command_line::parse::<Given>()?.check().map_err(mistake::<Given>)
}

impl Given {
    /// Finds out whether the options go together.
    fn check(self) -> Result<Options, String> {
        let Self { values, matching, printed, context, searched, mut settings, .. } = self;
        let mut values = values.into_iter();
        let mut patterns = matching.regexp.clone();
        if patterns.is_empty() {
            patterns.push(values.next().ok_or("a PATTERN is expected")?);
        }
        let memory = Memory::divide(settings.memory, searched.max_line).map_err(|most| {
            let most = shown(most as u64);
            format!("--max-line takes no more than {most} with this --memory")
        })?;
        settings.memory = memory.read;
        let operands = Operands::new(values.map(PathBuf::from).collect());
        let show = printed.show(settings.quiet);
        let paint = printed.color.paint();
        let has_names = operands.has_names || printed.with_filename;
        let context = context.context();
        let query = Query {
            pattern: Pattern::new(&patterns, matching.rules())?,
            invert: matching.invert_match,
            max_count: printed.max_count.unwrap_or(usize::MAX),
            binary_files: searched.binary_files(),
            wanted: show.wanted(),
            layout: Layout {
                numbers: printed.line_number,
                only_matches: printed.only_matching,
                paint,
            },
            context,
            max_line: memory.max_line,
            spool: memory.spool,
        };
        Ok(Options {
            order: printed.order,
            query,
            style: Style {
                show,
                has_names: has_names && !printed.no_filename,
                has_groups: context.is_some(),
                paint,
            },
            kept: memory.lines,
            filters: Filters {
                no_ignore: searched.no_ignore,
                hidden: searched.hidden,
                is_implicit: operands.is_implicit,
            },
            groups: operands.groups,
            messages: Messages {
                hides_bar: settings.quiet || self.no_progress,
                hides_failures: self.no_messages,
            },
            settings,
        })
    }
}
