//! Reads the beginning of a file with a callback, and waits for the callback.
//!
//! `cargo run --example aio_callback -- [--backend B] FILE [LENGTH]`
//!
//! An answer to "Callbacks in AIO asynchronous I/O": where does a program wait, what does it gain
//! by a callback, and who owns file and buffer when?

#[path = "shared/backend.rs"]
mod backend;
#[path = "shared/command_line.rs"]
mod command_line;
#[path = "shared/sizes.rs"]
mod sizes;

use std::error::Error;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use clap::Parser;
use reapool::{Backend, Dispatcher, Job, OperationError};

use crate::sizes::{GIB, size};

const FAILURE: u8 = 1;

/// Reads the first bytes of a file and prints how many came, and what they are.
#[derive(Parser)]
#[command(
    name = "aio_callback",
    version,
    after_help = "Exit status: 0 if the bytes were read, 1 if not, 2 for a mistake in the command \
        line."
)]
struct Options {
    /// The file that is read
    #[arg(value_name = "FILE")]
    path: PathBuf,
    /// How many bytes are read, 1 to 1G
    #[arg(value_parser = size(1..=GIB), default_value = "80")]
    length: usize,
    /// How the read is performed
    #[arg(long, value_parser = backend::backend(), default_value = "aio")]
    backend: Backend,
}

fn read_with_callback(options: &Options) -> Result<String, Box<dyn Error>> {
    let &Options { backend, ref path, length } = options;
    let dispatcher = Dispatcher::builder().backend(backend).depth(1).workers(1).build()?;
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let buffer = vec![0; length];
    let label = path.display().to_string();

    // The context needs no pointer in the request: the callback captures it. With the `move`, the
    // label is the callback's own.
    let job = Job::read(file, buffer, 0, move |done| -> Result<String, OperationError> {
        // This runs on a worker. The read is over and the kernel is done with the buffer. File and
        // buffer are the callback's now, and are freed with it unless it hands them on.
        let worker = thread::current().name().unwrap_or_default().to_owned();
        let (count, buffer) = done.into_success()?;
        let text = String::from_utf8_lossy(&buffer);
        Ok(format!("{label}: {count} bytes, seen by the callback on {worker}:\n{text:?}\n"))
    });

    // The file and the buffer moved into the job, and with this call the job moves out of reach:
    // while the kernel writes into the buffer, no other code can touch it.
    let handle = dispatcher.spawn(job)?;

    // Nothing blocks here, and that is the gain: this thread could submit the next thousand reads,
    // or do something else, while a worker processes the data of each read as it comes.

    // When there is nothing else to do, this thread waits here, for the end of the *callback*.
    // Waiting for the read alone, as aio_suspend(3) does, would leave the callback running. The
    // handle has in it the mutex and the condition variable that the question missed, and `join`
    // returns the callback's value.
    Ok(handle.join()??)
}

fn main() -> ExitCode {
    let options: Options = match command_line::parse() {
        Ok(options) => options,
        Err(error) => return command_line::explain("aio_callback", FAILURE, &error).into(),
    };
    let text = match read_with_callback(&options) {
        Ok(text) => text,
        Err(error) => {
            let _ = writeln!(io::stderr(), "aio_callback: {error}");
            return FAILURE.into();
        }
    };
    command_line::print("aio_callback", FAILURE, &text).into()
}
