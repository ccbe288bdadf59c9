//! Prints or checks BLAKE3 checksums of files and of all files below directories, many at once.
//!
//! `cargo run --release --example checksum -- [OPTIONS] [PATH...]`; `--help` lists the options,
//! which are those of `b3sum`, and so are the lines.
//!
//! A single huge file keeps device and hash busy, too: the files layer reads ahead while a worker
//! hashes the chunks that have come.

mod check;
mod check_line;
mod hashing;
mod options;
mod paths;
#[path = "../shared/mod.rs"]
mod shared;
mod standard_input;
mod style;

use std::error::Error;
use std::io::{self, BufWriter, Read, Write};
use std::process::ExitCode;

use blake3::{Hasher, KEY_LEN};
use indicatif::HumanBytes;

use crate::check::check;
use crate::hashing::{Done, Hashing, Mode};
use crate::options::Options;
use crate::paths::paths;
use crate::shared::command_line;
use crate::shared::interrupt::Interrupt;
use crate::shared::output::{Output, has_arrived};
use crate::shared::screen::Screen;
use crate::style::Style;

const FAILURE: u8 = 1;

fn run(options: Options) -> Result<u8, Box<dyn Error>> {
    if options.raw && (options.paths.len() > 1 || options.paths[0].is_dir()) {
        return Err("--raw takes only one file: nothing would be between two checksums".into());
    }
    let interrupt = Interrupt::listen()?;
    let screen = Screen::new("checksum", options.settings.quiet);
    let output = Output::new(&screen);
    let hashing = Hashing {
        settings: &options.settings,
        order: options.order,
        mode: mode(&options)?,
        seek: options.seek,
        what: if options.check { "checking" } else { "hashing" },
        interrupt: &interrupt,
        screen: &screen,
        output: &output,
    };
    let ran = match options.check {
        true => check(&hashing, &options.paths, options.settings.quiet),
        false => print(&hashing, &options),
    };
    let written = output.finish();
    let done = ran?;
    has_arrived(written)?;
    if let Some(status) = interrupt.status() {
        let (files, bytes) = (done.files, HumanBytes(done.bytes));
        screen.say(format_args!("interrupted: {files} files were done, and {bytes} read"));
        return Ok(status);
    }
    let failures = screen.failures();
    if options.check && failures > 0 {
        let plural = if failures == 1 { "" } else { "s" };
        screen.say(format_args!("WARNING: {failures} computed checksum{plural} did NOT match"));
    }
    Ok(if failures > 0 { FAILURE } else { 0 })
}

/// Prints a line for each file as it comes.
fn print(hashing: &Hashing<'_>, options: &Options) -> Result<Done, Box<dyn Error>> {
    let (style, output) = (Style::new(options), hashing.output);
    let files = paths(options.paths.clone(), hashing.screen.clone());
    let counted = paths(options.paths.clone(), hashing.screen.for_a_count());
    hashing.run(files, Some(counted), |path, hashed| match hashed {
        Ok(checksum) => {
            // Written at once, so that no bar comes between the parts of a line.
            let mut line = BufWriter::new(output);
            style.print(&mut line, path, checksum)?;
            line.flush()
        }
        Err(reason) => {
            output.fail(path, reason);
            Ok(())
        }
    })
}

fn mode(options: &Options) -> Result<Mode, Box<dyn Error>> {
    if options.keyed {
        return Ok(Mode::Keyed(Hasher::new_keyed(&key()?)));
    }
    Ok(Mode::Plain(match &options.derive_key {
        Some(context) => Hasher::new_derive_key(context),
        None => Hasher::new(),
    }))
}

/// The key for the keyed mode.
fn key() -> Result<[u8; KEY_LEN], Box<dyn Error>> {
    let mut key = Vec::new();
    // One more shows that there is too much.
    io::stdin().take(KEY_LEN as u64 + 1).read_to_end(&mut key)?;
    let is_short = key.len() < KEY_LEN;
    key.try_into().map_err(|_| {
        let what = if is_short { "fewer" } else { "more" };
        format!("the standard input has {what} than the {KEY_LEN} bytes of a key").into()
    })
}

fn main() -> ExitCode {
    shared::start("checksum", FAILURE, command_line::parse(), run)
}
