//! Searches files for lines that match a regular expression or contain a string, as `grep -r` does.
//!
//! `cargo run --release --example search -- [OPTIONS] PATTERN [PATH...]`; `--help` lists the
//! options, and says which part of grep this is.
//!
//! Workers search the chunks that have been read, many lines at once, while more is read of the
//! same file and of others. The lines to be printed of a file wait for its turn in memory, or in a
//! temporary file if there are many. A file whose line finds no room beside those of the others is
//! searched again when its result is wanted, alone.

mod arguments;
mod carry;
mod groups;
mod kept;
mod late;
mod memory;
mod operands;
mod options;
mod paint;
mod paths;
mod pattern;
mod print;
mod query;
mod report;
mod scan;
mod search;
mod selection;
#[path = "../shared/mod.rs"]
mod shared;
mod spool;
mod stream;
mod tally;
mod zeros;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use indicatif::HumanBytes;

use crate::carry::Room;
use crate::late::Late;
use crate::memory::FILES;
use crate::options::{Options, parse_arguments};
use crate::report::{Report, Show};
use crate::search::Search;
use crate::shared::descriptors;
use crate::shared::fallbacks::Fallbacks;
use crate::shared::interrupt::Interrupt;
use crate::shared::output::{Output, has_arrived};
use crate::shared::screen::Screen;

/// The exit statuses of grep.
const MATCHED: u8 = 0;
const NOTHING: u8 = 1;
const FAILURE: u8 = 2;

fn run(options: Options) -> Result<u8, Box<dyn Error>> {
    let Options { settings, order, query, style, kept, filters, groups, messages } = options;
    if query.max_count == 0 && style.show != Show::NamesWithout {
        // Not even counts of nothing: grep doesn't print them either.
        return Ok(NOTHING);
    }
    let interrupt = Interrupt::listen()?;
    let screen = Screen::new("search", messages.hides_bar).silent(messages.hides_failures);
    let output = Output::new(&screen);
    let dispatcher = settings.dispatcher()?;
    let mut builder = settings.files(&dispatcher).order(order);
    if style.show == Show::Lines {
        // Half of them can be open themselves, too: that makes three descriptors for two files.
        let most = FILES.min(descriptors::files_at_once(3) * 2);
        builder = builder.files_at_once(most / 2).results(most);
    }
    let files = builder.build()?;

    let query = Arc::new(query);
    let mut search = Search {
        late: Late::new(&files, &query, &interrupt),
        files,
        query,
        style,
        filters,
        room: Room::new(kept),
        report: Report::new(style, &output),
        fallbacks: Fallbacks::default(),
        interrupt: interrupt.clone(),
        screen: screen.clone(),
        output: &output,
        done: 0,
        bytes: 0,
    };
    groups.into_iter().try_for_each(|group| search.group(group))?;
    let written = output.finish();
    let Search { report, fallbacks, done, bytes, .. } = search;
    dispatcher.shutdown()?;

    fallbacks.report(&settings, &screen);
    if !has_arrived(written)? {
        // Its reader has read enough.
        return Ok(MATCHED);
    }
    if let Some(status) = interrupt.status() {
        let bytes = HumanBytes(bytes);
        screen.say(format_args!("interrupted: {done} files were searched, and {bytes} read"));
        return Ok(status);
    }
    Ok(match (report.is_complete() || screen.failures() == 0, report.has_matched()) {
        (true, true) => MATCHED,
        (true, false) => NOTHING,
        (false, _) => FAILURE,
    })
}

fn main() -> ExitCode {
    shared::start("search", FAILURE, parse_arguments(), run)
}
