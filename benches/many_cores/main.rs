//! Models a dispatcher on many cores: how many jobs a second it does, and what ends first, the lock
//! of the books or the reaper. No such machine is needed: threads, lock and device are simulated,
//! event by event, with the costs in `parameters.rs`. The same program gives the same numbers each
//! time.
//!
//! `cargo bench --bench many_cores` prints the tables, and `-- --save FILE` writes them. `--
//! --measure` runs what can be run on two cores, and prints it beside the model. `README.md` in the
//! folder above has what follows.

#![expect(clippy::print_stdout, reason = "prints tables")]

mod checks;
mod device;
mod events;
mod lock;
mod measured;
#[path = "../modes/mod.rs"]
mod modes;
mod outcome;
mod parameters;
mod reaper;
mod setup;
mod shared;
mod simulation;
mod submitter;
mod tables;
mod worker;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Models a dispatcher on many cores, and prints tables.
#[derive(Parser)]
struct Options {
    /// Write the tables to FILE instead
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Run what can be run on two cores, and print it beside the model
    #[arg(long)]
    measure: bool,
    /// Only check the model
    #[arg(long)]
    test: bool,
    /// What `cargo bench` says
    #[arg(long, hide = true)]
    bench: bool,
}

fn text() -> String {
    let parts = [
        ("Chains, by workers", tables::chained()),
        (
            "From outside in batches of 64, by threads that submit, with 64 workers",
            tables::outside(),
        ),
        ("Where the time of workers goes, in chains", tables::time()),
        ("The most of all numbers of workers (which), and with 64, in chains", tables::limits()),
        ("The null device, depth 64, in chains", tables::null_device()),
    ];
    let mut text = String::from(
        "A model, not a measurement. In thousands of jobs a second; then, in percent, for how much\n\
         of the time the lock of the books was held, and for how much the reaper was awake. Columns\n\
         are the time of a callback. Depth 1024 for each dispatcher, reads of 80 us, no limit of the\n\
         device; a cache line takes 75 ns from core to core.\n",
    );
    for (title, table) in parts {
        text += &format!("\n## {title}\n\n{table}");
    }
    text
}

fn main() -> ExitCode {
    let Options { save, measure, test, .. } = Options::parse();
    checks::one_worker_is_the_sum_of_its_parts();
    checks::a_device_has_its_limit();
    checks::it_repeats_itself();
    if test {
        return ExitCode::SUCCESS;
    }
    let text = if measure { measured::beside_the_model() } else { text() };
    let Some(path) = save else {
        println!("{text}");
        return ExitCode::SUCCESS;
    };
    match fs::write(&path, text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}
