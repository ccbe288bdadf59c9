//! The writes of one file, behind whoever produces its bytes.
//!
//! They need no order, as each has its place. What counts is how many are under way, and the first
//! error.

use std::fs::File;
use std::io;
use std::mem;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{OnceLock, Weak};
use std::task::{Poll, ready};

use crate::file::FileHandle;
use crate::job::Job;
use crate::job::completion::Completion;
use crate::pipeline::Pipeline;
use crate::pool::pool_buf::PoolBuf;
use crate::streams::user::{Awaited, User, check_fork, is_shut_down, shut_down};
use crate::sync::{Arc, Condvar, Mutex, lock};
use crate::sys::descriptor::{open_again, set_len, write_all_at};
use crate::wait::{TaskWaker, wake};

pub(crate) struct WriteBehind {
    pipeline: Arc<Pipeline>,
    file: FileHandle,
    /// The same open file, if direct I/O on it was switched off.
    switched: OnceLock<FileHandle>,
    /// The file, opened once more without direct I/O, if it has refused a direct write.
    buffered: OnceLock<OwnedFd>,
    state: Mutex<State>,
    /// The user's thread waits here for a write to end.
    ended: Condvar,
    own: Weak<Self>,
}

#[derive(Default)]
struct State {
    under_way: usize,
    failure: Failure,
    /// Of the task that waits for a write to end.
    waker: Option<TaskWaker>,
    /// See [`WriteBehind::cut_when_over`].
    cut_to: Option<u64>,
}

/// Whether a write has failed, for good.
#[derive(Default)]
enum Failure {
    #[default]
    None,
    /// The user has not been told.
    New(io::Error),
    Told(io::ErrorKind),
    /// The dispatcher takes no more jobs.
    ShutDown,
}

impl WriteBehind {
    pub(crate) fn new(pipeline: &Arc<Pipeline>, file: FileHandle) -> Arc<Self> {
        Arc::new_cyclic(|own| Self {
            pipeline: Arc::clone(pipeline),
            file,
            switched: OnceLock::new(),
            buffered: OnceLock::new(),
            state: Mutex::default(),
            ended: Condvar::new(),
            own: own.clone(),
        })
    }

    pub(crate) fn file(&self) -> &FileHandle {
        self.switched.get().unwrap_or(&self.file)
    }

    /// Has all writes go through the page cache. None is under way.
    pub(crate) fn use_page_cache(&self) -> io::Result<()> {
        let file = self.file.with_direct(false)?;
        self.switched.get_or_init(|| file);
        Ok(())
    }

    /// Begins to write a buffer. If it can't, the next wait tells.
    pub(crate) fn begin(&self, buffer: PoolBuf, offset: u64) {
        let own = self.own();
        let job = Job::write(self.file(), buffer, offset, move |done| {
            let Completion { result, buffer, file, .. } = done;
            match result {
                Err(error) if error.raw_os_error() == Some(libc::EINVAL) && file.is_direct() => {
                    // Some file systems open files with O_DIRECT and then refuse to write them.
                    own.begin_buffered(buffer, offset);
                    own.end(None);
                }
                result => {
                    // Who waits for this finds the buffer in its pool.
                    drop((buffer, file));
                    own.end(result.err());
                }
            }
        });
        self.post(job.exact());
    }

    /// Begins to write a buffer through the page cache, though the file is direct.
    fn begin_buffered(&self, buffer: PoolBuf, offset: u64) {
        let own = self.own();
        self.begin_work(move |_| write_all_at(own.buffered()?, &buffer, offset));
    }

    fn buffered(&self) -> io::Result<BorrowedFd<'_>> {
        if self.buffered.get().is_none() {
            let file = open_again(self.file.as_fd(), File::options().write(true))?;
            self.buffered.get_or_init(|| file);
        }
        Ok(self.buffered.get().expect("it was just set").as_fd())
    }

    /// Begins work on the file that may block: a blocking thread does it. If it can't, the next
    /// wait tells.
    pub(crate) fn begin_work(
        &self,
        work: impl FnOnce(&FileHandle) -> io::Result<()> + Send + 'static,
    ) {
        let (own, file) = (self.own(), self.file.clone());
        self.post(Job::blocking(move || work(&file), move |done| own.end(done.err())));
    }

    /// Whether the user's thread does itself what it would only wait for: it may block, and no
    /// write is under way that it would have to wait for first.
    pub(crate) fn is_best_done_by(&self, user: User<'_>) -> bool {
        user.may_block(&self.pipeline)
            && !is_shut_down(&self.pipeline)
            && lock(&self.state).under_way == 0
    }

    /// Writes a buffer on the calling thread.
    pub(crate) fn write_here(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.note(write_all_at(self.file.as_fd(), bytes, offset))
    }

    /// Does work on the file on the calling thread, which may block.
    pub(crate) fn work_here(
        &self,
        work: impl FnOnce(&FileHandle) -> io::Result<()>,
    ) -> io::Result<()> {
        self.note(work(&self.file))
    }

    /// The outcome of something that was done on the user's thread. If that has failed, the file is
    /// lost.
    fn note(&self, outcome: io::Result<()>) -> io::Result<()> {
        if let Err(error) = outcome {
            self.fail(error);
        }
        self.check()
    }

    fn post(&self, job: Job) {
        lock(&self.state).under_way += 1;
        let is_shut_down = is_shut_down(&self.pipeline);
        let refused = if is_shut_down { Some(job) } else { self.pipeline.post(job).err() };
        if refused.is_some() {
            let mut state = lock(&self.state);
            state.under_way -= 1;
            state.failure = Failure::ShutDown;
        }
        drop(refused);
    }

    /// An error if this is a forked child, or a write has failed.
    pub(crate) fn check(&self) -> io::Result<()> {
        check_fork(&self.pipeline)?;
        lock(&self.state).outcome(usize::MAX).unwrap_or(Ok(()))
    }

    /// The file is lost: the next wait tells why. The first reason stays.
    pub(crate) fn fail(&self, error: io::Error) {
        lock(&self.state).fail(error);
    }

    /// The file is not finished. It is cut to this length when no write is under way, and nobody
    /// has this.
    pub(crate) fn cut_when_over(&self, len: u64) {
        if !self.pipeline.is_forked() {
            lock(&self.state).cut_to = Some(len);
        }
    }

    fn own(&self) -> Arc<Self> {
        self.own.upgrade().expect("the caller has one")
    }

    fn end(&self, error: Option<io::Error>) {
        let mut state = lock(&self.state);
        state.under_way -= 1;
        if let Some(error) = error {
            state.fail(error);
        }
        let waker = state.waker.take();
        drop(state);
        self.ended.notify_all();
        wake(waker);
    }

    /// Waits until no more than `most` writes are under way. An error if one has failed.
    pub(crate) fn poll_under_way(&self, most: usize, user: User<'_>) -> Poll<io::Result<()>> {
        check_fork(&self.pipeline)?;
        loop {
            if let Some(outcome) = lock(&self.state).outcome(most) {
                return Poll::Ready(outcome);
            }
            let has_news = |state: &State| state.is_over(most);
            ready!(user.poll_news(&self.pipeline, &self.state, &self.ended, has_news))?;
        }
    }
}

impl Awaited for State {
    fn waker(&mut self) -> &mut Option<TaskWaker> {
        &mut self.waker
    }
}

impl Drop for WriteBehind {
    fn drop(&mut self) {
        let cut_to = lock(&self.state).cut_to;
        if let (Some(len), false) = (cut_to, self.pipeline.is_forked()) {
            let file = self.file.clone();
            // Nobody is left who could be told of an error, nor if the dispatcher has ended.
            let cut = Job::blocking(move || drop(set_len(file.as_fd(), len)), drop);
            let _ = self.pipeline.post(cut);
        }
    }
}

impl State {
    fn fail(&mut self, error: io::Error) {
        if let Failure::None = self.failure {
            // Who is told that a write was interrupted would try again, for ever.
            let is_interrupted = error.kind() == io::ErrorKind::Interrupted;
            let error = if is_interrupted { io::Error::other(error) } else { error };
            self.failure = Failure::New(error);
        }
    }

    /// Whether the wait until no more than `most` writes are under way is over.
    fn is_over(&self, most: usize) -> bool {
        self.under_way <= most || !matches!(self.failure, Failure::None)
    }

    /// How the wait until no more than `most` writes are under way is over, if it is.
    fn outcome(&mut self, most: usize) -> Option<io::Result<()>> {
        match mem::replace(&mut self.failure, Failure::None) {
            Failure::None => (self.under_way <= most).then_some(Ok(())),
            Failure::New(error) => {
                self.failure = Failure::Told(error.kind());
                Some(Err(error))
            }
            Failure::ShutDown => {
                self.failure = Failure::ShutDown;
                Some(Err(shut_down()))
            }
            Failure::Told(kind) => {
                self.failure = Failure::Told(kind);
                Some(Err(io::Error::new(kind, "an earlier step of writing this file has failed")))
            }
        }
    }
}
