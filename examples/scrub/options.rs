//! The command line.

use std::path::PathBuf;
use std::time::Duration;

pub(crate) const HELP: &str = "\
Usage: scrub [OPTIONS] PATH...

Reads files or block devices to the last byte, past the page cache where that is possible, and
prints for each how much could be read, and which bytes could not.

Options:
      --rate MIB       At most so many MiB a second, 1 to 1048576 [default: no bound]
      --chunk KIB      Size of a read, a multiple of 4 from 4 to 65536. Where one fails, each 4 KiB
                       of it are tried [default: 512]
      --depth N        Reads under way at a time, 1 to 4096 [default: 8]
      --status SECONDS Say on standard error how far it is, every so many seconds; 0 for never
                       [default: 10]
  -h, --help           Print this

SIGUSR1 asks for a status line too. Ctrl-C waits for the reads under way and says how far it came; a
second one doesn't wait.

Exit status: 0 if all could be read, 1 if not, 2 for a mistake in the command line, 130 after Ctrl-C.
";

pub(crate) struct Options {
    /// Bytes a second.
    pub(crate) rate: Option<u64>,
    pub(crate) chunk: usize,
    pub(crate) depth: usize,
    pub(crate) status: Option<Duration>,
    pub(crate) paths: Vec<PathBuf>,
}

/// `None` if the user asked for help.
pub(crate) fn parse_arguments() -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::{Long, Short, Value, ValueExt};

    let mut options = Options {
        rate: None,
        chunk: 512 << 10,
        depth: 8,
        status: Some(Duration::from_secs(10)),
        paths: Vec::new(),
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Long("rate") => {
                let mebibytes = parser.value()?.parse_with(|text| within(text, 1, 1 << 20))?;
                options.rate = Some(mebibytes << 20);
            }
            Long("chunk") => options.chunk = parser.value()?.parse_with(chunk)?,
            Long("depth") => {
                options.depth = parser.value()?.parse_with(|text| within(text, 1, 4096))? as usize;
            }
            Long("status") => {
                let seconds = parser.value()?.parse_with(|text| within(text, 0, 1 << 20))?;
                options.status = (seconds > 0).then(|| Duration::from_secs(seconds));
            }
            Value(path) => options.paths.push(path.into()),
            _ => return Err(argument.unexpected()),
        }
    }
    if options.paths.is_empty() {
        return Err("no path was given".into());
    }
    Ok(Some(options))
}

fn within(text: &str, least: u64, most: u64) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("it must be a number from {least} to {most}"))
}

fn chunk(text: &str) -> Result<usize, String> {
    let kibibytes = within(text, 4, 65536).ok().filter(|kibibytes| kibibytes % 4 == 0);
    let kibibytes = kibibytes.ok_or("it must be a multiple of 4 from 4 to 65536")?;
    Ok((kibibytes as usize) << 10)
}
