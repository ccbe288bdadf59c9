//! Files whose names and contents are in memory: a worker opens them, reads them, and runs the
//! user's functions, all at one go.

use std::io;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Instant;

use crate::files::budget::Lease;
use crate::files::builder::BLOCK;
use crate::files::chunk::Chunk;
use crate::files::desk::{Desk, Task};
use crate::files::error::{FileError, FileErrorKind, FileOperation};
use crate::files::fold::{Enough, Fold, TooLarge};
use crate::files::no_wait_opener::NoWaitOpener;
use crate::files::open::Opened;
use crate::files::policy::{Access, Policy};
use crate::files::residency::{self, OnMiss};
use crate::files::run::Processed;
use crate::files::source::Numbered;
use crate::files::stream::Stream;
use crate::files::work::{TURN, Work};
use crate::unwind::catch;

/// Up to this size in bytes a file that was opened without waiting is taken to be in the page cache.
const TRY: u64 = 256 << 10;

impl<F: Fold> Work<F> {
    /// Opens and reads files that are in memory, for a while.
    pub(crate) fn pull(self: &Arc<Self>) {
        let (begin, mut opener) = (Instant::now(), NoWaitOpener::default());
        while let Some(path) = self.desk.next_path(Task::Pull) {
            self.pull_one(path, &mut opener);
            if self.layer.pipeline.is_forked() {
                return;
            }
            if begin.elapsed() > TURN {
                break;
            }
        }
        self.desk.pulled();
        self.more();
    }

    fn pull_one(self: &Arc<Self>, path: Numbered, opener: &mut NoWaitOpener) {
        if let Some((kind, source)) = self.halted() {
            self.put_error(path.failed(FileOperation::Open, kind, source));
            return;
        }
        match self.layer.open_cached(path, opener) {
            Err(error) => {
                self.desk.note(true);
                self.put_error(error);
            }
            Ok(Err(path)) => {
                self.desk.note(false);
                self.desk.leave(path);
            }
            Ok(Ok(opened)) => self.read_here(opened),
        }
    }

    /// Reads an opened file at one go, if it is in the page cache; else it begins a stream.
    fn read_here(self: &Arc<Self>, opened: Opened) {
        let (policy, size) = (self.layer.settings.policy, opened.size);
        // Of a small one it is quicker to try than to ask.
        let tried = policy != Policy::Direct && size <= TRY;
        if let Some((lease, count)) = tried.then(|| self.read_cached(&opened)).flatten() {
            return self.fold_at_once(opened, lease, count);
        }
        let opened = self.layer.choose(opened);
        if let Some((lease, count)) = (!tried).then(|| self.read_cached(&opened)).flatten() {
            return self.fold_at_once(opened, lease, count);
        }
        // What is wanted from the device was opened without waiting, and that is all there is to do
        // here.
        self.desk.note(policy == Policy::Direct || !tried);
        Stream::start(self, opened);
    }

    /// Reads all of a file that fits into one piece, if it is in the page cache and there is memory.
    pub(crate) fn read_cached(&self, opened: &Opened) -> Option<(Lease, usize)> {
        let len = self.whole_len(opened)?;
        let mut lease = self.layer.budget.try_lease(len)?;
        let count = residency::read(opened.file.as_fd(), &mut lease, len, 0, OnMiss::Fail).ok()?;
        (count as u64 == opened.size).then_some((lease, count))
    }

    /// How many bytes to ask for to get all of a buffered file and see its end, if that is to be one
    /// read.
    pub(crate) fn whole_len(&self, opened: &Opened) -> Option<usize> {
        if opened.access() == Access::Direct {
            return None;
        }
        let piece = self.fold.piece(opened.size, self.layer.settings.chunk).ok()?;
        let len = usize::try_from(opened.size / BLOCK as u64 + 1).ok()?.checked_mul(BLOCK)?;
        (len <= piece).then_some(len)
    }

    /// Runs the user's functions on a file that has been read at one go.
    fn fold_at_once(self: &Arc<Self>, opened: Opened, lease: Lease, count: usize) {
        let Opened { file, info, fallback, size, .. } = opened;
        drop(file);
        let index = info.index();
        self.layer.counters.add_access(Access::Cached);
        let mut handed_on = 0;
        if self.desk.begin_functions() {
            self.more();
        }
        let folded = catch(|| {
            let mut state = self.fold.begin(&info);
            if count > 0 {
                let flow = self.fold.chunk(&mut state, Chunk::new(lease, 0), true);
                handed_on = count as u64;
                if let ControlFlow::Break(Enough::TooLarge(limit)) = flow {
                    return Err(limit);
                }
            }
            Ok(self.fold.finish(state, &info))
        });
        if self.layer.pipeline.is_forked() {
            // This is the child's copy of a worker, which ends here; all else is the parent's.
            return std::mem::forget(folded);
        }
        let bytes = count as u64;
        let error = match folded {
            Ok(Ok(value)) => {
                self.counts.add_bytes(count);
                let (path, access) = (info.into_path(), Access::Cached);
                let done = Processed { index, path, value, bytes, size, access, fallback };
                return self.put_and(index, Ok(done), Desk::end_functions);
            }
            Ok(Err(limit)) => (FileErrorKind::TooLarge, too_large(size, limit)),
            Err(payload) => (FileErrorKind::Panicked, self.panicked(payload, handed_on)),
        };
        let path = Numbered { index, path: info.into_path() };
        let failed = path.failed(FileOperation::Callback, error.0, error.1);
        let failed = FileError { offset: handed_on, ..failed };
        self.put_and(index, Err(failed), Desk::end_functions);
    }
}

pub(crate) fn too_large(size: u64, TooLarge { limit }: TooLarge) -> io::Error {
    let message = format!("of {size} bytes, it is larger than whole_limit, {limit}: stream it");
    io::Error::new(io::ErrorKind::FileTooLarge, message)
}
