//! Jobs without a file: the kernel has no part in them. Their work is the program's own.

use std::any::Any;
use std::mem;
use std::panic::resume_unwind;

use crate::engine::Transfer;
use crate::engine::operation::Operation;
use crate::file::FileHandle;
use crate::job::Job;
use crate::job::progress::JobEnd;
use crate::job::task::{Found, JobHead, Route, Task, UserTask};
use crate::unwind::{Payload, catch};

impl<R: Send + 'static> Job<R> {
    /// Does nothing but run the callback, on a worker: for computations that are to be bounded,
    /// waited for and shared out among the workers like the callbacks of operations.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let sum = dispatcher.spawn(Job::nop(|| (1..=100).sum::<u64>()))?;
    /// assert_eq!(sum.join()?, 5050);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn nop<F>(callback: F) -> Self
    where
        F: FnOnce() -> R + Send + 'static,
    {
        Self::from_task(PureTask::nop(move |()| callback()))
    }

    /// Runs `work` on a blocking thread, and then the callback with its value on a worker: for
    /// system calls that Linux doesn't do asynchronously, such as open(2), stat(2) or readdir(3).
    /// A worker in such a call would keep other callbacks waiting.
    ///
    /// Blocking threads are started when they are needed, at most
    /// [`blocking_threads`](crate::Builder::blocking_threads), and end when they have had nothing
    /// to do for a while. If not even one can be started, `work` runs on the worker.
    ///
    /// The rules for callbacks hold for `work` too: it may submit jobs, which doesn't block there,
    /// and may not wait for the dispatcher's jobs. If it panics, that is reported as the callback's
    /// panic, and the callback doesn't run. If it starts a process, that has
    /// [signals blocked](crate::Builder::workers).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::fs;
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let size = Job::blocking(
    ///     || fs::metadata("Cargo.toml"),
    ///     |metadata| metadata.map(|metadata| metadata.len()),
    /// );
    /// assert!(dispatcher.spawn(size)?.join()?? > 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn blocking<V, W, F>(work: W, callback: F) -> Self
    where
        V: Send + 'static,
        W: FnOnce() -> V + Send + 'static,
        F: FnOnce(V) -> R + Send + 'static,
    {
        Self::from_task(PureTask::blocking(work, callback))
    }
}

/// The task of a blocking job, or of a nop, which is a blocking job whose work is done from the
/// beginning.
pub(crate) struct PureTask<W, V, F> {
    head: JobHead,
    stage: Stage<W, V>,
    callback: F,
}

enum Stage<W, V> {
    Todo(W),
    Done(V),
    Panicked(Payload),
    /// Only while the work runs, and in a child that the work forked.
    Begun,
}

const fn without_file(operation: Operation) -> JobHead {
    JobHead::new(Transfer::new(operation, -1))
}

impl<F> PureTask<fn(), (), F> {
    pub(crate) fn nop(callback: F) -> Box<Self> {
        let head = without_file(Operation::Nop);
        Box::new(Self { head, stage: Stage::Done(()), callback })
    }
}

impl<W, V, F> PureTask<W, V, F> {
    pub(crate) fn blocking(work: W, callback: F) -> Box<Self> {
        let head = without_file(Operation::Blocking);
        Box::new(Self { head, stage: Stage::Todo(work), callback })
    }
}

impl<W, V, F, R> Task<R> for PureTask<W, V, F>
where
    W: FnOnce() -> V + Send,
    V: Send,
    F: FnOnce(V) -> R + Send,
{
    fn head(&self) -> &JobHead {
        &self.head
    }

    fn head_mut(&mut self) -> &mut JobHead {
        &mut self.head
    }

    fn route(&self) -> Route {
        match self.head.operation() {
            Operation::Nop => Route::Worker,
            _ => Route::Blocking,
        }
    }

    fn file(&self) -> Option<&FileHandle> {
        None
    }

    fn advance(&mut self, _done: usize, _begin: usize) {}

    fn choose_way(&mut self, _found: Found) -> bool {
        false
    }

    fn work(&mut self) {
        self.stage = match mem::replace(&mut self.stage, Stage::Begun) {
            Stage::Todo(work) => match catch(work) {
                Ok(value) => Stage::Done(value),
                Err(payload) => Stage::Panicked(payload),
            },
            other => other,
        };
    }

    fn run(self: Box<Self>, _end: JobEnd) -> R {
        let Self { stage, callback, .. } = *self;
        match stage {
            Stage::Done(value) => callback(value),
            // No blocking thread could be started.
            Stage::Todo(work) => callback(work()),
            Stage::Panicked(payload) => {
                // Not while the panic unwinds: its destructor is users' code and may panic too.
                drop(callback);
                resume_unwind(payload)
            }
            Stage::Begun => unreachable!("work ends before its job is sent on"),
        }
    }
}

/// The settings have no effect on these jobs, and they have no buffer.
impl<W, V, F, R> UserTask<R> for PureTask<W, V, F>
where
    W: FnOnce() -> V + Send,
    V: Send,
    F: FnOnce(V) -> R + Send,
{
    fn take_apart(self: Box<Self>, place: &mut dyn Any) -> Result<(), Box<dyn UserTask<R>>>
    where
        Self: 'static,
    {
        let Some(place) = place.downcast_mut::<Option<()>>() else { return Err(self) };
        *place = Some(());
        Ok(())
    }
}
