//! Files with long lines, searched again one at a time.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use reapool::{Chunk, FileInfo, Files};

use crate::carry::Room;
use crate::query::Query;
use crate::scan::{Outcome, Scan};
use crate::shared::interrupt::Interrupt;
use crate::shared::names::reason;
use crate::tally::Found;

/// Searches them from their beginning. They share the memory for what is being read with the files
/// of the main run, which goes on meanwhile.
pub(crate) struct Late {
    files: Files,
    query: Arc<Query>,
    /// For what is kept of one file, as long as it is allowed to be.
    room: Arc<Room>,
    interrupt: Interrupt,
}

impl Late {
    pub(crate) fn new(files: &Files, query: &Arc<Query>, interrupt: &Interrupt) -> Self {
        let (query, room) = (Arc::clone(query), Room::for_one(query.max_line));
        Self { files: files.clone(), query, room, interrupt: interrupt.clone() }
    }

    /// The room for one file at a time, while no other is searched here.
    pub(crate) fn room(&self) -> &Arc<Room> {
        &self.room
    }

    /// Blocks until the file has been searched, or the user interrupts.
    pub(crate) fn search(&self, path: &Path, label: Option<Vec<u8>>) -> io::Result<Found> {
        let (query, room) = (Arc::clone(&self.query), Arc::clone(&self.room));
        let interrupt = self.interrupt.clone();
        let mut run = self.files.stream(
            [path.to_owned()],
            move |_: &FileInfo| Scan::begin(&query, &room, label.as_deref()),
            move |scan: &mut Scan, chunk: Chunk| match interrupt.has_come() {
                true => ControlFlow::Break(()),
                false => scan.chunk(&chunk),
            },
            |scan, _| scan.finish(),
        );
        match run.next() {
            Some(Ok(file)) => file.value?.found(),
            Some(Err(error)) => Err(io::Error::other(reason(&error))),
            None => Outcome::Later.found(),
        }
    }
}
