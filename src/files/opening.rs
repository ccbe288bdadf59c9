//! Files that are not in memory, or not all of them: blocking threads open them, and read those
//! that are small and go through the page cache.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::files::budget::Lease;
use crate::files::error::{Failure, FileError, FileOperation};
use crate::files::fold::Fold;
use crate::files::fold_file::FoldFile;
use crate::files::no_wait_opener::NoWaitOpener;
use crate::files::open::{Opened, OpenedNow, choose_access, open, open_now};
use crate::files::paths::IndexedPath;
use crate::files::residency::{OnMiss, Residency};
use crate::files::run_core::RunCore;
use crate::files::scheduler::{BatchEnd, EndedBy, OPEN_AT_ONCE, Step};
use crate::files::window::Reply;

/// A step that has taken this long hands over the files that it has opened.
const TIME_SLICE: Duration = Duration::from_millis(2);

/// One file in this many is a probe: it is tried whether a worker could have opened and read it.
const PROBE_EVERY: u64 = 32;

/// A file that a blocking thread has opened, and its first read if it was done at once.
pub(crate) type Begun = (Opened, Option<Reply<Lease>>);

/// The files that one step has opened, and how it ended.
pub(crate) type Batch = (Vec<Result<Begun, FileError>>, BatchEnd);

/// Opens files; on a blocking thread.
pub(crate) fn open_batch<F: Fold>(core: &RunCore<F>) -> Batch {
    let (mut files, mut end) = (Vec::new(), BatchEnd::InTime);
    if core.shared.pipeline.is_forked() {
        // The iterator of paths, which ran before this, has forked.
        return (files, end);
    }
    core.closer.close_all();
    let begin = Instant::now();
    while files.len() < OPEN_AT_ONCE {
        let Some(path) = core.schedule(|scheduler| scheduler.next_path(Step::Open)) else { break };
        files.push(open_one(core, path));
        if begin.elapsed() > TIME_SLICE {
            end = BatchEnd::OutOfTime;
            break;
        }
    }
    (files, end)
}

fn open_one<F: Fold>(core: &RunCore<F>, mut path: IndexedPath) -> Result<Begun, FileError> {
    if let Some(halt) = core.halted() {
        return Err(Failure::halted(halt, FileOperation::Open).of(path, 0));
    }
    if path.index.is_multiple_of(PROBE_EVERY) {
        match open_now(&core.shared, path, &mut NoWaitOpener::default()) {
            OpenedNow::Done(opened) => return opened.map(|opened| read_probe(core, opened)),
            OpenedNow::MayWait(missed) => {
                core.schedule(|scheduler| scheduler.observe_probe(Residency::Cold));
                path = missed;
            }
        }
    }
    let opened = choose_access(&core.shared, open(&core.shared, path)?);
    let first = opened.read_whole(&core.shared, &core.fold, OnMiss::Wait);
    Ok((opened, first))
}

fn read_probe<F: Fold>(core: &RunCore<F>, opened: Opened) -> Begun {
    let opened = choose_access(&core.shared, opened);
    let cached = opened.read_whole_if_cached(&core.shared, &core.fold);
    let residency = if cached.is_some() { Residency::Cached } else { Residency::Cold };
    core.schedule(|scheduler| scheduler.observe_probe(residency));
    let first = cached.or_else(|| opened.read_whole(&core.shared, &core.fold, OnMiss::Wait));
    (opened, first)
}

/// Begins with the files of a batch; on a worker.
pub(crate) fn begin_batch<F: Fold>(core: &Arc<RunCore<F>>, (files, end): Batch) {
    if core.shared.pipeline.is_forked() {
        // The iterator has forked; without blocking threads, a worker ran it.
        return std::mem::forget(files);
    }
    let (mut ready, count) = (Vec::new(), files.len());
    for begun in files {
        match begun {
            Err(error) => core.deliver(EndedBy::Other, Err(error)),
            Ok((opened, None)) => FoldFile::start(core, opened),
            Ok((opened, first)) => ready.extend(FoldFile::new(core, opened, first)),
        }
    }
    core.schedule(|scheduler| scheduler.opening_done(count, end));
    core.begin_steps();
    // The user's callbacks may be slow: one file here, the others wherever there is a worker.
    let here = ready.pop();
    ready.iter().for_each(FoldFile::step_elsewhere);
    if let Some(file) = here {
        file.step();
    }
}
