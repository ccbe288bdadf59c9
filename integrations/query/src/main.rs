//! SQL over local files with DataFusion, on one machine or on a Ballista cluster, where a reapool
//! store can read the files. `query --help` lists the commands.

mod answers;
mod arguments;
mod ask;
mod cluster;
mod context;
mod data;
mod failure;
mod logging;
mod measure;
mod output;
mod page_cache;
mod signals;
mod stores;
mod tables;

use std::process::ExitCode;

use crate::arguments::Arguments;
use crate::failure::Result;
use crate::output::say;

fn run() -> Result {
    let mut arguments = Arguments::from_env();
    match arguments.command().as_deref() {
        None => ask::main(arguments),
        Some("cluster") => cluster::command::main(arguments),
        Some("executor") => cluster::executor::main(arguments),
        Some("generate") => data::command::main(arguments),
        Some("measure") => measure::command::main(arguments),
        Some(measure::turn::COMMAND) => measure::turn::main(arguments),
        Some(_) => cluster::scheduler::main(arguments),
    }
}

fn main() -> ExitCode {
    let Err(failure) = run() else { return ExitCode::SUCCESS };
    let (reason, status) = failure.report();
    if let Some(reason) = reason {
        say(format_args!("query: {reason}"));
    }
    status
}
