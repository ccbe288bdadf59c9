//! The reads of one file, ahead of whoever consumes its chunks.

use std::io;
use std::mem;
use std::sync::{Arc, Weak};

use crate::blocking::{read_cached_until, read_waiting};
use crate::file::FileHandle;
use crate::file::access::Access;
use crate::file::residency::CacheLook;
use crate::job::Job;
use crate::job::completion::Completion;
use crate::pool::pool_buf::PoolBuf;
use crate::streams::budget::{Budget, Place, Waiter};
use crate::streams::error::{Halt, StreamError};
use crate::streams::source::{AfterMiss, Source, Way};
use crate::streams::window::{Next, Reply, Request, Window};

/// A chunk that is to be consumed next.
pub(crate) struct ReadChunk {
    /// In the file.
    pub(crate) offset: u64,
    pub(crate) count: usize,
    pub(crate) buffer: PoolBuf,
    pub(crate) next: Next,
}

/// The owner of a [`ReadAhead`], which keeps it under a lock.
pub(crate) trait ReadOwner: Waiter {
    /// A read has come back: the owner passes it on to [`ReadAhead::arrived`].
    fn arrived(self: Arc<Self>, reply: Reply<PoolBuf>);
}

/// A file and its reads. It gives the file's chunks in order and knows nothing of their use.
///
/// Reads are issued as far ahead as the window allows, and wait for memory in the budget's queue.
/// As long as the page cache has all of the file, each is done at once instead, when it is wanted.
pub(crate) struct ReadAhead {
    source: Source,
    /// Why direct I/O is to be switched off, once the reads in flight have come back: one of them
    /// may not have entered the kernel yet, and would block the thread that submits it if it found
    /// the file open without `O_DIRECT`.
    refusal: Option<io::Error>,
    window: Window<PoolBuf>,
    /// How many bytes a read asks for if it has to wait.
    device_len: usize,
    /// All of the file is read into one buffer, by a blocking thread: see [`Self::read_all`].
    reads_all: bool,
    /// The file is in the queue for memory.
    waiting: bool,
    restarts: u64,
    discarded: Discarded,
    budget: Arc<Budget>,
    owner: Weak<dyn ReadOwner>,
}

/// Values that the owner drops once it has released its lock: a buffer calls the next file that
/// waits for memory, which may take the same lock, and a value of the user runs the user's code.
pub(crate) type Discarded = Vec<Box<dyn Send>>;

impl ReadAhead {
    /// For a file of which a first read may have been done. A read that has to wait for the device
    /// asks for `device_len` bytes.
    pub(crate) fn new(
        source: Source,
        mut window: Window<PoolBuf>,
        device_len: usize,
        first: Option<Reply<PoolBuf>>,
        budget: Arc<Budget>,
        owner: Weak<dyn ReadOwner>,
    ) -> Self {
        if let Some(first) = first {
            window.done(first);
        }
        Self {
            source,
            refusal: None,
            window,
            device_len,
            reads_all: false,
            waiting: false,
            restarts: 0,
            discarded: Discarded::new(),
            budget,
            owner,
        }
    }

    pub(crate) fn window(&self) -> &Window<PoolBuf> {
        &self.window
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting
    }

    pub(crate) fn discard(&mut self, value: impl Send + 'static) {
        self.discarded.push(Box::new(value));
    }

    pub(crate) fn take_discarded(&mut self) -> Discarded {
        mem::take(&mut self.discarded)
    }

    /// The file has left the queue for memory, which is that of this budget.
    pub(crate) fn leave_queue(&mut self) -> Arc<Budget> {
        self.waiting = false;
        Arc::clone(&self.budget)
    }

    /// Issues all reads that may be issued, unless the file waits for memory.
    pub(crate) fn issue(&mut self, mut place: Place) -> Result<(), StreamError> {
        if self.window.in_flight() == 0
            && let Some(reason) = self.refusal.take()
        {
            self.use_page_cache(reason)?;
        }
        if self.waiting || self.refusal.is_some() {
            return Ok(());
        }
        while let Some(request) = self.window.next() {
            if matches!(self.source.way, Way::Cached(_)) && self.window.has_next() {
                return Ok(());
            }
            let waiter = || self.owner() as Arc<dyn Waiter>;
            let Some(buffer) = self.budget.lease(request.len, place, waiter)? else {
                self.waiting = true;
                return Ok(());
            };
            place = Place::Back;
            if self.reads_all {
                self.post_read_all(request, buffer)?;
            } else if let Some(buffer) = self.read_cached(request, buffer) {
                let request = self.window.next().unwrap_or(request);
                if request.len <= buffer.capacity() {
                    self.post_read(request, buffer)?;
                } else {
                    self.discard(buffer);
                }
            }
        }
        Ok(())
    }

    /// Does a read at once, if it needs nothing but the page cache. Otherwise gives the buffer
    /// back, and the file is read ahead from now on, perhaps in larger pieces.
    fn read_cached(&mut self, request: Request, mut buffer: PoolBuf) -> Option<PoolBuf> {
        let Way::Cached(after_miss) = self.source.way else { return Some(buffer) };
        let Request { offset, len, .. } = request;
        let (file, size) = (&self.source.file, self.window.size());
        let mut read = |look| read_cached_until(file, look, &mut buffer, len, offset, size);
        let look = match after_miss {
            // Behind the end there is nothing to look for.
            _ if offset >= size => CacheLook::Try,
            AfterMiss::Direct(look) => look,
            AfterMiss::PageCache => file.cache_look().unwrap_or(CacheLook::Try),
        };
        let count = match look {
            CacheLook::Try => read(look),
            // Now and then the kernel says of cached data that it would have to wait.
            CacheLook::Ask | CacheLook::TryEnds => read(look).or_else(|| read(look)),
        };
        match count {
            Some(count) if count == len || offset + count as u64 == size => {
                self.window.done(Reply { request, result: Ok((count, buffer)) });
                None
            }
            _ => {
                self.read_from_device(after_miss);
                Some(buffer)
            }
        }
    }

    /// Has the file read ahead from now on.
    fn read_from_device(&mut self, after_miss: AfterMiss) {
        self.source.way = Way::Device;
        self.window.set_request_len(self.device_len);
        // No read is in flight that could find the file open in another way than it was meant for.
        if let AfterMiss::Direct(_) = after_miss {
            match self.source.file.with_direct(true) {
                Ok(file) => self.source.file = file,
                Err(error) => self.source.fallback = Some(error),
            }
        }
    }

    fn post_read(&mut self, request: Request, buffer: PoolBuf) -> Result<(), StreamError> {
        let owner = self.owner();
        let callback = move |done: Completion<PoolBuf>| {
            let Completion { buffer, result, file, .. } = done;
            // It may be the last handle: another file is opened in this one's place before the
            // callback returns.
            drop(file);
            owner.arrived(Reply { request, result: result.map(|count| (count, buffer)) });
        };
        let job = Job::read(&self.source.file, buffer, request.offset, callback).limit(request.len);
        self.post(request, job)
    }

    fn post_read_all(&mut self, request: Request, mut buffer: PoolBuf) -> Result<(), StreamError> {
        let (owner, file) = (self.owner(), self.source.file.clone());
        let own = Arc::clone(&owner);
        let work = move || {
            let is_wanted = |_| owner.halted().is_none();
            let Request { offset, len, .. } = request;
            let count = read_waiting(&file, &mut buffer, len, offset, is_wanted)?;
            Ok((count, buffer))
        };
        self.post(
            request,
            Job::blocking(work, move |result| own.arrived(Reply { request, result })),
        )
    }

    fn post(&mut self, request: Request, job: Job) -> Result<(), StreamError> {
        let owner = self.owner();
        let refused = match owner.halted() {
            Some(halt) => Some((halt, job)),
            None => self
                .budget
                .post(job)
                .err()
                .map(|job| (owner.halted().unwrap_or(Halt::ShutDown), job)),
        };
        if let Some((halt, job)) = refused {
            self.discard(job);
            return Err(StreamError::Halted(halt));
        }
        self.window.issue(request);
        Ok(())
    }

    fn owner(&self) -> Arc<dyn ReadOwner> {
        self.owner.upgrade().expect("the owner calls")
    }

    /// A read has come back.
    pub(crate) fn arrived(&mut self, reply: Reply<PoolBuf>) {
        if let Some(stale) = self.window.arrived(reply) {
            self.discard(stale);
        }
    }

    /// The next chunk, if it has come. If direct I/O was refused, everything that was not consumed
    /// is read again through the page cache, once all reads have come back.
    pub(crate) fn next_chunk(&mut self) -> Result<Option<ReadChunk>, StreamError> {
        while let Some(Reply { request, result }) = self.window.take() {
            match result {
                Ok((count, buffer)) => {
                    let next = match self.reads_all {
                        true if count < request.len => Next::End,
                        true => Next::More,
                        false => self.window.follows(request, count),
                    };
                    return Ok(Some(ReadChunk { offset: request.offset, count, buffer, next }));
                }
                Err(error) => {
                    let refused =
                        matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EOPNOTSUPP));
                    if !refused || !self.source.can_be_switched() {
                        return Err(error.into());
                    }
                    self.refusal = Some(error);
                    let stale = self.window.rewind();
                    self.discard(stale);
                    self.issue(Place::Back)?;
                }
            }
        }
        Ok(None)
    }

    /// The file is consumed up to this offset, which is in the chunk that was given last.
    pub(crate) fn consume(&mut self, up_to: u64) {
        self.window.consume(up_to);
    }

    /// The file has changed: everything that was not consumed is read again. If that begins where
    /// direct I/O can't, it is read through the page cache.
    pub(crate) fn restart(&mut self) {
        self.restarts += 1;
        let stale = self.window.restart();
        self.discard(stale);
        let step = self.source.file.alignment().offset;
        if self.source.can_be_switched() && !self.window.consumed().is_multiple_of(step) {
            let reason = "the file was changed: its end is not where it was";
            self.refusal = Some(io::Error::other(reason));
        }
    }

    /// Reads the file again from its beginning, into one buffer that is longer than this part of
    /// it, which was not all. A blocking thread fills the buffer, with as many reads as it takes:
    /// so the file holds no memory while it waits for some, and none but the budget's. If direct
    /// I/O can't go on where a read has ended, it is refused, and the file is read through the page
    /// cache.
    pub(crate) fn read_all(&mut self, part: usize) {
        /// Files that don't tell their size are mostly small.
        const LEAST: usize = 64 << 10;
        let len = part.saturating_mul(16).max(LEAST).min(self.budget.largest());
        (self.reads_all, self.source.way) = (true, Way::Device);
        let stale = self.window.begin_again();
        self.discard(stale);
        self.window.set_request_len(len);
    }

    /// Goes on at another offset, as at the beginning: `size` is that of the file now, and `way` is
    /// how it is read from there on, as long as that goes well.
    pub(crate) fn seek(&mut self, offset: u64, size: u64, way: Way) {
        self.source.way = way;
        let stale = self.window.seek(offset, size);
        self.discard(stale);
    }

    /// From now on a read asks for `len` bytes, and `ahead` bytes may be issued and not consumed.
    pub(crate) fn set_lengths(&mut self, len: usize, ahead: usize) {
        self.device_len = len;
        self.window.set_lengths(len, ahead);
    }

    /// From now on buffers come from another budget. The file waits for none of the old one.
    pub(crate) fn set_budget(&mut self, budget: Arc<Budget>) {
        debug_assert!(!self.waiting, "it would be called by the old budget");
        self.budget = budget;
    }

    /// Whether reads are issued before their chunks are wanted.
    pub(crate) fn is_ahead(&self) -> bool {
        self.source.way == Way::Device
    }

    /// Switches direct I/O off, for good.
    fn use_page_cache(&mut self, reason: io::Error) -> Result<(), StreamError> {
        self.source.file = self.source.file.with_direct(false)?;
        self.source.fallback = Some(reason);
        Ok(())
    }

    /// Wants no more chunks. Reads in flight still come back. Returns the budget in whose queue the
    /// file waits, if it does.
    pub(crate) fn close(&mut self) -> Option<Arc<Budget>> {
        let stale = self.window.close();
        if !stale.is_empty() {
            self.discard(stale);
        }
        self.waiting.then(|| Arc::clone(&self.budget))
    }

    /// How the file is read, why not with direct I/O if it should be, and how often it was read
    /// anew from some offset on, because it had changed. Only the first call has the reason.
    pub(crate) fn take_outcome(&mut self) -> (Access, Option<io::Error>, u64) {
        (self.source.access(), self.source.fallback.take(), self.restarts)
    }

    pub(crate) fn into_file(self) -> FileHandle {
        self.source.file
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io;
    use std::os::fd::{AsFd, AsRawFd};
    use std::sync::{Arc, Weak, mpsc};

    use super::{ReadAhead, ReadOwner};
    use crate::Dispatcher;
    use crate::file::FileHandle;
    use crate::file::access::Access;
    use crate::file::filesystem::{Storage, ask_storage};
    use crate::file::residency::CacheLook;
    use crate::pool::BufferPool;
    use crate::pool::pool_buf::PoolBuf;
    use crate::streams::budget::{Budget, Place, Waiter};
    use crate::streams::error::Halt;
    use crate::streams::source::{AfterMiss, Sharing, Source, Way};
    use crate::streams::window::{Next, Reply, Window};
    use crate::sys::descriptor::status_flags;

    const BLOCK: usize = 4096;
    const LEN: usize = 16 * BLOCK;
    const CHUNKS: usize = 100;

    struct Owner(mpsc::Sender<Reply<PoolBuf>>);

    impl Waiter for Owner {
        fn retry(self: Arc<Self>) {}

        fn halted(&self) -> Option<Halt> {
            None
        }

        fn abandon(self: Arc<Self>) {}
    }

    impl ReadOwner for Owner {
        fn arrived(self: Arc<Self>, reply: Reply<PoolBuf>) {
            self.0.send(reply).unwrap();
        }
    }

    /// The reads of a file of so many chunks, four of them ahead.
    struct Rig {
        reads: ReadAhead,
        replies: mpsc::Receiver<Reply<PoolBuf>>,
        budget: Arc<Budget>,
        _owner: Arc<dyn ReadOwner>,
        _dispatcher: Dispatcher,
        _directory: tempfile::TempDir,
    }

    impl Rig {
        /// `None` where there is no direct I/O.
        fn new(open: fn(&std::path::Path) -> FileHandle, way: Way) -> Option<Self> {
            // In the crate's directory, as the system's directory for temporary files may have no
            // direct I/O.
            let directory = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
            let path = directory.path().join("file");
            fs::write(&path, vec![1; CHUNKS * LEN]).unwrap();
            let file = File::open(&path).unwrap();
            file.sync_all().unwrap();
            if ask_storage(file.as_fd()) == Some(Storage::Memory) {
                let skips = std::env::var_os("REAPOOL_NO_SKIP").is_none();
                assert!(skips, "may not be skipped here: the build is in memory");
                return None;
            }
            let dispatcher = Dispatcher::new().unwrap();
            let pool = BufferPool::builder().capacity(32 << 20).classes([LEN]).build().unwrap();
            let budget = Budget::new(pool, Arc::clone(dispatcher.pipeline()));
            let (sender, replies) = mpsc::channel();
            let owner: Arc<dyn ReadOwner> = Arc::new(Owner(sender));
            let weak: Weak<dyn ReadOwner> = Arc::downgrade(&owner);
            let sharing = Sharing::Alone;
            let source = Source { file: open(&path), sharing, way, fallback: None };
            let window = Window::new((CHUNKS * LEN) as u64, LEN, BLOCK, 4 * LEN);
            let reads = ReadAhead::new(source, window, LEN, None, Arc::clone(&budget), weak);
            let (_owner, _dispatcher, _directory) = (owner, dispatcher, directory);
            Some(Self { reads, replies, budget, _owner, _dispatcher, _directory })
        }

        fn is_direct(&self) -> bool {
            status_flags(self.reads.source.file.as_fd()).unwrap() & libc::O_DIRECT != 0
        }

        /// Waits for a read that was issued.
        fn arrive(&mut self) {
            let reply = self.replies.recv().unwrap();
            self.reads.arrived(reply);
        }

        /// Consumes the next chunk, and waits for it if need be. False at the end of the file.
        fn consume(&mut self) -> bool {
            loop {
                self.reads.issue(Place::Back).unwrap();
                if let Some(chunk) = self.reads.next_chunk().unwrap() {
                    self.reads.consume(chunk.offset + chunk.count as u64);
                    return chunk.next == Next::More;
                }
                self.arrive();
            }
        }
    }

    fn open_direct(path: &std::path::Path) -> FileHandle {
        FileHandle::open_direct(path).unwrap()
    }

    fn open_buffered(path: &std::path::Path) -> FileHandle {
        FileHandle::open_buffered(path).unwrap()
    }

    /// Takes a part of the file out of the page cache.
    #[expect(unsafe_code, reason = "posix_fadvise(2), which the standard library doesn't have")]
    fn evict(file: &FileHandle, from: usize) {
        let (fd, advice) = (file.as_fd().as_raw_fd(), libc::POSIX_FADV_DONTNEED);
        // SAFETY: a system call without pointers.
        assert_eq!(unsafe { libc::posix_fadvise(fd, from as _, 0, advice) }, 0);
    }

    #[test]
    fn direct_io_stays_on_while_a_read_may_not_have_entered_the_kernel() {
        let Some(mut rig) = Rig::new(open_direct, Way::Device) else { return };
        // Two reads, of which the second may wait in the backlog when the first is refused.
        let requests = [(); 2].map(|()| {
            let request = rig.reads.window.next().unwrap();
            rig.reads.window.issue(request);
            request
        });
        let refused = Err(io::Error::from_raw_os_error(libc::EINVAL));
        rig.reads.arrived(Reply { request: requests[0], result: refused });
        assert!(rig.reads.next_chunk().unwrap().is_none());
        assert!(rig.is_direct(), "the other would wait for the device in io_submit");
        assert_eq!(rig.reads.window.in_flight(), 1, "nor is anything read meanwhile");

        let buffer = rig.budget.try_lease(LEN).unwrap();
        rig.reads.arrived(Reply { request: requests[1], result: Ok((LEN, buffer)) });
        rig.reads.issue(Place::Back).unwrap();
        assert!(!rig.is_direct() && rig.reads.source.fallback.is_some());
        assert_eq!(rig.reads.window.in_flight(), 4, "it is read ahead as before");
        let again = rig.replies.recv().unwrap();
        assert_eq!((again.request.offset % LEN as u64, again.result.unwrap().0), (0, LEN));
        assert_eq!(rig.reads.restarts, 0, "the file has not changed");
    }

    /// Tries until a file was read as expected: now and then the kernel says of cached data that it
    /// would have to wait. valgrind says so always, as it doesn't know preadv2(2).
    fn assert_read(as_expected: impl Fn(Rig) -> bool) {
        let way = Way::Cached(AfterMiss::Direct(CacheLook::Ask));
        let is_memcheck = std::env::var_os("REAPOOL_MEMCHECK").is_some();
        let mut rigs = std::iter::repeat_with(|| Rig::new(open_buffered, way)).take(50);
        assert!(is_memcheck || rigs.any(|rig| rig.is_none_or(&as_expected)));
    }

    #[test]
    fn a_file_of_which_the_page_cache_has_a_part_is_read_directly_from_there_on() {
        assert_read(|mut rig| {
            evict(&rig.reads.source.file, CHUNKS / 2 * LEN);
            assert!(rig.consume());
            let began = (rig.reads.source.access(), rig.reads.window.in_flight());
            while rig.consume() {}
            assert!(rig.is_direct() && rig.reads.source.fallback.is_none());
            assert_eq!(rig.reads.source.access(), Access::Direct);
            assert_eq!(rig.reads.window.consumed(), (CHUNKS * LEN) as u64);
            // Nothing is read before it is wanted.
            began == (Access::Cached, 0)
        });
    }

    #[test]
    fn a_file_that_was_cached_to_its_end_is_said_to_have_been() {
        assert_read(|mut rig| {
            while rig.consume() {}
            rig.reads.source.access() == Access::Cached && !rig.is_direct()
        });
    }
}
