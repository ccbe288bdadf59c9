//! The command line, and what of it is libtest's.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// Runs mixed jobs for long, and watches that nothing is lost, doubled, mixed up or grows.
#[derive(Parser)]
#[command(
    name = "soak",
    override_usage = "cargo test --release --test soak -- [OPTIONS]",
    args_override_self = true,
    max_term_width = 100,
    after_help = "Ctrl-C ends it early, with its report. The exit code is 0 only if all was well."
)]
struct Given {
    /// How long mixed jobs run: 30m, 90s, 2h [default: 5s]
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
    /// Before, so many on the null device: 100M, 500k [default: a few]
    #[arg(long = "jobs-on-null", value_name = "COUNT", value_parser = count)]
    nulls: Option<u64>,
    /// Repeats a run's choices, if not its timing
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Writes the report there; otherwise one line is printed
    #[arg(long, value_name = "FILE.md")]
    report: Option<PathBuf>,
    #[arg(long, hide = true)]
    list: bool,
    #[arg(long, hide = true)]
    ignored: bool,
    #[arg(long, hide = true, action = clap::ArgAction::Append)]
    skip: Vec<String>,
    #[arg(hide = true)]
    filters: Vec<String>,
    #[command(flatten)]
    libtest: Libtest,
}

// The options of libtest that have no meaning here.
#[derive(clap::Args)]
#[command(next_help_heading = "Others")]
struct Libtest {
    #[arg(long, hide = true)]
    test_threads: Option<String>,
    #[arg(long, hide = true)]
    format: Option<String>,
    #[arg(long, hide = true)]
    color: Option<String>,
    #[arg(long, hide = true)]
    logfile: Option<String>,
    #[arg(long, hide = true)]
    shuffle_seed: Option<String>,
    #[arg(short = 'Z', hide = true)]
    unstable: Option<String>,
    #[arg(long, hide = true, alias = "no-capture")]
    nocapture: bool,
    #[arg(long, hide = true)]
    exact: bool,
    #[arg(short, long, hide = true)]
    quiet: bool,
    #[arg(long, hide = true)]
    test: bool,
    #[arg(long, hide = true)]
    bench: bool,
    #[arg(long, hide = true)]
    show_output: bool,
    #[arg(long, hide = true)]
    include_ignored: bool,
    #[arg(long, hide = true)]
    shuffle: bool,
    #[arg(long, hide = true)]
    report_time: bool,
    #[arg(long, hide = true)]
    ensure_time: bool,
    #[arg(long, hide = true)]
    exclude_should_panic: bool,
    #[arg(long, hide = true)]
    force_run_in_process: bool,
}

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
    /// `--list`: names of tests; none with `--ignored`.
    List {
        ignored: bool,
    },
    /// Other tests were asked for.
    Nothing,
}

impl Command {
    /// The first argument is the program's name.
    pub(crate) fn parse(
        arguments: impl IntoIterator<Item = OsString>,
        seed: u64,
    ) -> Result<Self, clap::Error> {
        let given = Given::try_parse_from(arguments)?;
        let Given { list, ignored, skip, filters, .. } = &given;
        let is_skipped = skip.iter().any(|skipped| "soak".contains(skipped));
        let is_meant = filters.is_empty() || filters.iter().any(|filter| "soak".contains(filter));
        let is_nothing = *ignored || is_skipped || !is_meant;
        Ok(match () {
            () if *list => Self::List { ignored: is_nothing },
            () if is_nothing => Self::Nothing,
            () => Self::Run(given.options(seed)),
        })
    }
}

impl Given {
    /// Unless the user says otherwise, the run is a bounded one.
    fn options(self, seed: u64) -> Options {
        // In debug mode a job takes some times as long.
        let nulls = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
        Options {
            duration: self.duration.unwrap_or(Duration::from_secs(5)),
            nulls: self.nulls.unwrap_or(nulls),
            seed: self.seed.unwrap_or(seed),
            report: self.report,
        }
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
