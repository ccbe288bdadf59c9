//! Files with long lines, searched again one at a time.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use reapool::{Chunk, FileInfo, Files};

use crate::carry::Room;
use crate::scan::{Found, Outcome, Query, Scan};
use crate::shared::interrupt::Interrupt;
use crate::shared::names::reason;

/// Searches them from their beginning. They share the memory for what is being read with the files
/// of the main run, which goes on meanwhile.
pub(crate) struct Late {
    files: Files,
    query: Arc<Query>,
    /// For one line of any length that is allowed.
    room: Arc<Room>,
    interrupt: Interrupt,
}

impl Late {
    pub(crate) fn new(files: &Files, query: &Arc<Query>, interrupt: &Interrupt) -> Self {
        let (query, room) = (Arc::clone(query), Room::for_one(query.max_line));
        Self { files: files.clone(), query, room, interrupt: interrupt.clone() }
    }

    /// Blocks until the file has been searched, or the user interrupts.
    pub(crate) fn search(&self, path: &Path) -> io::Result<Found> {
        let (query, room) = (Arc::clone(&self.query), Arc::clone(&self.room));
        let interrupt = self.interrupt.clone();
        let mut run = self.files.stream(
            [path.to_owned()],
            move |file: &FileInfo| Scan::begin(&query, &room, file.path()),
            move |scan: &mut Scan, chunk: Chunk| match interrupt.has_come() {
                true => ControlFlow::Break(()),
                false => scan.chunk(&chunk),
            },
            |scan, _| scan.finish(),
        );
        let outcome = match run.next() {
            Some(Ok(file)) => file.value?,
            Some(Err(error)) => return Err(io::Error::other(reason(&error))),
            None => Outcome::Later,
        };
        match outcome {
            Outcome::Found(found) => Ok(found),
            Outcome::Later => Err(io::Error::other("given up because of an internal error")),
        }
    }
}
