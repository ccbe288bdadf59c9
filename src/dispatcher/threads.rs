//! Settings of a dispatcher's threads: how many converters, names, stacks, and handlers for their
//! starts and ends.

use std::sync::Arc;

use super::builder::Builder;
use crate::blocking::DispatcherThread;

impl Builder {
    /// The beginning of the names of the threads; `aio` by default. They are called `aio-reaper`,
    /// `aio-worker-0` and so on, and `aio-blocking-0` and so on.
    ///
    /// Tools show the first 15 bytes of a name, so a prefix of at most 3 bytes leaves room for the
    /// rest. A prefix with a zero byte is refused when the dispatcher is built.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::thread;
    /// use reapool::{Dispatcher, Job};
    ///
    /// let dispatcher = Dispatcher::builder().workers(1).thread_name("db").build()?;
    /// let name = dispatcher.run(Job::nop(|| thread::current().name().map(str::to_owned)))?;
    /// assert_eq!(name.as_deref(), Some("db-worker-0"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn thread_name(mut self, prefix: impl Into<String>) -> Self {
        self.threads.prefix = prefix.into();
        self
    }

    /// The most converters, threads that run functions of
    /// [`Files::convert`](crate::Files::convert); by default 16, or as many as there are workers if
    /// that is more.
    ///
    /// These functions wait: for bytes, for the file system that creates and writes their targets,
    /// and for room. So there are more of them at a time than CPUs. They are started when they are
    /// needed, and end when they have had nothing to do for a second.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::Dispatcher;
    ///
    /// let dispatcher = Dispatcher::builder().workers(2).converters(4).build()?;
    /// assert!(Dispatcher::builder().converters(0).build().is_err());
    /// # Ok::<(), reapool::BuildError>(())
    /// ```
    pub fn converters(mut self, threads: usize) -> Self {
        self.threads.converters = Some(threads);
        self
    }

    /// The size of the stacks of workers and blocking threads, in bytes: from 64 KiB to 1 GiB. By
    /// default the standard library chooses it, as a rule 2 MiB.
    ///
    /// It is for callbacks that call deeply. The reaper runs none, so its stack stays as it is.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Job};
    ///
    /// fn sum(list: &[u64]) -> u64 {
    ///     match list {
    ///         [] => 0,
    ///         [first, rest @ ..] => first + sum(rest),
    ///     }
    /// }
    ///
    /// let dispatcher = Dispatcher::builder().workers(2).stack_size(64 << 20).build()?;
    /// let long = vec![1; 100_000];
    /// assert_eq!(dispatcher.run(Job::nop(move || sum(&long)))?, 100_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.threads.stack_size = Some(bytes);
        self
    }

    /// Sets a function that each worker and each blocking thread calls first, before anything of a
    /// job runs on it.
    ///
    /// [`build`](Self::build) returns when it has returned on all workers, so it must not wait for
    /// what comes after that. Blocking threads are started later, when they are needed; the job
    /// that one is started for waits for the handler, and so does a shutdown.
    ///
    /// A panic of the handler goes to the panic hook. Otherwise it is dropped: it is not counted,
    /// and the thread goes on. Waiting for the dispatcher's jobs is refused in a handler, as in a
    /// callback. The reaper calls no handlers, as it runs no code of the program.
    ///
    /// The handlers are dropped when the dispatcher and the threads that have them end, by one of
    /// these threads or by the thread that ends the dispatcher. So they must not hold the
    /// dispatcher itself.
    ///
    /// # Examples
    ///
    /// A CPU for each worker:
    ///
    /// ```
    /// use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
    /// use nix::unistd::Pid;
    /// use reapool::{Dispatcher, DispatcherThread, Job, ThreadKind};
    ///
    /// /// Keeps the calling thread on one of the CPUs that it may run on.
    /// fn pin(number: usize) -> nix::Result<()> {
    ///     let this_thread = Pid::from_raw(0);
    ///     let allowed = sched_getaffinity(this_thread)?;
    ///     let cpus = (0..CpuSet::count()).filter(|&cpu| allowed.is_set(cpu) == Ok(true));
    ///     let cpus: Vec<_> = cpus.collect();
    ///     let mut one = CpuSet::new();
    ///     one.set(cpus[number % cpus.len()])?;
    ///     sched_setaffinity(this_thread, &one)
    /// }
    ///
    /// let pin_workers = |thread: DispatcherThread| {
    ///     if thread.kind == ThreadKind::Worker
    ///         && let Err(error) = pin(thread.number)
    ///     {
    ///         eprintln!("worker {} may run on any CPU: {error}", thread.number);
    ///     }
    /// };
    /// let dispatcher = Dispatcher::builder().workers(2).start_handler(pin_workers).build()?;
    /// assert_eq!(dispatcher.run(Job::nop(std::thread::available_parallelism))??.get(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn start_handler<F>(mut self, handler: F) -> Self
    where
        F: Fn(DispatcherThread) + Send + Sync + 'static,
    {
        self.threads.handlers.start = Some(Arc::new(handler));
        self
    }

    /// Sets a function that each worker and each blocking thread calls last, when nothing of a job
    /// will run on it any more.
    ///
    /// Workers end when the dispatcher does. [`shutdown`](crate::Dispatcher::shutdown), and
    /// dropping the dispatcher outside callbacks, wait for it on all threads. Blocking threads end
    /// when they have had nothing to do for a second.
    ///
    /// What holds of panics and waiting in the [start handler](Self::start_handler) holds here.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    /// use reapool::Dispatcher;
    ///
    /// let ended = Arc::new(AtomicUsize::new(0));
    /// let count = Arc::clone(&ended);
    /// let count = move |_thread| _ = count.fetch_add(1, Ordering::Relaxed);
    /// let dispatcher = Dispatcher::builder().workers(2).exit_handler(count).build()?;
    /// dispatcher.shutdown()?;
    /// assert_eq!(ended.load(Ordering::Relaxed), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn exit_handler<F>(mut self, handler: F) -> Self
    where
        F: Fn(DispatcherThread) + Send + Sync + 'static,
    {
        self.threads.handlers.exit = Some(Arc::new(handler));
        self
    }
}
