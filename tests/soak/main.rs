//! Mixed jobs for long, with everything counted: nothing may be lost, doubled, mixed up or grow.
//!
//! `cargo test --release --test soak -- --for 30m --jobs-on-null 100M --report soak.md` is the long
//! run, `--help` has the options. Among the other tests it is a bounded one of some seconds.
//!
//! Actors (`ways`, `scopes`, `lives`, `tree`) submit jobs by chance (`order`, `transfer`, `errand`)
//! to dispatchers of all sorts (`realms`), over what there is to read and write (`places`). Every
//! job has an entry in a ledger of the soak's own (`ledger`), every block of a file a stamp
//! (`stamp`, `shelf`), every buffer margins (`memory`). After each round of traffic (`soak`) books
//! are compared, and what the process has of the system (`gauge`, `growth`).

mod dice;
mod errand;
mod faults;
#[path = "../faulty/disk/mod.rs"]
mod faulty;
mod gauge;
mod growth;
mod ledger;
mod lives;
mod memory;
mod null;
mod options;
mod order;
mod places;
mod realm;
mod realms;
mod report;
mod scopes;
mod screen;
mod shelf;
mod soak;
mod stage;
mod stamp;
#[path = "../support/mod.rs"]
mod support;
mod transfer;
mod tree;
mod trouble;
mod ways;
mod world;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;
use std::{env, fs, panic};

use options::{Command, Options};
use realm::Deliberate;
use report::Report;
use soak::Soak;
use trouble::Troubles;

#[global_allocator]
static ALLOCATOR: support::allocator::Counting = support::allocator::Counting;

fn main() -> ExitCode {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seed = since.map_or(0, |since| since.as_micros() as u64 % 1_000_000_000);
    let done = match Command::parse(env::args_os(), seed) {
        Ok(Command::Run(options)) => run(&options),
        Ok(Command::List { ignored: false }) => say("soak: test\n").map(|()| true),
        Ok(Command::List { ignored: true } | Command::Nothing) => Ok(true),
        Err(error) if !error.use_stderr() => say(&error.to_string()).map(|()| true),
        Err(error) => Err(error.into()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "soak: {error}");
            ExitCode::from(2)
        }
    }
}

/// True if all was well.
fn run(options: &Options) -> Result<bool, Box<dyn Error>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // The second one ends it at once.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&interrupted))?;
        signal_hook::flag::register(signal, Arc::clone(&interrupted))?;
    }
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !info.payload().is::<Deliberate>() && info.payload().downcast_ref() != Some(&SCOPED) {
            hook(info);
        }
    }));
    let troubles = Arc::new(Troubles::default());
    let outcome = Soak::new(options, &troubles, &interrupted).run();
    let growth = growth::judge(&outcome.samples, &troubles);
    let arguments: Vec<_> = env::args().skip(1).collect();
    let command = format!("cargo test --release --test soak -- {}", arguments.join(" "));
    let report = Report { options, command, outcome: &outcome, growth, troubles: &troubles };
    if let Some(path) = &options.report {
        fs::write(path, report.to_string())?;
    }
    let is_well = troubles.total() == 0;
    if !is_well {
        say(&report.to_string())?;
    }
    say(&format!("{}\n", report.summary()))?;
    Ok(is_well)
}

/// What a scope panics with, one of whose jobs did.
const SCOPED: &str = "a scoped job panicked";

fn say(text: &str) -> Result<(), Box<dyn Error>> {
    Ok(io::stdout().write_all(text.as_bytes())?)
}
