//! The reads of a reader: the user's thread or task takes chunks, workers bring them.

use std::io;
use std::mem;
use std::sync::Weak;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Waker, ready};

use crate::file::access::Access;
use crate::pipeline::Pipeline;
use crate::pool::pool_buf::PoolBuf;
use crate::reader::lengths::Lengths;
use crate::streams::budget::{Budget, Place, Waiter};
use crate::streams::error::{Halt, StreamError};
use crate::streams::read_ahead::{ReadAhead, ReadChunk, ReadOwner};
use crate::streams::sizes::Sizes;
use crate::streams::source::{Source, Way};
use crate::streams::user::{Awaited, User, check_fork, is_shut_down, shut_down};
use crate::streams::window::{Next, Reply, Window};
use crate::sync::{Arc, Condvar, Mutex, lock};
use crate::wait::{TaskWaker, wake};

/// Reads grow up to this length when one follows the other, and further when the user has to wait.
pub(crate) const IN_ORDER: usize = 256 << 10;

/// Nothing is read from here on: offsets are signed, and a read must have an end.
pub(crate) const OFFSET_END: u64 = i64::MAX as u64 - 2 * Sizes::CHUNK_MAX as u64;

/// The reads of one reader.
pub(crate) struct Reads {
    pipeline: Arc<Pipeline>,
    state: Mutex<State>,
    /// Nobody wants chunks any more.
    is_closed: AtomicBool,
    /// The user's thread waits here for the next chunk.
    arrived: Condvar,
}

struct State {
    ahead: ReadAhead,
    /// How the file is read from where the reader begins or goes to.
    way: Way,
    lengths: Lengths,
    /// Where the reader began, or has gone to: everybody waits for the chunk there.
    begin: u64,
    /// The chunk that the user wants had not come when it was wanted.
    has_waited: bool,
    /// Why reads could not be issued, until the user has been told.
    failed: Option<StreamError>,
    /// Of the task that waits for the next chunk.
    waker: Option<TaskWaker>,
}

impl Reads {
    /// For a file of so many bytes, which is read up to `end`, and of which a first read may have
    /// been done.
    pub(crate) fn new(
        pipeline: &Arc<Pipeline>,
        budget: Arc<Budget>,
        source: Source,
        (size, end): (u64, u64),
        lengths: Lengths,
        first: Option<Reply<PoolBuf>>,
    ) -> Arc<Self> {
        let (len, ahead) = lengths.now();
        let limit = end.checked_next_multiple_of(lengths.block() as u64).unwrap_or(u64::MAX);
        let window = Window::new(size, len, lengths.block(), ahead).up_to(limit);
        let way = source.way;
        Arc::new_cyclic(|owner: &Weak<Self>| {
            let ahead = ReadAhead::new(source, window, len, first, budget, owner.clone());
            let state = State {
                ahead,
                way,
                lengths,
                begin: 0,
                has_waited: false,
                failed: None,
                waker: None,
            };
            Self {
                pipeline: Arc::clone(pipeline),
                state: Mutex::new(state),
                is_closed: AtomicBool::new(false),
                arrived: Condvar::new(),
            }
        })
    }

    /// Goes on at another offset, which is a multiple of the block. The file has so many bytes now.
    /// What was read ahead is dropped.
    pub(crate) fn seek(&self, offset: u64, size: u64) {
        if !self.pipeline.is_forked() {
            self.update(|state| state.seek(offset, size));
        }
    }

    /// Reads as far ahead as it may. Ready when the next chunk has come, or an error instead.
    pub(crate) fn poll_arrival(&self, waker: &Waker) -> Poll<io::Result<()>> {
        self.update(|state| {
            if let Err(error) = state.issue_if_needed() {
                state.failed.get_or_insert(error);
            }
        });
        let user = User::Task(waker);
        user.poll_news(&self.pipeline, &self.state, &self.arrived, State::has_news)
    }

    /// From now on these lengths are read ahead, in memory of this budget. No read waits for memory
    /// of the old one.
    pub(crate) fn go_on_with(&self, budget: &Arc<Budget>, lengths: Lengths) {
        if !self.pipeline.is_forked() {
            self.update(|state| {
                state.ahead.set_budget(Arc::clone(budget));
                state.lengths = lengths;
                state.set_lengths();
            });
        }
    }

    /// How the file is read from where the reader begins.
    pub(crate) fn way(&self) -> Way {
        lock(&self.state).way
    }

    /// How the file is read, why not with direct I/O if it should be, and how often it was read
    /// anew. Only the first call has the reason.
    pub(crate) fn take_outcome(&self) -> (Access, Option<io::Error>, u64) {
        self.update(|state| state.ahead.take_outcome())
    }

    /// The next chunk, when it has come.
    pub(crate) fn poll_next(&self, user: User<'_>) -> Poll<io::Result<ReadChunk>> {
        loop {
            if let Some(chunk) = self.try_next()? {
                return Poll::Ready(Ok(chunk));
            }
            ready!(user.poll_news(&self.pipeline, &self.state, &self.arrived, State::has_news))?;
        }
    }

    fn try_next(&self) -> io::Result<Option<ReadChunk>> {
        check_fork(&self.pipeline)?;
        self.update(State::next).map_err(|error| match error {
            StreamError::Io(error) => error,
            StreamError::Halted(_) => shut_down(),
        })
    }

    /// Makes a change. What is left over is dropped without the lock: a buffer that comes back
    /// calls whoever waits for it.
    fn update<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = lock(&self.state);
        let result = change(&mut state);
        let discarded = state.ahead.take_discarded();
        drop(state);
        drop(discarded);
        result
    }

    /// Makes a change that may be news for the one who waits.
    fn tell(&self, change: impl FnOnce(&mut State)) {
        let waker = self.update(|state| {
            change(state);
            if state.has_news() { state.waker.take() } else { None }
        });
        self.arrived.notify_all();
        wake(waker);
    }

    /// Nobody wants chunks any more. Reads in flight still come back.
    pub(crate) fn close(&self) {
        if self.pipeline.is_forked() {
            return;
        }
        self.is_closed.store(true, Ordering::Relaxed);
        let (budget, waker) = self.update(|state| (state.ahead.close(), state.waker.take()));
        drop(waker);
        // In the queue it would keep the file open.
        budget.iter().for_each(|budget| budget.abandon_halted());
    }
}

impl State {
    fn next(&mut self) -> Result<Option<ReadChunk>, StreamError> {
        // What has come is given first, whatever has happened since.
        let next = match self.failed.take_if(|_| !self.ahead.window().has_next()) {
            Some(error) => Err(error),
            None => self.issue_if_needed().and_then(|()| self.ahead.next_chunk()),
        };
        match next {
            Ok(Some(chunk)) => {
                self.took(&chunk);
                Ok(Some(chunk))
            }
            Ok(None) => {
                self.has_waited = true;
                Ok(None)
            }
            Err(error) => {
                // The user may try again, at the same place.
                let window = self.ahead.window();
                self.ahead.seek(window.consumed(), window.size(), self.way);
                Err(error)
            }
        }
    }

    /// While the user is at this chunk, others are read.
    fn took(&mut self, chunk: &ReadChunk) {
        self.ahead.consume(chunk.offset + chunk.count as u64);
        let is_first = chunk.offset == self.begin;
        let has_waited = mem::take(&mut self.has_waited);
        if !is_first && (has_waited || self.lengths.now().0 < IN_ORDER) {
            self.lengths.grow();
            self.set_lengths();
        }
        match chunk.next {
            Next::Restart => self.ahead.restart(),
            Next::More | Next::End => {}
        }
        if self.ahead.is_ahead() && chunk.next == Next::More {
            self.issue(Place::Back);
        }
    }

    fn issue_if_needed(&mut self) -> Result<(), StreamError> {
        if self.ahead.window().has_next() { Ok(()) } else { self.ahead.issue(Place::Back) }
    }

    fn issue(&mut self, place: Place) {
        if let Err(error) = self.ahead.issue(place) {
            self.failed.get_or_insert(error);
        }
    }

    fn seek(&mut self, offset: u64, size: u64) {
        self.failed = None;
        self.begin = offset;
        self.has_waited = false;
        self.lengths.begin_small();
        self.set_lengths();
        self.ahead.seek(offset, size, self.way);
    }

    fn set_lengths(&mut self) {
        let (len, ahead) = self.lengths.now();
        self.ahead.set_lengths(len, ahead);
    }

    fn has_news(&self) -> bool {
        self.failed.is_some() || self.ahead.window().has_next()
    }
}

impl Awaited for State {
    fn waker(&mut self) -> &mut Option<TaskWaker> {
        &mut self.waker
    }
}

impl ReadOwner for Reads {
    fn arrived(self: Arc<Self>, reply: Reply<PoolBuf>) {
        self.tell(|state| state.ahead.arrived(reply));
    }
}

impl Waiter for Reads {
    fn retry(self: Arc<Self>) {
        let mut next = None;
        self.tell(|state| {
            let budget = state.ahead.leave_queue();
            if !self.is_closed.load(Ordering::Relaxed) {
                state.issue(Place::Front);
            }
            next = (!state.ahead.is_waiting()).then_some(budget);
        });
        // The memory that this was called for may be left, for another reader.
        next.iter().for_each(|budget| budget.call_next());
    }

    fn halted(&self) -> Option<Halt> {
        if self.is_closed.load(Ordering::Relaxed) {
            return Some(Halt::Stopped);
        }
        is_shut_down(&self.pipeline).then_some(Halt::ShutDown)
    }

    fn abandon(self: Arc<Self>) {
        self.tell(|state| {
            state.ahead.leave_queue();
            state.failed = Some(StreamError::Halted(Halt::ShutDown));
        });
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::{Arc, mpsc};
    use std::task::{Wake, Waker};
    use std::time::Duration;

    use crate::file::FileHandle;
    use crate::job::Job;
    use crate::pool::BufferPool;
    use crate::pool::pool_buf::PoolBuf;
    use crate::reader::FileReader;
    use crate::streams::budget::Budget;
    use crate::streams::sizes::Sizes;
    use crate::streams::source::{Sharing, Source, Way};
    use crate::{Dispatcher, sync::Mutex};

    struct Told(Mutex<mpsc::Sender<()>>);

    impl Wake for Told {
        fn wake(self: Arc<Self>) {
            let _ = self.0.lock().unwrap().send(());
        }
    }

    const LEN: usize = 64 << 10;

    fn reader(dispatcher: &Dispatcher, budget: &Arc<Budget>) -> FileReader {
        let (file, way) = (FileHandle::open_buffered("Cargo.toml").unwrap(), Way::Device);
        let source = Source { file, sharing: Sharing::Alone, way, fallback: None };
        let sizes = Sizes::checked(4096, LEN).unwrap();
        FileReader::of_opened(dispatcher.pipeline(), budget, source, 100, sizes, None)
    }

    /// A budget whose memory is all taken.
    fn exhausted(dispatcher: &Dispatcher) -> (Arc<Budget>, Vec<PoolBuf>) {
        let pool = BufferPool::builder().capacity(2 << 20).classes([LEN]).build().unwrap();
        let budget = Budget::new(pool.clone(), Arc::clone(dispatcher.pipeline()));
        (budget, std::iter::from_fn(|| pool.try_acquire(LEN).ok()).collect())
    }

    #[test]
    fn a_reader_that_is_dropped_while_it_waits_for_memory_closes_its_file() {
        let dispatcher = Dispatcher::new().unwrap();
        let (budget, _taken) = exhausted(&dispatcher);
        let reader = reader(&dispatcher, &budget);
        let reads = Arc::downgrade(&reader.reads);
        assert!(reader.arrival().poll(Waker::noop()).is_pending());
        drop(reader);
        assert!(reads.upgrade().is_none(), "it still waits");
    }

    /// The others are called by memory that comes back. The first is called, and has gone.
    #[test]
    fn a_reader_that_is_dropped_when_it_was_called_lets_the_next_have_the_memory() {
        let dispatcher = Dispatcher::builder().workers(1).build().unwrap();
        let (budget, mut taken) = exhausted(&dispatcher);
        let (gone, stays) = (reader(&dispatcher, &budget), reader(&dispatcher, &budget));
        let (sender, told) = mpsc::channel();
        let waker = Waker::from(Arc::new(Told(Mutex::new(sender))));
        assert!(gone.arrival().poll(Waker::noop()).is_pending());
        assert!(stays.arrival().poll(&waker).is_pending());
        let (release, released) = mpsc::channel::<()>();
        let (began, begun) = mpsc::channel();
        let worker = Job::nop(move || {
            began.send(()).unwrap();
            let _ = released.recv();
        });
        dispatcher.submit(worker).unwrap();
        begun.recv().unwrap();
        drop(taken.pop());
        drop(gone);
        drop(release);
        assert!(told.recv_timeout(Duration::from_secs(20)).is_ok(), "nobody has called it");
    }
}
