//! The reads of one file, ahead of the callbacks that its chunks are for.

use std::io;
use std::sync::{Arc, Weak};

use crate::file::FileHandle;
use crate::file::residency::Residency;
use crate::files::budget::{Place, Waiter};
use crate::files::error::{Failure, FileOperation, Halt};
use crate::files::open::Opened;
use crate::files::shared::FilesShared;
use crate::files::stats::Counters;
use crate::files::window::{Next, Reply, Request, Window};
use crate::job::Job;
use crate::job::completion::Completion;
use crate::pool::pool_buf::PoolBuf;

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
    file: FileHandle,
    /// Why the file is not read with direct I/O, if it should be.
    fallback: Option<io::Error>,
    /// Why direct I/O is to be switched off, once the reads in flight have come back: one of them
    /// may not have entered the kernel yet, and would block the thread that submits it if it found
    /// the file open without `O_DIRECT`.
    refusal: Option<io::Error>,
    residency: Residency,
    window: Window<PoolBuf>,
    /// How many bytes a read asks for if it has to wait.
    cold_len: usize,
    /// All of the file is read into one buffer, by a blocking thread: see [`Self::read_all`].
    reads_all: bool,
    /// The file is in the queue for memory.
    waiting: bool,
    discarded: Discarded,
    shared: Arc<FilesShared>,
    owner: Weak<dyn ReadOwner>,
}

/// Values that the owner drops once it has released its lock: a buffer calls the next file that
/// waits for memory, which may take the same lock, and a value of the user runs the user's code.
pub(crate) type Discarded = Vec<Box<dyn Send>>;

impl ReadAhead {
    /// For a file of which a first read may have been done.
    pub(crate) fn new(
        opened: Opened,
        mut window: Window<PoolBuf>,
        cold_len: usize,
        first: Option<Reply<PoolBuf>>,
        shared: Arc<FilesShared>,
        owner: Weak<dyn ReadOwner>,
    ) -> Self {
        if let Some(first) = first {
            window.done(first);
        }
        let Opened { file, fallback, residency, .. } = opened;
        Self {
            file,
            fallback,
            refusal: None,
            residency,
            window,
            cold_len,
            reads_all: false,
            waiting: false,
            discarded: Discarded::new(),
            shared,
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
        std::mem::take(&mut self.discarded)
    }

    /// The file has left the queue for memory.
    pub(crate) fn leave_queue(&mut self) {
        self.waiting = false;
    }

    /// Issues all reads that may be issued, unless the file waits for memory.
    pub(crate) fn issue(&mut self, mut place: Place) -> Result<(), Failure> {
        if self.window.in_flight() == 0
            && let Some(reason) = self.refusal.take()
        {
            self.use_page_cache(reason)?;
        }
        if self.waiting || self.refusal.is_some() {
            return Ok(());
        }
        while let Some(request) = self.window.next() {
            if self.residency == Residency::Cached && self.window.has_next() {
                return Ok(());
            }
            let waiter = || self.owner() as Arc<dyn Waiter>;
            let Some(buffer) = self.shared.budget.lease(request.len, place, waiter)? else {
                self.waiting = true;
                Counters::add(&self.shared.counters.memory_waits);
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

    /// Does a read at once, if it needs nothing but the page cache. Otherwise gives the buffer back,
    /// and the file is read ahead from now on, perhaps in larger pieces.
    fn read_cached(&mut self, request: Request, mut buffer: PoolBuf) -> Option<PoolBuf> {
        if self.residency == Residency::Cold {
            return Some(buffer);
        }
        let Request { offset, len, .. } = request;
        match self.file.read_cached(&mut buffer, len, offset) {
            Some(count) if count == len || offset + count as u64 == self.window.size() => {
                self.window.done(Reply { request, result: Ok((count, buffer)) });
                None
            }
            _ => {
                self.residency = Residency::Cold;
                self.window.set_request_len(self.cold_len);
                Some(buffer)
            }
        }
    }

    fn post_read(&mut self, request: Request, buffer: PoolBuf) -> Result<(), Failure> {
        let owner = self.owner();
        let callback = move |done: Completion<PoolBuf>| {
            let Completion { buffer, result, file, .. } = done;
            // It may be the last handle: another file is opened in this one's place before the
            // callback returns.
            drop(file);
            owner.arrived(Reply { request, result: result.map(|count| (count, buffer)) });
        };
        let job = Job::read(&self.file, buffer, request.offset, callback).limit(request.len);
        self.post(request, job)
    }

    fn post_read_all(&mut self, request: Request, mut buffer: PoolBuf) -> Result<(), Failure> {
        let (owner, file) = (self.owner(), self.file.clone());
        let own = Arc::clone(&owner);
        let work = move || {
            let is_wanted = |_| owner.halted().is_none();
            let count = file.read_waiting(&mut buffer, request.len, request.offset, is_wanted)?;
            Ok((count, buffer))
        };
        self.post(
            request,
            Job::blocking(work, move |result| own.arrived(Reply { request, result })),
        )
    }

    fn post(&mut self, request: Request, job: Job) -> Result<(), Failure> {
        match self.shared.pipeline.post(job) {
            Ok(()) => self.window.issue(request),
            Err(job) => {
                self.discard(job);
                let halt = self.owner().halted().unwrap_or(Halt::ShutDown);
                return Err(Failure::halted(halt, FileOperation::Read));
            }
        }
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
    pub(crate) fn next_chunk(&mut self) -> Result<Option<ReadChunk>, Failure> {
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
                    if !refused || !self.file.is_direct() {
                        return Err(Failure::io(FileOperation::Read, error));
                    }
                    self.refusal = Some(error);
                    self.read_again();
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
        Counters::add(&self.shared.counters.restarts);
        self.read_again();
        if !self.window.consumed().is_multiple_of(self.file.alignment().offset) {
            let reason = "the file was changed: its end is not where it was";
            self.refusal = Some(io::Error::other(reason));
        }
    }

    /// Reads the file again from its beginning, into one buffer that is longer than this part of it,
    /// which was not all. A blocking thread fills the buffer, with as many reads as it takes: so the
    /// file holds no memory while it waits for some, and none but the budget's. If direct I/O can't
    /// go on where a read has ended, it is refused, and the file is read through the page cache.
    pub(crate) fn read_all(&mut self, part: usize) {
        /// Files that don't tell their size are mostly small.
        const LEAST: usize = 64 << 10;
        Counters::add(&self.shared.counters.restarts);
        let len = part.saturating_mul(16).max(LEAST).min(self.shared.budget.largest());
        self.reads_all = true;
        let stale = self.window.begin_again();
        self.discard(stale);
        self.window.set_request_len(len);
    }

    fn read_again(&mut self) {
        let stale = self.window.restart();
        self.discard(stale);
    }

    /// Switches direct I/O off, for good.
    fn use_page_cache(&mut self, reason: io::Error) -> Result<(), Failure> {
        let switched = self.file.with_direct(false);
        self.file = switched.map_err(|error| Failure::io(FileOperation::Read, error))?;
        self.fallback = Some(reason);
        Counters::add(&self.shared.counters.fallbacks);
        Ok(())
    }

    /// Wants no more chunks. Reads in flight still come back.
    pub(crate) fn close(&mut self) {
        let stale = self.window.close();
        if !stale.is_empty() {
            self.discard(stale);
        }
    }

    /// The file, and why it was not read with direct I/O if it should have been.
    pub(crate) fn into_file(self) -> (FileHandle, Option<io::Error>) {
        (self.file, self.fallback)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io;
    use std::os::fd::AsFd;
    use std::sync::{Arc, Weak, mpsc};

    use super::{ReadAhead, ReadOwner};
    use crate::file::access::Access;
    use crate::file::filesystem::{Storage, ask_storage};
    use crate::files::budget::{Place, Waiter};
    use crate::files::error::Halt;
    use crate::files::open::{choose_access, open};
    use crate::files::paths::IndexedPath;
    use crate::files::settings::BLOCK;
    use crate::files::window::{Reply, Window};
    use crate::pool::pool_buf::PoolBuf;
    use crate::sys::descriptor::status_flags;
    use crate::{Dispatcher, Files, Policy};

    const LEN: usize = 16 * BLOCK;

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

    #[test]
    fn direct_io_stays_on_while_a_read_may_not_have_entered_the_kernel() {
        // In the crate's directory, as the system's directory for temporary files may have no
        // direct I/O.
        let directory = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let path = directory.path().join("file");
        fs::write(&path, vec![1; 100 * LEN]).unwrap();
        let file = fs::File::open(&path).unwrap();
        if ask_storage(file.as_fd()) == Some(Storage::Memory) {
            let skips = std::env::var_os("REAPOOL_NO_SKIP").is_none();
            assert!(skips, "may not be skipped here: the build is in memory");
            return;
        }
        let dispatcher = Dispatcher::new().unwrap();
        let files = Files::builder(&dispatcher).policy(Policy::Direct).build().unwrap();
        let shared = Arc::clone(&files.shared);
        let opened = choose_access(&shared, open(&shared, IndexedPath { index: 0, path }).unwrap());
        assert_eq!(opened.access(), Access::Direct);
        let window = Window::new(opened.size, LEN, BLOCK, 4 * LEN);
        let (sender, replies) = mpsc::channel();
        let owner: Arc<dyn ReadOwner> = Arc::new(Owner(sender));
        let weak: Weak<dyn ReadOwner> = Arc::downgrade(&owner);
        let mut reads = ReadAhead::new(opened, window, LEN, None, Arc::clone(&shared), weak);
        let is_direct =
            |reads: &ReadAhead| status_flags(reads.file.as_fd()).unwrap() & libc::O_DIRECT != 0;

        // Two reads, of which the second may wait in the backlog when the first is refused.
        let requests = [(); 2].map(|()| {
            let request = reads.window.next().unwrap();
            reads.window.issue(request);
            request
        });
        let refused = Err(io::Error::from_raw_os_error(libc::EINVAL));
        reads.arrived(Reply { request: requests[0], result: refused });
        assert!(reads.next_chunk().unwrap().is_none());
        assert!(is_direct(&reads), "the other would wait for the device in io_submit");
        assert_eq!(reads.window.in_flight(), 1, "nor is anything read meanwhile");

        let buffer = shared.budget.try_lease(LEN).unwrap();
        reads.arrived(Reply { request: requests[1], result: Ok((LEN, buffer)) });
        reads.issue(Place::Back).unwrap();
        assert!(!is_direct(&reads) && reads.fallback.is_some());
        let again = replies.recv().unwrap();
        assert_eq!((again.request.offset, again.result.unwrap().0), (0, LEN));
    }
}
