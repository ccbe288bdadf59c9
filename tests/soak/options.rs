//! The command line, and what of it is libtest's.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::*;

pub(crate) const HELP: &str = "\
Runs mixed jobs for long, and watches that nothing is lost, doubled, mixed up or grows.

cargo test --release --test soak -- [OPTIONS]

  --for TIME             how long mixed jobs run: 30m, 90s, 2h (default: 5s)
  --jobs-on-null COUNT   before, so many on the null device: 100M, 500k (default: a few)
  --seed N               repeats a run's choices, if not its timing
  --report FILE.md       writes the report there; otherwise one line is printed
  --help

Ctrl-C ends it early, with its report. The exit code is 0 only if all was well.
";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) duration: Duration,
    pub(crate) nulls: u64,
    pub(crate) seed: u64,
    pub(crate) report: Option<PathBuf>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Run(Options),
    Help,
    /// `--list`: names of tests; none with `--ignored`.
    List {
        ignored: bool,
    },
    /// Other tests were asked for.
    Nothing,
}

impl Options {
    /// The bounded run.
    fn bounded(seed: u64) -> Self {
        // In debug mode a job takes some times as long.
        let nulls = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
        Self { duration: Duration::from_secs(5), nulls, seed, report: None }
    }
}

impl Command {
    pub(crate) fn parse<I>(arguments: I, seed: u64) -> Result<Self, lexopt::Error>
    where
        I: IntoIterator<Item: Into<OsString>>,
    {
        let mut options = Options::bounded(seed);
        let (mut lists, mut ignored) = (false, false);
        let mut filters: Vec<String> = Vec::new();
        let mut skips = false;
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("for") => options.duration = parser.value()?.parse_with(duration)?,
                Long("jobs-on-null") => options.nulls = parser.value()?.parse_with(count)?,
                Long("seed") => options.seed = parser.value()?.parse()?,
                Long("report") => options.report = Some(parser.value()?.into()),
                Long("help") | Short('h') => return Ok(Self::Help),
                Long("list") => lists = true,
                Long("ignored") => ignored = true,
                Long("skip") => skips |= "soak".contains(&parser.value()?.string()?),
                // libtest's, without a meaning here.
                Long("test-threads" | "format" | "color" | "logfile" | "shuffle-seed")
                | Short('Z') => drop(parser.value()?),
                Long(
                    "nocapture"
                    | "no-capture"
                    | "exact"
                    | "quiet"
                    | "test"
                    | "bench"
                    | "show-output"
                    | "include-ignored"
                    | "shuffle"
                    | "report-time"
                    | "ensure-time"
                    | "exclude-should-panic"
                    | "force-run-in-process",
                )
                | Short('q') => {}
                Value(filter) => filters.push(filter.string()?),
                other => return Err(other.unexpected()),
            }
        }
        let is_meant = filters.is_empty() || filters.iter().any(|filter| "soak".contains(filter));
        Ok(match () {
            () if lists => Self::List { ignored: ignored || skips || !is_meant },
            () if ignored || skips || !is_meant => Self::Nothing,
            () => Self::Run(options),
        })
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let (number, seconds) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(number) if text.ends_with('m') => (number, 60),
        Some(number) if text.ends_with('h') => (number, 3600),
        Some(number) => (number, 1),
        None => (text, 1),
    };
    let number: u64 = number.parse().map_err(|_| format!("{text:?} is no time, as 30m is"))?;
    let seconds = number.checked_mul(seconds).filter(|seconds| *seconds < 1 << 32);
    seconds.map(Duration::from_secs).ok_or_else(|| format!("{text:?} is too long"))
}

fn count(text: &str) -> Result<u64, String> {
    let (number, factor) = match text.strip_suffix(['k', 'M', 'G']) {
        Some(number) if text.ends_with('k') => (number, 1000),
        Some(number) if text.ends_with('M') => (number, 1_000_000),
        Some(number) => (number, 1_000_000_000),
        None => (text, 1),
    };
    let number: u64 = number.parse().map_err(|_| format!("{text:?} is no count, as 100M is"))?;
    let count = number.checked_mul(factor).filter(|count| *count < 1 << 36);
    count.ok_or_else(|| format!("{text:?} is too many"))
}
