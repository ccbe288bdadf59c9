//! Compares the crate with other ways of reading and of running a callback for each read.
//!
//! `cargo run --release --manifest-path benches/compare/Cargo.toml`; `--help` lists the options,
//! and `README.md` says how to read the results.
//!
//! ```text
//! options ─▶ rounds ─▶ run ─▶ a child for each turn: contender carries load, tally and usage count
//!               │        ◀── one line of JSON
//!               ▼
//!            results ─▶ bars (ratios), report (Markdown), chart (SVG), JSON
//! ```

mod aio;
mod answer;
mod bars;
mod chart;
mod child;
mod contender;
mod contenders;
mod conversions;
mod file_runs;
mod files;
mod fixture;
mod kind;
mod load;
mod machine;
mod memory;
mod options;
mod output;
mod progress;
mod report;
mod results;
mod rounds;
mod run;
mod stderr;
mod stop;
mod tally;
mod task;
mod usage;
mod workload;

use std::env;
use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::kind::Kind;
use crate::machine::Machine;
use crate::options::{HELP, Options};
use crate::results::Results;
use crate::rounds::Rounds;
use crate::stderr::complain;
use crate::stop::Stop;

/// The status of a program that Ctrl-C ended: 128 and the signal's number.
const INTERRUPTED: u8 = 130;

/// The results that are to be written.
struct Compared {
    reads: Option<Results>,
    files: Option<files::Results>,
    conversions: Option<conversions::Results>,
}

/// `None` if it was stopped.
fn everything(options: &Options, stop: &Stop, machine: &Machine) -> Option<Compared> {
    let (mut reads, mut files, mut conversions) = (None, None, None);
    if options.kinds.iter().any(|kind| !matches!(kind, Kind::Files | Kind::Conversions)) {
        reads = Some(Rounds::new(options, stop).run(machine.clone())?);
    }
    if options.kinds.contains(&Kind::Files) {
        files = Some(files::compare(options, stop, machine.clone())?);
    }
    if options.kinds.contains(&Kind::Conversions) {
        conversions = Some(conversions::compare(options, stop, machine.clone())?);
    }
    Some(Compared { reads, files, conversions })
}

/// Runs the workloads that the options name, and returns the failures. `None` if it was stopped.
fn compare(mut options: Options, arguments: &[String]) -> io::Result<Option<Vec<String>>> {
    let stop = Stop::on_signals()?;
    if options.memory {
        return files::footprint::check(&options, &stop);
    }
    options.turns = load::calibrate();
    let Some(compared) = everything(&options, &stop, &Machine::this(arguments)) else {
        return Ok(None);
    };
    fs::create_dir_all(&options.out)?;
    let mut failures = Vec::new();
    if let Some(results) = &compared.reads {
        output::write(results, &options.out)?;
        failures.extend(results.failures());
    }
    if let Some(results) = &compared.files {
        files::write(results, &options.out)?;
        failures.extend(results.failures());
    }
    if let Some(results) = &compared.conversions {
        conversions::write(results, &options.out)?;
        failures.extend(results.failures());
    }
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
