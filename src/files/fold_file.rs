//! A file that is read in chunks: the user's callbacks get them in order and one at a time.

use std::sync::{Arc, Weak};
use std::time::Instant;

use crate::file::access::Access;
use crate::files::begin::{Begin, Ready};
use crate::files::error::{Failure, FileOperation};
use crate::files::fold::Fold;
use crate::files::info::FileInfo;
use crate::files::open::Opened;
use crate::files::paths::IndexedPath;
use crate::files::reading::{Action, Folded, Reading, Settled, Then, TimeSlice, fold_chunk};
use crate::files::run::Processed;
use crate::files::run_core::{RunCore, TIME_SLICE};
use crate::files::scheduler::event::{EndedBy, Event};
use crate::job::Job;
use crate::pool::pool_buf::PoolBuf;
use crate::streams::budget::Waiter;
use crate::streams::error::Halt;
use crate::streams::read_ahead::{ReadAhead, ReadChunk, ReadOwner};
use crate::streams::source::{Source, Way};
use crate::streams::window::{Next, Reply, Window};
use crate::sync::{Mutex, lock};

/// Chunks that are in the page cache have at most this many bytes: they stay in a core's cache
/// until the user's callback has seen them.
const CACHED_CHUNK: usize = 256 << 10;

pub(crate) struct FoldFile<F: Fold> {
    core: Arc<RunCore<F>>,
    info: FileInfo,
    /// `None` once the file is settled.
    reading: Mutex<Option<Reading<F>>>,
}

impl<F: Fold> FoldFile<F> {
    /// A file whose first read may have been done; the caller is to have it step. `None` if the
    /// file is too large: then it has its result.
    pub(crate) fn new(
        core: &Arc<RunCore<F>>,
        opened: Opened,
        first: Option<Reply<PoolBuf>>,
    ) -> Option<Arc<Self>> {
        let (shared, settings) = (&core.shared, &core.shared.settings);
        let size = opened.size;
        let block = opened.block();
        let most = shared.budget.largest() / block * block;
        let in_blocks = |len: usize| len.next_multiple_of(block).min(most);
        let usual = settings.chunk.min(CACHED_CHUNK);
        let lens = core.consumer.request_len(size, usual).and_then(|cached| {
            Ok((in_blocks(cached), in_blocks(core.consumer.request_len(size, settings.chunk)?)))
        });
        let (cached_len, device_len) = match lens {
            Ok(lens) => lens,
            Err(limit) => {
                core.close(opened.source.file);
                core.fail(opened.info.into_indexed_path(), Failure::too_large(size, limit));
                return None;
            }
        };
        let len = match opened.source.way {
            Way::Cached(_) => cached_len,
            Way::Device => device_len,
        };
        let window = Window::new(size, len, block, settings.read_ahead);
        let Opened { source, info, .. } = opened;
        Some(Arc::new_cyclic(|owner: &Weak<Self>| {
            let (owner, budget) = (owner.clone(), Arc::clone(&shared.budget));
            let reads = ReadAhead::new(source, window, device_len, first, budget, owner);
            let reading = Mutex::new(Some(Reading::new(reads)));
            Self { core: Arc::clone(core), info, reading }
        }))
    }

    /// Runs the callbacks for the chunks that have come, as long as its time slice lasts.
    pub(crate) fn step(self: &Arc<Self>) {
        self.go_on(TimeSlice::Left, Reading::unschedule);
    }

    /// Has a job do that, so that other jobs have their turn.
    pub(crate) fn step_elsewhere(self: &Arc<Self>) {
        self.go_on(TimeSlice::Over, |_| ());
    }

    /// Makes a change, and then does everything that there is to do.
    fn go_on(self: &Arc<Self>, slice: TimeSlice, change: impl FnOnce(&mut Reading<F>)) {
        let begin = Instant::now();
        let mut action = self.update(slice, change);
        while let Action::RunCallbacks(state, chunk) = action {
            let Some(folded) = self.run_callbacks(state, chunk) else { return };
            let is_over = begin.elapsed() > TIME_SLICE;
            let slice = if is_over { TimeSlice::Over } else { TimeSlice::Left };
            action = self.update(slice, |reading| reading.callbacks_returned(folded));
        }
        if let Action::PostStep = action {
            let own = Arc::clone(self);
            if self.core.shared.pipeline.post(Job::nop(move || own.step())).is_err() {
                self.give_up();
            }
        }
    }

    /// Makes a change under the lock, and issues all reads that may then be issued. Delivers the
    /// result if the file is settled.
    fn update(
        self: &Arc<Self>,
        slice: TimeSlice,
        change: impl FnOnce(&mut Reading<F>),
    ) -> Action<F> {
        let mut place = lock(&self.reading);
        let Some(reading) = &mut *place else { return Action::Nothing };
        change(reading);
        let action = reading.next(slice);
        let discarded = reading.reads.take_discarded();
        let settled = Reading::settle(&mut place);
        drop(place);
        let Some(()) = self.core.drop_user(discarded, 0) else { return Action::Nothing };
        if let Some(settled) = settled {
            self.deliver(settled);
        }
        action
    }

    /// `None` in a child process that a callback has forked.
    fn run_callbacks(&self, state: Option<F::State>, chunk: ReadChunk) -> Option<Folded<F>> {
        self.core.check_shutdown();
        if let Some(halt) = self.core.halted() {
            let then = Then::Ended(Err(Failure::halted(halt, FileOperation::Read)));
            return Some(Folded { consumed: chunk.offset, state, then });
        }
        if chunk.next != Next::End && self.core.consumer.is_too_little(chunk.count) {
            return Some(Folded { consumed: 0, state, then: Then::ReadAll(chunk.count) });
        }
        self.core.counts.add_bytes(chunk.count);
        fold_chunk(&self.core, &self.info, state, chunk)
    }

    /// The run was halted, or the dispatcher takes no more jobs.
    fn give_up(self: &Arc<Self>) {
        let halt = self.core.halted().unwrap_or(Halt::ShutDown);
        let failure = Failure::halted(halt, FileOperation::Read);
        self.go_on(TimeSlice::Left, |reading| reading.fail(failure));
    }

    /// Closes the file and delivers its result.
    fn deliver(&self, (mut reads, state, outcome): Settled<F>) {
        let (size, bytes) = (reads.window().size(), reads.window().consumed());
        let (access, fallback, restarts) = reads.take_outcome();
        self.core.shared.counters.add_read(access, fallback.as_ref(), restarts);
        // The file and the state are given back before another file is begun, as memory was before.
        self.core.close(reads.into_file());
        let Some(()) = self.core.drop_user(state, bytes) else { return };
        if let (Some(history), Access::Direct) = (self.core.shared.history(), access)
            && bytes >= size
        {
            history.read_whole(self.info.metadata().id(), size);
        }
        let file = self.info.clone().into_indexed_path();
        let result = match outcome {
            Ok(value) => {
                let IndexedPath { index, path, .. } = file;
                Ok(Processed { index, path, value, bytes, size, access, fallback })
            }
            Err(failure) => Err(failure.of(file, bytes)),
        };
        self.core.deliver(EndedBy::Other, result);
    }
}

impl<F: Fold> ReadOwner for FoldFile<F> {
    fn arrived(self: Arc<Self>, reply: Reply<PoolBuf>) {
        self.go_on(TimeSlice::Left, |reading| reading.reads.arrived(reply));
    }
}

impl<F: Fold> Waiter for FoldFile<F> {
    fn retry(self: Arc<Self>) {
        let mut is_served = true;
        self.go_on(TimeSlice::Left, |reading| is_served = reading.retry());
        if is_served {
            // There may be memory for the next file, too.
            self.core.shared.budget.call_next();
        }
    }

    fn halted(&self) -> Option<Halt> {
        self.core.halted()
    }

    fn abandon(self: Arc<Self>) {
        self.give_up();
    }
}

impl<F: Fold> Begin for F {
    type Ready = Arc<FoldFile<F>>;

    fn begin_whole(core: &Arc<RunCore<Self>>, opened: Opened, count: usize, buffer: PoolBuf) {
        fold_whole(core, opened, count, buffer);
    }

    fn begin(core: &Arc<RunCore<Self>>, opened: Opened) {
        if let Some(file) = FoldFile::new(core, opened, None) {
            file.step_elsewhere();
        }
    }

    fn begin_read(
        core: &Arc<RunCore<Self>>,
        opened: Opened,
        first: Reply<PoolBuf>,
    ) -> Option<Self::Ready> {
        FoldFile::new(core, opened, Some(first))
    }
}

impl<F: Fold> Ready for Arc<FoldFile<F>> {
    fn step(self) {
        FoldFile::step(&self);
    }

    fn step_elsewhere(&self) {
        FoldFile::step_elsewhere(self);
    }
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
    let file = info.into_indexed_path();
    let result = match outcome {
        Ok(value) => {
            core.counts.add_bytes(count);
            let IndexedPath { index, path, .. } = file;
            let (bytes, access) = (consumed, Access::Cached);
            Ok(Processed { index, path, value, bytes, size, access, fallback })
        }
        Err(failure) => Err(failure.of(file, consumed)),
    };
    core.deliver(EndedBy::InlineCallbacks, result);
}
