//! The writes of one file, behind whoever produces its bytes.
//!
//! They need no order, as each has its place. What counts is how many are under way, and the first
//! error.

use std::io;
use std::mem;
use std::sync::Weak;
use std::task::Poll;

use crate::file::FileHandle;
use crate::job::Job;
use crate::job::completion::Completion;
use crate::pipeline::Pipeline;
use crate::pool::pool_buf::PoolBuf;
use crate::streams::user::{User, check_fork, is_shut_down, may_wait, shut_down};
use crate::sync::{Arc, Condvar, Mutex, lock};
use crate::wait::{TaskWaker, wake};

pub(crate) struct WriteBehind {
    pipeline: Arc<Pipeline>,
    file: FileHandle,
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
            state: Mutex::default(),
            ended: Condvar::new(),
            own: own.clone(),
        })
    }

    pub(crate) fn file(&self) -> &FileHandle {
        &self.file
    }

    /// Begins to write a buffer.
    pub(crate) fn begin(&self, buffer: PoolBuf, offset: u64) -> io::Result<()> {
        let own = self.own();
        let job = Job::write(&self.file, buffer, offset, move |done| {
            let Completion { result, buffer, file, .. } = done;
            // Who waits for this finds the buffer in its pool.
            drop((buffer, file));
            own.end(result.err());
        });
        self.post(job.exact())
    }

    /// Begins work on the file that may block: a blocking thread does it.
    pub(crate) fn begin_work(
        &self,
        work: impl FnOnce(&FileHandle) -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        let (own, file) = (self.own(), self.file.clone());
        self.post(Job::blocking(move || work(&file), move |done| own.end(done.err())))
    }

    fn post(&self, job: Job) -> io::Result<()> {
        check_fork(&self.pipeline)?;
        lock(&self.state).under_way += 1;
        let is_shut_down = is_shut_down(&self.pipeline);
        let refused = if is_shut_down { Some(job) } else { self.pipeline.post(job).err() };
        if refused.is_none() {
            return Ok(());
        }
        let mut state = lock(&self.state);
        state.under_way -= 1;
        state.failure = Failure::ShutDown;
        drop(state);
        drop(refused);
        Err(shut_down())
    }

    fn own(&self) -> Arc<Self> {
        self.own.upgrade().expect("the caller has one")
    }

    fn end(&self, error: Option<io::Error>) {
        let mut state = lock(&self.state);
        state.under_way -= 1;
        if let (Some(error), Failure::None) = (error, &state.failure) {
            state.failure = Failure::New(error);
        }
        let waker = state.waker.take();
        drop(state);
        self.ended.notify_all();
        wake(waker);
    }

    /// Waits until no more than `most` writes are under way. An error if one has failed.
    pub(crate) fn poll_under_way(&self, most: usize, user: User<'_>) -> Poll<io::Result<()>> {
        check_fork(&self.pipeline)?;
        if let Some(outcome) = lock(&self.state).outcome(most) {
            return Poll::Ready(outcome);
        }
        match user {
            User::Thread => {
                let _waiting = may_wait(&self.pipeline)?;
                let mut state = lock(&self.state);
                loop {
                    if let Some(outcome) = state.outcome(most) {
                        return Poll::Ready(outcome);
                    }
                    state = self.ended.wait(state).unwrap_or_else(|poison| poison.into_inner());
                }
            }
            User::Task(waker) => {
                // Cloning runs the executor's code, so not under the lock.
                let fresh = TaskWaker::of(waker);
                let mut state = lock(&self.state);
                let stale = state.waker.replace(fresh);
                let outcome = state.outcome(most);
                drop(state);
                drop(stale);
                outcome.map_or(Poll::Pending, Poll::Ready)
            }
        }
    }
}

impl State {
    /// Whether the wait until no more than `most` writes are under way is over, and how.
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
                Some(Err(io::Error::new(kind, "an earlier write of this file has failed")))
            }
        }
    }
}
