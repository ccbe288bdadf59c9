//! Reads files or whole devices to the last byte, at a bounded rate, and says which parts can't be
//! read any more. So it finds latent errors while there is still a copy.
//!
//! `cargo run --release --example scrub -- [OPTIONS] PATH...`; `--help` lists the options.
//!
//! One thread does it all, in an epoll loop: a timer gives out the rate and asks for status lines,
//! a signalfd brings Ctrl-C and SIGUSR1, and a loop dispatcher keeps several reads under way.

mod events;
mod options;
mod scan;
#[path = "../shared/mod.rs"]
mod shared;

use std::error::Error;
use std::io;
use std::mem;
use std::process::ExitCode;
use std::time::Instant;

use reapool::{Dispatcher, LoopDispatcher};

use crate::events::{Events, Happened};
use crate::options::Options;
use crate::scan::Scan;
use crate::shared::command_line;
use crate::shared::output::has_arrived;
use crate::shared::screen::complain;

const FAILURE: u8 = 1;

/// How many callbacks run before the loop looks at the other descriptors again.
const MOST: usize = 32;

fn run(options: Options) -> Result<u8, Box<dyn Error>> {
    let mut jobs =
        Dispatcher::builder().backend(options.backend).depth(options.depth).build_loop()?;
    let events = Events::listen(&jobs)?;
    let mut failed = false;
    for path in &options.paths {
        let mut scan = match Scan::open(path, &options) {
            Ok(scan) => scan,
            Err(error) => {
                complain("scrub", format_args!("{}: {error}", scan::name(path)));
                failed = true;
                continue;
            }
        };
        let signal = read(&mut scan, &mut jobs, &events, &options)?;
        let has_arrived = has_arrived(scan.report(&mut io::stdout().lock(), signal.is_some()))?;
        failed |= scan.has_failed();
        if let Some(number) = signal {
            return Ok(128 + number as u8);
        }
        if !has_arrived {
            break;
        }
    }
    jobs.shutdown()?;
    Ok(if failed { FAILURE } else { 0 })
}

/// Reads one file. Returns the signal that ended it early, if one did.
fn read(
    scan: &mut Scan,
    jobs: &mut LoopDispatcher,
    events: &Events,
    options: &Options,
) -> Result<Option<u32>, Box<dyn Error>> {
    let mut signal = None;
    let mut last_status = Instant::now();
    loop {
        scan.submit(jobs, options)?;
        if scan.is_over() {
            return Ok(signal);
        }
        for happened in events.wait()? {
            match happened? {
                Happened::Completions => {
                    jobs.run(MOST)?;
                }
                Happened::Tick => scan.allow(options),
                Happened::StatusWanted => scan.status(),
                Happened::End(number) if signal.is_some() => {
                    // Reads that the kernel has are left to it.
                    mem::forget(mem::replace(jobs, LoopDispatcher::new()?));
                    return Ok(Some(number));
                }
                Happened::End(number) => {
                    signal = Some(number);
                    scan.stop();
                }
            }
        }
        if options.status().is_some_and(|every| last_status.elapsed() >= every) {
            last_status = Instant::now();
            scan.status();
        }
    }
}

fn main() -> ExitCode {
    shared::start("scrub", FAILURE, command_line::parse(), run)
}
