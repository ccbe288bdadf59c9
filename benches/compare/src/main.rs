//! Compares the crate with other ways of reading, and of running a callback for each read.
//!
//! `cargo run --release --manifest-path benches/compare/Cargo.toml`; `--help` lists the options, and
//! `README.md` says how to read the results.
//!
//! ```text
//! options ─▶ rounds ─▶ run ─▶ a child for each turn: contender carries load, tally and usage count
//!               │        ◀── one line of JSON
//!               ▼
//!            results ─▶ bars (ratios), report (Markdown), chart (SVG), JSON
//! ```

mod bars;
mod chart;
mod child;
mod contender;
mod contenders;
mod fixture;
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
mod stop;
mod tally;
mod task;
mod usage;
mod workload;

use std::env;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::machine::Machine;
use crate::options::{HELP, Options};
use crate::rounds::Rounds;
use crate::stop::Stop;

/// The status of a program that Ctrl-C ended: 128 and the signal's number.
const INTERRUPTED: u8 = 130;

/// Writes to the standard error. If that fails, there is nobody to tell.
fn complain(message: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{message}");
}

fn compare(mut options: Options, arguments: &[String]) -> io::Result<ExitCode> {
    let stop = Stop::on_signals()?;
    options.turns = load::calibrate();
    let Some(results) = Rounds::new(&options, &stop).run(Machine::this(arguments)) else {
        complain(format_args!("interrupted: nothing has been written"));
        return Ok(ExitCode::from(INTERRUPTED));
    };
    output::write(&results, &options.out)?;
    let failures = results.failures();
    for failure in &failures {
        complain(format_args!("FAILED: {failure}"));
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [command, task] = &arguments[..]
        && command == "run"
    {
        return match child::run(task) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                complain(format_args!("{error}"));
                ExitCode::FAILURE
            }
        };
    }
    match options::parse(&arguments) {
        Ok(Some(options)) => compare(options, &arguments).unwrap_or_else(|error| {
            complain(format_args!("reapool-compare: {error}"));
            ExitCode::FAILURE
        }),
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
