//! Counts how often each byte occurs in files, and tells how much information there is in them.
//!
//! `cargo run --release --example histogram -- [OPTIONS] FILE...`; `--help` lists the options.
//!
//! A parallel reduction in a scope. Reads that are in flight at the same time borrow one buffer,
//! part by part. The callback of a part adds what it finds to the part's own counts, which it also
//! borrows, and then has the part filled with the next bytes of the file. There is no reference
//! counting, no lock and no channel. When the scope is over, the counts are added up.

mod bar;
mod counts;
mod options;
#[path = "../shared/mod.rs"]
mod shared;

use std::error::Error;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use reapool::{AlignedBuf, Dispatcher, FileHandle, OperationError, Scope, ScopedJob};

use crate::bar::{Bar, Meter};
use crate::counts::Counts;
use crate::options::Options;
use crate::shared::command_line;
use crate::shared::interrupt::Interrupt;
use crate::shared::names::escaped;
use crate::shared::output::has_arrived;
use crate::shared::readable;
use crate::shared::screen::Screen;

const FAILURE: u8 = 1;

/// A file that is read from its beginning to its end.
struct Reading<'a> {
    file: FileHandle,
    done: &'a AtomicU64,
    /// Where the next read begins.
    next: AtomicU64,
    failure: OnceLock<OperationError>,
    interrupt: &'a Interrupt,
}

impl Reading<'_> {
    /// Reads the next bytes into `part`, adds them to `counts`, and goes on until the file is over.
    fn go_on<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        part: &'scope mut [u8],
        counts: &'scope mut Counts,
    ) {
        let offset = self.next.fetch_add(part.len() as u64, Ordering::Relaxed);
        let job = ScopedJob::read(&self.file, part, offset, move |done| {
            counts.add(done.data());
            self.done.fetch_add(done.data().len() as u64, Ordering::Relaxed);
            match done.into_success() {
                Ok((_, part)) if !self.interrupt.has_come() && self.failure.get().is_none() => {
                    self.go_on(scope, part, counts);
                }
                Ok(_) => {}
                // This is the end of the file. The bytes before it have been counted.
                Err(error) if error.source.kind() == ErrorKind::UnexpectedEof => {}
                // The error of another part may have come first.
                Err(error) => drop(self.failure.set(error)),
            }
        });
        // An open dispatcher refuses nothing here, as each part has one job at a time.
        scope.submit(job.exact()).expect("is accepted");
    }
}

/// What all files are counted with.
struct Counter<'a> {
    dispatcher: Dispatcher,
    /// All reads go into this buffer, which is divided into parts.
    buffer: AlignedBuf,
    /// The size of a part.
    part: usize,
    done: &'a AtomicU64,
    interrupt: &'a Interrupt,
}

impl Counter<'_> {
    /// Counts the bytes of one file.
    fn count(&mut self, path: &Path) -> Result<Counts, Box<dyn Error>> {
        let &mut Self { ref dispatcher, ref mut buffer, part, done, interrupt } = self;
        let file = readable::open(path)?;
        let (next, failure) = (AtomicU64::new(0), OnceLock::new());
        let reading = Reading { file, done, next, failure, interrupt };
        let mut counts = vec![Counts::default(); buffer.len() / part];
        dispatcher.scope(|scope| {
            for (part, counts) in buffer.chunks_exact_mut(part).zip(&mut counts) {
                reading.go_on(scope, part, counts);
            }
        })?;
        match reading.failure.into_inner() {
            Some(error) => Err(error.into()),
            None => Ok(counts.into_iter().sum()),
        }
    }
}

fn print(counts: &Counts, path: &Path, options: &Options) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let (bits, bytes, path) = (counts.entropy(), counts.total(), escaped(path).0);
    writeln!(out, "{bits:.4} bits/byte in {bytes} bytes of {} values: {path}", counts.distinct())?;
    if options.counts {
        for (byte, count) in counts.occurring() {
            writeln!(out, "  0x{byte:02x} {count}")?;
        }
    }
    out.flush()
}

fn run(options: Options) -> Result<u8, Box<dyn Error>> {
    let interrupt = Interrupt::listen()?;
    let screen = Screen::new("histogram", options.quiet);
    let mut builder = Dispatcher::builder().backend(options.backend).depth(options.parts);
    if let Some(workers) = options.workers {
        builder = builder.workers(workers);
    }
    let meter = Arc::<Meter>::default();
    let bar = Bar::start(&screen, &meter, &options.paths)?;
    let mut counter = Counter {
        dispatcher: builder.build()?,
        buffer: AlignedBuf::zeroed(options.parts * options.part),
        part: options.part,
        done: &meter.bytes,
        interrupt: &interrupt,
    };
    for path in &options.paths {
        let counted = counter.count(path);
        if let Some(status) = interrupt.status() {
            drop(bar);
            screen.say(format_args!("interrupted"));
            return Ok(status);
        }
        meter.files.fetch_add(1, Ordering::Relaxed);
        match counted {
            Ok(counts) => {
                if !has_arrived(screen.suspend(|| print(&counts, path, &options)))? {
                    break;
                }
            }
            Err(error) => screen.fail(path, error),
        }
    }
    drop(bar);
    counter.dispatcher.shutdown()?;
    Ok(if screen.failures() > 0 { FAILURE } else { 0 })
}

fn main() -> ExitCode {
    shared::start("histogram", FAILURE, command_line::parse(), run)
}
