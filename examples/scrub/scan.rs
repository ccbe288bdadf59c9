//! The scan of one file: which parts are to be read, have been read, and could not be read.

use std::error::Error;
use std::io::{self, ErrorKind, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Instant;

use indicatif::HumanBytes;
use reapool::{AlignedBuf, Completion, FileHandle, Job, LoopDispatcher};

use crate::events::TICK;
use crate::options::Options;
use crate::shared::names::escaped;
use crate::shared::readable;
use crate::shared::screen::complain;

/// The size of the blocks that are read one by one where a larger read fails.
const BLOCK: usize = 4096;

pub(crate) struct Scan {
    name: String,
    file: FileHandle,
    size: u64,
    /// Where the next read begins.
    next: u64,
    /// Blocks of failed reads, to be read one by one.
    again: Vec<u64>,
    under_way: usize,
    /// Bytes that have been read.
    read: u64,
    failed: Vec<(Range<u64>, String)>,
    /// How many bytes may be requested now, if the rate is bounded.
    allowed: u64,
    since: Instant,
    buffers: Vec<AlignedBuf>,
    done: Receiver<Completion<AlignedBuf>>,
    tell: Sender<Completion<AlignedBuf>>,
}

/// A path on one line.
pub(crate) fn name(path: &Path) -> String {
    escaped(path).0.into_owned()
}

impl Scan {
    pub(crate) fn open(path: &Path, options: &Options) -> Result<Self, Box<dyn Error>> {
        let file = readable::open(path)?;
        let (tell, done) = mpsc::channel();
        let mut scan = Self {
            name: name(path),
            size: file.size()?,
            file,
            next: 0,
            again: Vec::new(),
            under_way: 0,
            read: 0,
            failed: Vec::new(),
            allowed: 0,
            since: Instant::now(),
            buffers: Vec::new(),
            done,
            tell,
        };
        if scan.file.is_buffered() {
            complain("scrub", format_args!("{}: read through the page cache", scan.name));
        }
        scan.allow(options);
        Ok(scan)
    }

    /// Takes the reads that have completed, and submits more.
    pub(crate) fn submit(
        &mut self,
        jobs: &LoopDispatcher,
        options: &Options,
    ) -> Result<(), Box<dyn Error>> {
        while let Ok(done) = self.done.try_recv() {
            self.take(done);
        }
        while self.under_way < options.depth && self.has_more() {
            let (offset, length) = match self.again.last() {
                Some(&block) => (block, BLOCK),
                None => {
                    let left = (self.size - self.next).next_multiple_of(BLOCK as u64);
                    (self.next, left.min(options.chunk as u64) as usize)
                }
            };
            if options.rate().is_some() && self.allowed < length as u64 {
                break;
            }
            self.allowed = self.allowed.saturating_sub(length as u64);
            if self.again.pop().is_none() {
                self.next += length as u64;
            }
            let buffer = self.buffers.pop().unwrap_or_else(|| AlignedBuf::zeroed(options.chunk));
            let tell = self.tell.clone();
            let read = Job::read(&self.file, buffer, offset, move |done| {
                // After a second Ctrl-C nobody receives.
                let _ = tell.send(done);
            });
            jobs.try_submit(read.limit(length).exact())?;
            self.under_way += 1;
        }
        Ok(())
    }

    fn take(&mut self, done: Completion<AlignedBuf>) {
        self.under_way -= 1;
        self.read += done.transferred as u64;
        let end = done.offset + done.requested as u64;
        match done.result {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                let end = done.offset + done.transferred as u64;
                if end < self.size {
                    complain("scrub", format_args!("{}: it became shorter", self.name));
                    self.size = end;
                }
            }
            Err(_) if done.requested > BLOCK => {
                self.read -= done.transferred as u64;
                let blocks = (done.requested / BLOCK) as u64;
                // In reverse, so that the first block is taken first.
                self.again
                    .extend((0..blocks).rev().map(|block| done.offset + block * BLOCK as u64));
            }
            Err(error) => {
                self.failed.push((done.offset..end.min(self.size), error.to_string()));
            }
        }
        self.buffers.push(done.buffer);
    }

    /// Allows more bytes, as another tick has passed.
    pub(crate) fn allow(&mut self, options: &Options) {
        if let Some(rate) = options.rate() {
            let share = (rate as f64 * TICK.as_secs_f64()) as u64;
            // No more is saved up than the share of two ticks, or than one read if that is more.
            self.allowed = (self.allowed + share).min((2 * share).max(options.chunk as u64));
        }
    }

    /// Requests nothing more.
    pub(crate) fn stop(&mut self) {
        self.size = self.size.min(self.next);
        self.again.clear();
    }

    fn has_more(&self) -> bool {
        !self.again.is_empty() || self.next < self.size
    }

    pub(crate) fn is_over(&self) -> bool {
        self.under_way == 0 && !self.has_more()
    }

    /// Prints how far the scan is.
    pub(crate) fn status(&self) {
        let rate = self.read as f64 / self.since.elapsed().as_secs_f64().max(1e-9);
        let (read, size) = (HumanBytes(self.read), HumanBytes(self.size));
        let (rate, bad) = (HumanBytes(rate as u64), self.failed.len());
        complain(
            "scrub",
            format_args!("{}: {read} of {size}, {rate}/s, {bad} blocks unreadable", self.name),
        );
    }

    /// Whether some parts could not be read.
    pub(crate) fn has_failed(&self) -> bool {
        !self.failed.is_empty()
    }

    /// Prints the result.
    pub(crate) fn report(&mut self, output: &mut impl Write, stopped: bool) -> io::Result<()> {
        let mark = if stopped { " before it was stopped" } else { "" };
        writeln!(output, "{}: {} bytes read{mark}", self.name, self.read)?;
        self.failed.sort_by_key(|(range, _)| range.start);
        let mut ranges: Vec<(Range<u64>, &str)> = Vec::new();
        for (range, reason) in &self.failed {
            match ranges.last_mut() {
                Some((last, same)) if last.end == range.start && same == reason => {
                    last.end = range.end;
                }
                _ => ranges.push((range.clone(), reason)),
            }
        }
        for (range, reason) in &ranges {
            let Range { start, end } = range;
            writeln!(output, "{}: {start}..{end} can't be read: {reason}", self.name)?;
        }
        Ok(())
    }
}
