//! Event loops: a dispatcher to be run by the test, and what waits for it.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use reapool::{AlignedBuf, Builder, FileHandle, Job, LoopDispatcher};

use super::{HANG, contents, known_file, open_buffered, open_direct, scale, scratch};

const BLOCK: usize = 4096;

/// A dispatcher that is shut down at the end of a test, and left alone if the test fails: it would
/// wait for jobs that are lost.
pub(crate) struct TendedLoop(Option<LoopDispatcher>);

impl TendedLoop {
    pub(crate) fn new(builder: Builder) -> Self {
        Self(Some(builder.build_loop().unwrap()))
    }

    /// Runs callbacks until nothing is outstanding; that this takes too long is a failure.
    pub(crate) fn quiesce(&mut self) {
        self.drain_timeout(HANG).unwrap();
    }

    pub(crate) fn into_inner(mut self) -> LoopDispatcher {
        self.0.take().unwrap()
    }

    /// Waits until the descriptor is readable, and runs what is there.
    pub(crate) fn turn(&mut self, most: usize) -> usize {
        wait_readable(&**self);
        self.run(most).unwrap()
    }
}

impl std::ops::Deref for TendedLoop {
    type Target = LoopDispatcher;

    fn deref(&self) -> &LoopDispatcher {
        self.0.as_ref().unwrap()
    }
}

impl std::ops::DerefMut for TendedLoop {
    fn deref_mut(&mut self) -> &mut LoopDispatcher {
        self.0.as_mut().unwrap()
    }
}

impl AsFd for TendedLoop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        (**self).as_fd()
    }
}

impl Drop for TendedLoop {
    fn drop(&mut self) {
        match self.0.take() {
            Some(jobs) if thread::panicking() => std::mem::forget(jobs),
            Some(mut jobs) => {
                jobs.drain_timeout(HANG).unwrap();
                jobs.shutdown().unwrap();
            }
            None => {}
        }
    }
}

fn polled(fd: BorrowedFd<'_>, limit: PollTimeout) -> bool {
    poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], limit).unwrap() == 1
}

pub(crate) fn wait_readable(fd: &impl AsFd) {
    assert!(polled(fd.as_fd(), HANG.try_into().unwrap()), "it doesn't become readable");
}

/// What a loop with a timer does: waits until the descriptor is readable or the next deadline has
/// come, and runs what is there.
pub(crate) fn turn_in_time(jobs: &mut LoopDispatcher) -> usize {
    let left = jobs.next_deadline().map(|next| next.saturating_duration_since(Instant::now()));
    // Up to the next millisecond: not before the deadline.
    let limit = left.map(|left| (left + Duration::from_millis(1)).min(HANG));
    if !polled(jobs.as_fd(), limit.unwrap_or(HANG).try_into().unwrap()) {
        assert!(limit.is_some_and(|limit| limit < HANG), "it has nothing to do");
    }
    jobs.run(usize::MAX).unwrap()
}

/// A job that counts that it ran.
pub(crate) fn counted(runs: &Arc<AtomicUsize>) -> Job {
    let runs = Arc::clone(runs);
    Job::nop(move || {
        runs.fetch_add(1, Ordering::SeqCst);
    })
}

/// Reads of a file that the kernel performs while the caller goes on; where that isn't possible, of
/// one in the page cache.
fn file_of(directory: &Path, blocks: usize) -> FileHandle {
    let path = known_file(directory, "data", (blocks * BLOCK) as u64);
    open_direct(&path).unwrap_or_else(|| open_buffered(&path))
}

/// Reads all blocks of a file, with nops in between, and runs them as `turn` says.
pub(crate) fn read_all(jobs: &mut TendedLoop, mut turn: impl FnMut(&mut TendedLoop)) {
    let blocks = 500 / scale();
    let directory = scratch();
    let file = file_of(directory.path(), blocks);
    let this = thread::current().id();
    let (seen, nops) = (Arc::new(Mutex::new(vec![0_u8; blocks])), Arc::new(AtomicUsize::new(0)));
    let mut block = 0;
    while block < blocks {
        let (seen, offset) = (Arc::clone(&seen), (block * BLOCK) as u64);
        let job = Job::read(&file, AlignedBuf::zeroed(BLOCK), offset, move |done| {
            assert_eq!(thread::current().id(), this);
            assert_eq!(done.data(), contents(offset..offset + BLOCK as u64));
            seen.lock().unwrap()[block] += 1;
        });
        match jobs.try_submit(job).and_then(|()| jobs.try_submit(counted(&nops))) {
            Ok(()) => block += 1,
            Err(error) => {
                block += usize::from(error.into_inner().requested() == 0);
                turn(jobs);
            }
        }
    }
    while jobs.stats().outstanding > 0 {
        turn(jobs);
    }
    assert_eq!(*seen.lock().unwrap(), vec![1; blocks]);
    assert_eq!(jobs.stats().finished, (blocks + nops.load(Ordering::SeqCst)) as u64);
}
