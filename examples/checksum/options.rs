//! The command line.

use std::path::PathBuf;

use reapool::Order;

use crate::shared::settings::{self, Settings, options_help};

pub(crate) const HELP: &str = concat!(
    "\
Usage: checksum [OPTIONS] [PATH...]

Prints the BLAKE3 checksum of every regular file under the paths, in the format of b3sum; without
a path, of those under the current directory. Symbolic links are followed if they are named as a
PATH, but not where they are met on the way.

Options:
      --order O      In which order the lines come: input (of the paths, and by name below them) or
                     completion (as files are done) [default: input]
",
    options_help!(),
    "
Exit status: 0 if all went well, 1 if not, 2 for a mistake in the command line, 130 after Ctrl-C.
A second Ctrl-C doesn't wait for the reads under way. SIGTERM and SIGHUP do the same, with 143 and
129.
"
);

pub(crate) struct Options {
    pub(crate) settings: Settings,
    pub(crate) order: Order,
    pub(crate) paths: Vec<PathBuf>,
}

/// `None` if the user asked for help.
pub(crate) fn parse_arguments() -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::{Long, Short, Value, ValueExt};

    let mut options =
        Options { settings: Settings::default(), order: Order::Input, paths: Vec::new() };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        if let Some(name) = settings::name(&argument) {
            options.settings.set(name, &mut parser)?;
            continue;
        }
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Long("order") => options.order = parser.value()?.parse_with(settings::order)?,
            Value(path) => options.paths.push(path.into()),
            _ => return Err(argument.unexpected()),
        }
    }
    if options.paths.is_empty() {
        options.paths.push(".".into());
    }
    Ok(Some(options))
}
