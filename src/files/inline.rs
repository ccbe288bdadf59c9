//! Files whose names and contents are in memory: a worker opens them, reads them, and runs the
//! user's callbacks, all in one go.

use std::sync::Arc;
use std::time::Instant;

use crate::file::residency::Residency;
use crate::files::begin::Begin;
use crate::files::error::{Failure, FileOperation};
use crate::files::open::{Opened, OpenedNow, choose_way, open_now};
use crate::files::opener::NoWaitOpener;
use crate::files::paths::IndexedPath;
use crate::files::run_core::{RunCore, TIME_SLICE};
use crate::files::scheduler::event::{EndedBy, Event, Taker};
use crate::files::settings::Policy;
use crate::streams::source::{AfterMiss, Way};
use crate::streams::window::Reply;

/// Up to this size, in bytes, a file that was opened without waiting is taken to be in the page
/// cache.
const TRY: u64 = 256 << 10;

/// Opens and reads files that are in memory, as long as the time slice lasts.
pub(crate) fn run_inline<C: Begin>(core: &Arc<RunCore<C>>) {
    let begin = Instant::now();
    let mut opener = core.shared.no_wait_opener();
    let next = || core.schedule(|scheduler| scheduler.take_path(Taker::Worker));
    while let Some((path, steps)) = next() {
        core.begin(steps);
        open_and_read(core, path, &mut opener);
        if core.shared.pipeline.is_forked() {
            return;
        }
        if begin.elapsed() > TIME_SLICE {
            break;
        }
    }
    core.tell(Event::InlineDone);
}

fn open_and_read<C: Begin>(
    core: &Arc<RunCore<C>>,
    path: IndexedPath,
    opener: &mut NoWaitOpener<'_>,
) {
    if let Some(halt) = core.halted() {
        return core.fail(path, Failure::halted(halt, FileOperation::Open));
    }
    match open_now(&core.shared, path, opener) {
        OpenedNow::Done(Ok(opened)) => read(core, opened),
        OpenedNow::MayWait(path) => core.tell(Event::Deferred(path)),
        OpenedNow::Done(Err(error)) => {
            core.tell(Event::Looked(Residency::Cached));
            core.deliver(EndedBy::Other, Err(error));
        }
    }
}

/// Reads an opened file in one go if it is in the page cache; else it is read in chunks from here
/// on.
fn read<C: Begin>(core: &Arc<RunCore<C>>, mut opened: Opened) {
    let policy = core.shared.settings.policy;
    // Trying is quicker than asking whether a small file is in the page cache.
    let tries_first = policy != Policy::Direct && opened.size <= TRY;
    if !tries_first {
        choose_way(&core.shared, &mut opened);
    }
    let whole = opened.read_cached(&core.shared, &core.consumer);
    if let Some(Reply { result: Ok((count, buffer)), .. }) = whole {
        return C::begin_whole(core, opened, count, buffer);
    }
    if tries_first {
        choose_way(&core.shared, &mut opened);
        if let Way::Cached(after_miss) = &mut opened.source.way {
            // The try has begun to bring it in.
            *after_miss = AfterMiss::PageCache;
        }
    }
    // For other files a worker had only to open them, which needed no waiting.
    let residency = if tries_first { Residency::Cold } else { Residency::Cached };
    core.tell(Event::Looked(residency));
    C::begin(core, opened);
}
