//! Compares the crate with other ways of reading and of running a callback for each read.
//!
//! `cargo run --release --manifest-path benches/compare/Cargo.toml`; `--help` lists the options,
//! and `README.md` says how to read the results.
//!
//! ```text
//! options ─▶ rounds ─▶ run ─▶ a child for each turn: contender carries load, tally and usage count
//!               │        ◀── one line of JSON
//!               ▼
//!            results (all rounds) ─▶ summary ─▶ report (Markdown), chart (SVG), JSON
//! ```

mod aio;
mod answer;
mod chart;
mod child;
mod contender;
mod contenders;
mod conversions;
mod drawing;
mod file_runs;
mod files;
mod fixture;
mod growth;
mod help;
mod json;
mod kind;
mod load;
mod machine;
mod markdown;
mod memory;
mod metric;
mod named;
mod options;
mod output;
mod progress;
mod ratio;
mod ratios;
mod reads;
mod report;
mod results;
mod rounds;
mod run;
mod spread;
mod stderr;
mod stop;
mod summary;
mod tally;
mod task;
mod usage;
mod workload;

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use crate::conversions::{Conversions, Reader};
use crate::files::Files;
use crate::help::HELP;
use crate::kind::Kind;
use crate::machine::Machine;
use crate::options::Options;
use crate::reads::{Growth, Reads};
use crate::results::Results;
use crate::rounds::Rounds;
use crate::stderr::complain;
use crate::stop::Stop;

/// The status of a program that Ctrl-C ended: 128 and the signal's number.
const INTERRUPTED: u8 = 130;

/// All rounds of the comparisons that were run.
struct Compared {
    reads: Option<Results>,
    growth: Option<Results>,
    files: Option<files::Results>,
    conversions: Option<conversions::Results>,
}

/// `None` if it was stopped.
fn everything(options: &Options, stop: &Stop, machine: &Machine) -> Option<Compared> {
    let mut compared = Compared { reads: None, growth: None, files: None, conversions: None };
    let part = |takes_part: fn(&Kind) -> bool| {
        let kinds: Vec<_> = options.kinds.iter().copied().filter(takes_part).collect();
        (!kinds.is_empty()).then(|| Options { kinds, ..options.clone() })
    };
    if let Some(options) = part(|kind| kind.reads()) {
        compared.reads = Some(Rounds::new(&options, stop).run(machine.clone())?);
    }
    if let Some(options) = part(|kind| *kind == Kind::Growth) {
        compared.growth = Some(Rounds::new(&options, stop).run(machine.clone())?);
    }
    if options.kinds.contains(&Kind::Files) {
        compared.files = Some(files::compare(options, stop, machine.clone())?);
    }
    if options.kinds.contains(&Kind::Conversions) {
        compared.conversions = Some(conversions::compare(options, stop, machine.clone())?);
    }
    Some(compared)
}

/// Writes all results, prints the reports, and returns the failures.
fn write(compared: Compared, options: &Options) -> io::Result<Vec<String>> {
    let Compared { reads, growth, files, conversions } = compared;
    let (mut reports, mut failures) = (Vec::new(), Vec::new());
    if let Some(results) = &reads {
        reports.push(output::write::<Reads>(results, options)?);
        failures.extend(results.failures());
    }
    if let Some(results) = &growth {
        reports.push(output::write::<Growth>(results, options)?);
        failures.extend(results.failures());
    }
    if let Some(results) = &files {
        reports.push(output::write::<Files>(results, options)?);
        failures.extend(results.failures());
    }
    if let Some(results) = conversions {
        failures.extend(results.failures());
        reports.push(conversions::write(results, options)?);
    }
    io::stdout().write_all(reports.concat().as_bytes())?;
    Ok(failures)
}

/// Makes reports and charts anew from the results that there are, and prints the reports.
fn redraw(out: &Path) -> io::Result<()> {
    let reports = [
        output::redraw::<Reads>(out)?,
        output::redraw::<Growth>(out)?,
        output::redraw::<Files>(out)?,
        output::redraw::<Conversions>(out)?,
        output::redraw::<Reader>(out)?,
    ];
    let reports: Vec<_> = reports.into_iter().flatten().collect();
    if reports.is_empty() {
        return Err(io::Error::other(format!("{} has no results", out.display())));
    }
    io::stdout().write_all(reports.concat().as_bytes())
}

/// Runs the workloads that the options name, and returns the failures. `None` if it was stopped.
fn compare(mut options: Options, arguments: &[String]) -> io::Result<Option<Vec<String>>> {
    if options.redraw {
        return redraw(&options.out).map(|()| Some(Vec::new()));
    }
    let stop = Stop::on_signals()?;
    if options.memory {
        return files::footprint::check(&options, &stop);
    }
    options.turns = load::calibrate();
    let Some(compared) = everything(&options, &stop, &Machine::this(arguments)) else {
        return Ok(None);
    };
    fs::create_dir_all(&options.out)?;
    let failures = write(compared, &options)?;
    complain(format_args!("written to {}", options.out.display()));
    Ok(Some(failures))
}

fn conclude(failures: Option<Vec<String>>) -> ExitCode {
    let Some(failures) = failures else {
        complain(format_args!("interrupted: nothing has been written"));
        return ExitCode::from(INTERRUPTED);
    };
    for failure in &failures {
        complain(format_args!("FAILED: {failure}"));
    }
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Performs a child's task. `None` if the command names none.
fn perform(command: &str, task: &str) -> Option<ExitCode> {
    let done = match command {
        "run" => child::run(task),
        "run-files" => files::child::run(task),
        "run-conversions" => conversions::child::run(task),
        "run-memory" => files::footprint::child(task),
        _ => return None,
    };
    Some(match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("{error}"));
            ExitCode::FAILURE
        }
    })
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [command, task] = &arguments[..]
        && let Some(done) = perform(command, task)
    {
        return done;
    }
    match options::parse(&arguments) {
        Ok(Some(options)) => compare(options, &arguments).map_or_else(
            |error| {
                complain(format_args!("reapool-compare: {error}"));
                ExitCode::FAILURE
            },
            conclude,
        ),
        Ok(None) => match io::stdout().write_all(HELP.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(error) => {
            complain(format_args!("reapool-compare: {error} (--help lists the options)"));
            ExitCode::from(2)
        }
    }
}
