//! Files whose names and contents are in memory: a worker opens them, reads them, and runs the
//! user's callbacks, all in one go.

use std::sync::Arc;
use std::time::Instant;

use crate::file::access::Access;
use crate::file::residency::Residency;
use crate::files::error::{Failure, FileOperation};
use crate::files::fold::Fold;
use crate::files::fold_file::FoldFile;
use crate::files::open::{Opened, OpenedNow, choose_way, open_now};
use crate::files::opener::NoWaitOpener;
use crate::files::paths::IndexedPath;
use crate::files::reading::{Folded, Then, fold_chunk};
use crate::files::run::Processed;
use crate::files::run_core::{RunCore, TIME_SLICE};
use crate::files::scheduler::event::{EndedBy, Event, Taker};
use crate::files::settings::Policy;
use crate::pool::pool_buf::PoolBuf;
use crate::streams::read_ahead::ReadChunk;
use crate::streams::source::{AfterMiss, Source, Way};
use crate::streams::window::{Next, Reply};

/// Up to this size, in bytes, a file that was opened without waiting is taken to be in the page
/// cache.
const TRY: u64 = 256 << 10;

/// Opens and reads files that are in memory, as long as the time slice lasts.
pub(crate) fn run_inline<F: Fold>(core: &Arc<RunCore<F>>) {
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

fn open_and_read<F: Fold>(
    core: &Arc<RunCore<F>>,
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
fn read<F: Fold>(core: &Arc<RunCore<F>>, mut opened: Opened) {
    let policy = core.shared.settings.policy;
    // Trying is quicker than asking whether a small file is in the page cache.
    let tries_first = policy != Policy::Direct && opened.size <= TRY;
    if !tries_first {
        choose_way(&core.shared, &mut opened);
    }
    let whole = opened.read_cached(&core.shared, &core.fold);
    if let Some(Reply { result: Ok((count, buffer)), .. }) = whole {
        return fold_whole(core, opened, count, buffer);
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
    FoldFile::start(core, opened);
}

/// Runs the user's callbacks on a file that was read in one go.
fn fold_whole<F: Fold>(core: &Arc<RunCore<F>>, opened: Opened, count: usize, buffer: PoolBuf) {
    let Opened { source: Source { file, fallback, .. }, info, size } = opened;
    drop(file);
    core.shared.counters.add_read(Access::Cached, fallback.as_ref(), 0);
    core.tell(Event::CallbacksBegun);
    let chunk = ReadChunk { offset: 0, count, buffer, next: Next::End };
    let Some(folded) = fold_chunk(core, &info, None, chunk) else { return };
    let Folded { consumed, state, then: Then::Ended(outcome) } = folded else {
        unreachable!("nothing follows its only chunk")
    };
    let Some(()) = core.drop_user(state, consumed) else { return };
    let IndexedPath { index, path } = info.into_indexed_path();
    let result = match outcome {
        Ok(value) => {
            core.counts.add_bytes(count);
            let (bytes, access) = (consumed, Access::Cached);
            Ok(Processed { index, path, value, bytes, size, access, fallback })
        }
        Err(failure) => Err(failure.of(IndexedPath { index, path }, consumed)),
    };
    core.deliver(EndedBy::InlineCallbacks, result);
}
