//! The searches of all groups of files, one after the other.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reapool::{Chunk, FileErrorKind, FileInfo, Files, FilesRun, Processed};

use crate::carry::Room;
use crate::late::Late;
use crate::operands::Group;
use crate::paths::{Filters, paths};
use crate::query::Query;
use crate::report::{Report, Style, path_shown};
use crate::scan::{Outcome, Scan};
use crate::shared::count::{Count, sizes};
use crate::shared::fallbacks::Fallbacks;
use crate::shared::interrupt::Interrupt;
use crate::shared::names::reason;
use crate::shared::output::Output;
use crate::shared::screen::Screen;
use crate::shared::watch::{Stage, Watch};
use crate::stream;
use crate::tally::Found;

/// What the searches of all groups have in common.
pub(crate) struct Search<'a> {
    pub(crate) files: Files,
    pub(crate) query: Arc<Query>,
    pub(crate) style: Style,
    pub(crate) filters: Filters,
    /// For what is kept of files that are searched side by side.
    pub(crate) room: Arc<Room>,
    pub(crate) late: Late,
    pub(crate) report: Report<'a>,
    pub(crate) fallbacks: Fallbacks,
    pub(crate) interrupt: Interrupt,
    pub(crate) screen: Screen,
    pub(crate) output: &'a Output,
    /// How many files have been searched.
    pub(crate) done: u64,
    /// How many bytes have been read of them.
    pub(crate) bytes: u64,
}

impl Search<'_> {
    /// Searches one group, unless nothing matters any more.
    pub(crate) fn group(&mut self, group: Group) -> io::Result<()> {
        if self.is_over() {
            return Ok(());
        }
        match group {
            Group::Files(named) => self.run(named),
            Group::Stream(path) => {
                self.done += 1;
                if let Err(error) = self.stream(&path) {
                    self.fail(&path, error);
                    self.report.end_file();
                }
                Ok(())
            }
        }
    }

    /// No more results are wanted, or they can't be written.
    fn is_over(&self) -> bool {
        self.interrupt.has_come() || self.report.is_complete() || self.output.has_failed()
    }

    fn run(&mut self, named: Vec<PathBuf>) -> io::Result<()> {
        let (query, room, style) = (Arc::clone(&self.query), Arc::clone(&self.room), self.style);
        let counted = paths(named.clone(), self.filters, self.screen.for_a_count());
        let count = Count::start(&self.screen, sizes(counted))?;
        let run = self.files.stream(
            paths(named, self.filters, self.screen.clone()),
            move |file: &FileInfo| {
                let label = Report::label(style, file.path());
                Scan::begin(&query, &room, label.as_deref())
            },
            |scan: &mut Scan, chunk: Chunk| scan.chunk(&chunk),
            |scan, _| scan.finish(),
        );
        let stage = Stage::of(&run, "searching").counted(count.as_ref().map(Count::totals));
        let (interrupt, screen) = (&self.interrupt, &self.screen);
        let watch = Watch::over(stage, Vec::new(), interrupt, screen, Some(self.output))?;
        self.results(run);
        let end = watch.progress().snapshot();
        self.done += end.done;
        self.bytes += end.bytes;
        Ok(())
    }

    /// Prints what comes of each file, until there are no more results or none are wanted.
    fn results(&mut self, run: FilesRun<io::Result<Outcome>>) {
        for result in run {
            if self.interrupt.has_come() {
                break;
            }
            match result {
                Ok(file) => {
                    self.fallbacks.count(&file);
                    let Processed { path, value, .. } = file;
                    let written = value.and_then(|outcome| self.result(&path, outcome));
                    if self.is_over() {
                        break;
                    }
                    if let Err(error) = written {
                        self.fail(&path, error);
                    }
                }
                Err(error) if error.kind() == FileErrorKind::Stopped => {}
                Err(error) => self.output.fail(&error.path, reason(&error)),
            }
        }
    }

    fn result(&mut self, path: &Path, outcome: Outcome) -> io::Result<()> {
        let found = match outcome {
            Outcome::Found(found) => found,
            Outcome::Later => self.late.search(path, Report::label(self.style, path))?,
        };
        self.found(path, found)
    }

    /// Prints a result, unless the search was given up without one.
    fn found(&mut self, path: &Path, found: Found) -> io::Result<()> {
        if self.interrupt.has_come() { Ok(()) } else { self.report.found(path, found) }
    }

    fn stream(&mut self, path: &Path) -> io::Result<()> {
        // The reader of the output may be waiting for the lines of the files before.
        self.output.refresh();
        let label = Report::label(self.style, path);
        let scan = Scan::begin(&self.query, self.late.room(), label.as_deref());
        let (report, output) = (&mut self.report, self.output);
        let print = |lines, has_lines| {
            report.lines(lines, has_lines)?;
            // The reader of the output may be waiting for these lines.
            Ok(match output.refresh() {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            })
        };
        let outcome =
            stream::search(&stream::open(path)?, scan, &self.interrupt, &mut self.bytes, print)?;
        self.found(path, outcome.found()?)
    }

    fn fail(&self, path: &Path, error: io::Error) {
        if !self.output.has_failed() {
            self.output.fail(path_shown(path), error);
        }
    }
}
