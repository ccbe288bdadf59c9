//! Files of which something has to be fetched from the device: blocking threads open them, and read
//! those that are small and go through the page cache.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::files::budget::Lease;
use crate::files::desk::{OPEN_AT_ONCE, Task};
use crate::files::error::{FileError, FileOperation};
use crate::files::fold::Fold;
use crate::files::no_wait_opener::NoWaitOpener;
use crate::files::open::Opened;
use crate::files::residency::{self, OnMiss};
use crate::files::source::Numbered;
use crate::files::stream::Stream;
use crate::files::window::{Arrival, Part};
use crate::files::work::Work;

/// A task that has taken so long hands over what it has.
const TURN: Duration = Duration::from_millis(2);

/// Of so many files one is looked at, whether workers could have opened it.
const PROBE_EVERY: u64 = 32;

/// A file that a blocking thread has opened, and its first read if it was done at once.
pub(crate) struct Fresh {
    opened: Opened,
    first: Option<Arrival<Lease>>,
}

/// What a task has opened.
pub(crate) struct Batch {
    files: Vec<Result<Fresh, FileError>>,
    /// Whether it ended before its time did.
    in_time: bool,
}

impl<F: Fold> Work<F> {
    /// Opens files; on a blocking thread.
    pub(crate) fn open_some(&self) -> Batch {
        if self.layer.pipeline.is_forked() {
            // The iterator of paths ran before this.
            return Batch { files: Vec::new(), in_time: true };
        }
        self.closer.close();
        let (begin, mut in_time) = (Instant::now(), true);
        let mut some = Vec::with_capacity(OPEN_AT_ONCE);
        while some.len() < OPEN_AT_ONCE {
            let Some(path) = self.desk.next_path(Task::Open) else { break };
            let probe = path.index.is_multiple_of(PROBE_EVERY);
            some.push(self.open_one(path, probe));
            in_time = begin.elapsed() <= TURN;
            if !in_time {
                break;
            }
        }
        Batch { files: some, in_time }
    }

    /// To probe is to see whether workers could do it.
    fn open_one(&self, mut path: Numbered, probe: bool) -> Result<Fresh, FileError> {
        if let Some((kind, source)) = self.halted() {
            return Err(path.failed(FileOperation::Open, kind, source));
        }
        if probe {
            match self.layer.open_cached(path, &mut NoWaitOpener::default())? {
                Ok(opened) => {
                    let opened = self.layer.choose(opened);
                    let first = self.read_first(&opened, OnMiss::Fail);
                    let is_cached = matches!(&first, Some(Arrival { result: Ok(_), .. }));
                    self.desk.note_probe(is_cached);
                    let first =
                        if is_cached { first } else { self.read_first(&opened, OnMiss::Wait) };
                    return Ok(Fresh { opened, first });
                }
                Err(missed) => {
                    self.desk.note_probe(false);
                    path = missed;
                }
            }
        }
        let opened = self.layer.choose(self.layer.open(path)?);
        let first = self.read_first(&opened, OnMiss::Wait);
        Ok(Fresh { opened, first })
    }

    /// Reads a file that goes through the page cache if one read gets all of it, and there is memory.
    fn read_first(&self, opened: &Opened, on_miss: OnMiss) -> Option<Arrival<Lease>> {
        let len = self.whole_len(opened)?;
        let mut lease = self.layer.budget.try_lease(len)?;
        let result = residency::read(opened.file.as_fd(), &mut lease, len, 0, on_miss);
        let part = Part { epoch: 0, offset: 0, len };
        Some(Arrival { part, result: result.map(|count| (count, lease)) })
    }

    /// Gets files going that have been opened; on a worker.
    pub(crate) fn opened(self: &Arc<Self>, batch: Batch) {
        if self.layer.pipeline.is_forked() {
            // As above, where there was no blocking thread and a worker did the work.
            return std::mem::forget(batch);
        }
        let (mut ready, count) = (Vec::new(), batch.files.len());
        for fresh in batch.files {
            match fresh {
                Err(error) => self.put_error(error),
                Ok(Fresh { opened, first: None }) => Stream::start(self, opened),
                Ok(Fresh { opened, first: Some(first) }) => {
                    ready.extend(Stream::start_with(self, opened, first));
                }
            }
        }
        self.desk.opened(count, batch.in_time);
        self.more();
        // The user's functions may be slow: one file here, the others wherever there is a worker.
        let here = ready.pop();
        ready.into_iter().for_each(Stream::step_elsewhere);
        if let Some(stream) = here {
            stream.step();
        }
    }
}
