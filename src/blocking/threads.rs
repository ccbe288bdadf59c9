//! How the threads that run the user's code are started: their names, their stacks, and the user's
//! handlers for their starts and ends.

use std::fmt;
use std::sync::Arc;

use crate::unwind::ignore_panic;

/// A thread of a dispatcher, as the handlers of its [start](crate::Builder::start_handler) and its
/// [end](crate::Builder::exit_handler) get it. They run on that thread.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
/// use reapool::{Dispatcher, DispatcherThread, ThreadKind};
///
/// let (tell, told) = mpsc::channel();
/// let tell = move |thread: DispatcherThread| _ = tell.send((thread.kind, thread.number));
/// let dispatcher = Dispatcher::builder().workers(1).start_handler(tell).build()?;
/// assert_eq!(told.try_recv()?, (ThreadKind::Worker, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct DispatcherThread {
    /// The work of the thread.
    pub kind: ThreadKind,
    /// Its number among the threads of its kind, from 0, as in its name. No two have the same at a
    /// time. Blocking threads come and go, and one that is started gets the number of one that has
    /// ended. While exit handlers run, there may be as many numbers more as there are such threads.
    pub number: usize,
}

/// The work of a dispatcher's [thread](DispatcherThread).
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
/// use reapool::{Dispatcher, DispatcherThread, Job, ThreadKind};
///
/// let (tell, told) = mpsc::channel();
/// let tell = move |thread: DispatcherThread| _ = tell.send(thread.kind);
/// let dispatcher = Dispatcher::builder().workers(1).start_handler(tell).build()?;
/// dispatcher.run(Job::blocking(|| (), |()| ()))?;
/// let kinds: Vec<_> = told.try_iter().collect();
/// assert_eq!(kinds, [ThreadKind::Worker, ThreadKind::Blocking]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ThreadKind {
    /// It runs callbacks, from the dispatcher's start to its end.
    Worker,
    /// It makes system calls that block, and does the work of
    /// [`Job::blocking`](crate::Job::blocking). It is started when it is needed, and ends when it
    /// has had nothing to do for a second.
    Blocking,
    /// It runs the functions of [`Files::convert`](crate::Files::convert), which may wait for
    /// files. They start and end as blocking threads do.
    Converter,
}

pub(crate) type ThreadHandler = Arc<dyn Fn(DispatcherThread) + Send + Sync>;

/// The user's handlers. Each thread has a share of them, and drops it when it ends.
#[derive(Clone, Default)]
pub(crate) struct ThreadHandlers {
    pub(crate) start: Option<ThreadHandler>,
    pub(crate) exit: Option<ThreadHandler>,
}

impl ThreadHandlers {
    /// Runs the handler for the start of the calling thread.
    pub(crate) fn started(&self, thread: DispatcherThread) {
        run(self.start.as_ref(), thread);
    }

    /// Runs the handler for the end of the calling thread.
    pub(crate) fn ends(&self, thread: DispatcherThread) {
        run(self.exit.as_ref(), thread);
    }

    /// Drops this share. It may be the last, and then destructors of the user's run.
    pub(crate) fn give_up(self) {
        ignore_panic(|| drop(self));
    }
}

fn run(handler: Option<&ThreadHandler>, thread: DispatcherThread) {
    if let Some(handler) = handler {
        ignore_panic(|| handler(thread));
    }
}

/// Settings of the threads.
#[derive(Clone)]
pub(crate) struct ThreadSettings {
    /// What their names begin with.
    pub(crate) prefix: String,
    /// In bytes; `None` for the standard library's.
    pub(crate) stack_size: Option<usize>,
    /// The most converters; `None` for as many as is sensible beside the workers.
    pub(crate) converters: Option<usize>,
    pub(crate) handlers: ThreadHandlers,
}

/// So many functions that make files wait for the file system at a time without one for each CPU.
const CONVERTERS_DEFAULT: usize = 16;

impl ThreadSettings {
    /// The most converters, beside so many workers.
    pub(crate) fn converters(&self, workers: usize) -> usize {
        self.converters.unwrap_or(workers.max(CONVERTERS_DEFAULT))
    }

    pub(crate) fn name(&self, thread: DispatcherThread) -> String {
        let DispatcherThread { kind, number } = thread;
        let prefix = &self.prefix;
        match kind {
            ThreadKind::Worker => format!("{prefix}-worker-{number}"),
            ThreadKind::Blocking => format!("{prefix}-blocking-{number}"),
            ThreadKind::Converter => format!("{prefix}-convert-{number}"),
        }
    }
}

impl Default for ThreadSettings {
    fn default() -> Self {
        Self {
            prefix: "aio".into(),
            stack_size: None,
            converters: None,
            handlers: ThreadHandlers::default(),
        }
    }
}

impl fmt::Debug for ThreadSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |handler: &Option<ThreadHandler>| handler.as_ref().map(|_| "Fn(..)");
        f.debug_struct("ThreadSettings")
            .field("prefix", &self.prefix)
            .field("stack_size", &self.stack_size)
            .field("converters", &self.converters)
            .field("start_handler", &shown(&self.handlers.start))
            .field("exit_handler", &shown(&self.handlers.exit))
            .finish()
    }
}
