//! Completion callbacks for Linux native AIO, off the reaping thread.
//!
//! An operation on a file is described as a [`Job`]: what to do, with which file, buffer and offset,
//! and a callback. It is submitted to a [`Dispatcher`]; the kernel performs it; one dedicated
//! **reaper** thread blocks in `io_getevents` and pushes what has completed onto a channel; a pool
//! of **workers** runs the callbacks. Callbacks never run on the reaper, nor on the thread that
//! submitted, and they may compute, block, panic, or submit further jobs.
//!
//! It is made for batch processors, such as checksums, indexing, scanning or conversion, that work
//! through thousands of files or one huge one, and want the device kept busy and every core working
//! on the data, without an async runtime and without unsafe code.
//!
//! # When not to use it
//!
//! - **For files in the page cache alone.** Native AIO is asynchronous with `O_DIRECT` only. Here
//!   workers read what is cached, and threads for what blocks do the rest, so that it stalls neither
//!   caller nor worker; a plain thread pool with `pread` does that as well.
//! - **For a loop of tiny callbacks on one core.** An inline AIO loop has no hand-off to pay for.
//! - **In an async runtime** that is there anyway and whose blocking pool suffices. (Where it doesn't,
//!   the futures here work in any.)
//! - **Where io_uring is allowed and its other operations are wanted** (sockets). Native AIO is what
//!   containers' default profiles allow, and it needs no locked memory.
//! - **Outside Linux.** It doesn't compile there.
//!
//! # Example
//!
//! Four labelled reads, each with its own context, and a wait for all callbacks:
//!
//! ```
//! use std::fs::File;
//! use std::sync::{Arc, mpsc};
//! use reapool::{AlignedBuf, Dispatcher, Job};
//!
//! let dispatcher = Dispatcher::builder().depth(64).workers(2).build()?;
//! // `FileHandle::open_direct` opens with O_DIRECT, where the file system has it.
//! let file = Arc::new(File::open("Cargo.toml")?);
//! let (report, reports) = mpsc::channel();
//!
//! for (label, offset) in [("a", 0), ("b", 512), ("c", 1024), ("d", 1 << 40)] {
//!     let report = report.clone();
//!     dispatcher.submit(Job::read(&file, AlignedBuf::zeroed(512), offset, move |done| {
//!         // On a worker: the label was captured, buffer and file have come back.
//!         let line = match &done.result {
//!             Ok(count) => format!("{label}: {count} bytes, {:?}...", done.data().first()),
//!             Err(error) => format!("{label}: {error}"),
//!         };
//!         let _ = report.send(line);
//!     }))?;
//! }
//!
//! dispatcher.drain()?; // every callback has run, not merely every read
//! assert_eq!(reports.try_iter().count(), 4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`spawn`](Submitter::spawn) returns a handle with the callback's value instead, and a
//! [`Submitter`] in a callback carries on where the last job ended.
//!
//! # Which way to wait
//!
//! The jobs are the same; what differs is where callbacks run, and how the rest of the program hears
//! of them.
//!
//! | you have | take | who runs callbacks | it blocks |
//! |---|---|---|---|
//! | a batch, and nothing else to do meanwhile | callbacks, then [`drain`](Dispatcher::drain) | a worker | who drains |
//! | a result that the next line needs | [`spawn`](Submitter::spawn), [`join`](JobHandle::join) | a worker | who joins |
//! | buffers, files or results on your stack | [`scope`](Submitter::scope) | a worker | the scope's caller |
//! | an async runtime | [`spawn_async`](Submitter::spawn_async) and `.await`; [`read`](Submitter::read), [`write`](Submitter::write) without a callback | a worker | nobody |
//! | an event loop, and work that other cores can do | [`CompletionQueue`] | a worker | nobody |
//! | an event loop, and little to do in callbacks | [`LoopDispatcher`] | the loop's thread | the loop, for as long as callbacks take |
//! | pipes, sockets, timers next to files | [`Job::poll`], in any of these | as above | nobody; it holds a slot |
//! | paths, and no wish for any of this | [`Files`] | a worker | who takes results |
//!
//! - **Callbacks and `drain`** cost least: no value is handed over, and no thread woken but workers.
//! - **A [`scope`](Submitter::scope)** is for a function that begins and ends its work: its jobs borrow
//!   a `&mut [u8]` of the caller's, a `&File`, whatever callbacks refer to, and it returns when all of
//!   them are over, also when one panics. A [`ScopedJob`] costs one allocation more.
//! - **Futures** belong to no runtime. A [`JobHandle`] is one, of the callback's value. Without room a
//!   task waits in a line, and no thread does. Heavy computations belong into a callback, on a worker,
//!   rather than behind the await. A future that is dropped doesn't stop its job.
//! - **A [`CompletionQueue`]** has values, and a descriptor that is readable when there are some, with
//!   one system call for many. Keep a [place](QueueSender::try_reserve) before submitting, and no
//!   callback ever waits for the loop.
//! - **A [`LoopDispatcher`]** has no threads: it is a descriptor for epoll(7), poll(2) or select(2), and
//!   when that is readable, [`run`](LoopDispatcher::run) runs callbacks on the calling thread. There is
//!   no hand-off, and each microsecond in a callback is one in which the loop answers nobody.
//! - **Jobs that wait** can be [withdrawn](JobHandle::cancel) and have [deadlines](Job::deadline): the
//!   callback then runs with `ECANCELED` or `ETIMEDOUT`, and gets its buffer back.
//!
//! # Buffers
//!
//! A job owns its buffer, and the callback gets it back: use it for the next job. [`AlignedBuf`] is
//! aligned as direct I/O asks for. A [`BufferPool`] has such buffers in a few sizes, in huge pages
//! where the system grants them, and bounds the memory in all of them: who acquires one waits while
//! too many are under way, and a [`PoolBuf`] goes home when it is dropped, say at the end of a
//! callback. What is neither implements [`IoBuf`] and [`IoBufMut`].
//!
//! # Many files
//!
//! A batch processor begins with paths. [`Files`] goes from an iterator of them to an iterator of
//! results, on a dispatcher's workers and in bounded memory: it opens what is cold on the blocking
//! threads, reads ahead, with `O_DIRECT` or through the page cache, hands whole files or ordered
//! chunks to your functions, and tells for each file what came of it.
//!
//! ```
//! use reapool::{Dispatcher, Files};
//!
//! let dispatcher = Dispatcher::new()?;
//! let paths = std::fs::read_dir("src")?.filter_map(|entry| Some(entry.ok()?.path()));
//! let run = Files::new(&dispatcher)?.read(paths, |file| file.contents().len());
//! let sizes = run.filter_map(|result| Some(result.ok()?.value));
//! assert!(sizes.sum::<usize>() > 100_000);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The life of a job
//!
//! ```text
//! submit --> slot --> iocb --> kernel --> event --> job --> channel --> worker --> callback --> slot free
//!        \-> backlog, when no slot is free <-- emptied by workers, in the io_submit that ends a run of callbacks
//! caller's thread              reaper thread                 worker thread
//! ```
//!
//! 1. `submit` takes a slot, moves the job into it, and calls `io_submit`, once for a whole batch.
//!    Without a free slot the job waits in the backlog; with as many jobs outstanding as depth and
//!    backlog together, the caller waits.
//! 2. The kernel works. The slot keeps the job, its buffer and its file; handles that the user has
//!    own nothing of it.
//! 3. The reaper gets events in bulk, looks each up by its token (slot and generation; a number from
//!    the kernel is never dereferenced), and sends the jobs to the workers.
//! 4. A worker runs the callback with the [`Completion`]: result, buffer, file, offset, what was
//!    asked, and whatever the closure captured. (An [exact](Job::exact) job of which something is
//!    missing goes back to 1. instead, in the slot that it has.)
//! 5. When the callback has returned, the slot is free. At the end of its run of callbacks the
//!    worker fills free slots, in one `io_submit`, from what callbacks submitted and from the
//!    backlog, in the order of their submission.
//!
//! # Guarantees
//!
//! Each is shown by the tests named after it, in `tests/` and in `src/scripted/`, where an engine
//! plays the kernel and gives every answer that a kernel can give.
//!
//! 1. **Every accepted job ends exactly once**: its callback runs once, on a worker. Nothing is lost
//!    to a short `io_submit`, `EAGAIN`, `EINTR`, a bad neighbour in the batch, a panic, a shutdown
//!    or a slow callback. What is withdrawn or late ends like this, too, with that as its result. (Of
//!    a [`LoopDispatcher`] the thread that runs it is the worker.) (`exactly_once`, `many_files`,
//!    `batch`, `signals`, `withdraw`, `deadlines`, `futures`, `event_loop`, `scripted`)
//! 2. **A job that is refused comes back** with its buffer; everything that the *kernel* says of a
//!    job, at submission or at completion, reaches its callback. (`refusal`, `batch`)
//! 3. **Safe code cannot make the kernel write freed memory**, by dropping, forgetting, panicking or
//!    leaking anything, borrowed or not. (`ownership`, `scope`, `scope_ending`, what must not compile in
//!    `src/scope/rejected.rs`, and all of them under memcheck)
//! 4. **A callback may submit**, which neither blocks nor deadlocks; beyond the depth its jobs wait in
//!    order. Outside callbacks `submit` waits for room, `try_submit` does not, and `submit_async` waits
//!    without a thread. (`callbacks`, `futures_room`)
//! 5. **`drain`, `shutdown` and dropping return when every callback has run**, those of jobs that
//!    callbacks submitted included. Dropping the dispatcher inside a callback neither deadlocks nor
//!    joins itself. In a callback of the same dispatcher, waiting is refused. (`ending`,
//!    `waiting_in_callbacks`, `last_owner`, `fork`)
//! 6. **A panicking callback costs nobody else anything**: caught, counted, reported to the panic
//!    handler, the slot freed, the worker lives; who joins a handle gets the payload, and an awaiter or
//!    a scope goes on panicking. (`panics`, `futures`, `scope_ending`; with
//!    `panic = "abort"` the process aborts, as it does for every panic)
//! 7. **A slow callback delays no other job while a worker is idle**, also not jobs of the same
//!    harvest, nor jobs that it submitted itself. Among quick callbacks, which are not worth waking
//!    a worker for each, it takes some hundred microseconds until a slow one is noticed. (`fairness`,
//!    `scripted`)
//! 8. **Short transfers are data, not errors**, and show no byte that was not read; unless the user asked
//!    for [all of it](Job::exact): then the rest is submitted by workers until all is done or there is a
//!    reason why not, and the ends of files, full devices and unaligned counts of direct files are told
//!    apart. Of a [range](Job::read_range) exactly these bytes are shown, whatever alignment makes
//!    necessary. (`short`; `exact`, `ranges`, `scripted`)
//! 9. **Buffered files stall neither the submitter nor a worker**: what is in the page cache is read
//!    by workers, without waiting; what isn't, and all that is written, is left to threads for what
//!    blocks, as is the work of [`Job::blocking`]. (`buffered`, `blocking`, `blocking_threads`;
//!    `streams` for pipes and the like)
//! 10. **Limits explain themselves**: `io_setup` failing names `fs.aio-max-nr`, its use, and what was
//!     asked. (`limits`)
//!
//! 11. **Results reach an event loop once each**, by a descriptor that is readable while there are some:
//!     level- or edge-triggered, with spurious wake-ups, and however few are taken at a time.
//!     (`event_loop`, `event_loop_races`, `completion_queue`)
//!
//! Who waits for what, and who wakes whom, is also tried in every schedule by models of the state
//! machines: `model_slots`, `model_sleepers`, `model_pipeline`, `model_handle`, `model_room`,
//! `model_queue`, `model_scope`. Random programs of jobs are held against a plain model: `scripted`,
//! `oracle_disk`, `oracle_files`, `oracle_pool`.
//!
//! Claim by claim, each with its tests: [`guarantees`]. What happens when something fails, a row for each
//! fault: [`failures`].
//!
//! # Speed
//!
//! What costs time between the kernel and a callback is waking threads. So
//!
//! - as long as callbacks are quick, one worker is kept busy rather than several woken, and the
//!   reaper watches that none of them turns out to be slow;
//! - completions are reaped several at a time: one may wait for others, up to
//!   [`coalesce`](Builder::coalesce), while many are in flight;
//! - what callbacks submit goes to the kernel at the end of a worker's run of callbacks, together.
//!
//! What you can do: keep enough in flight (a depth of 64 to 128 serves most devices); submit from
//! callbacks, or in batches; use buffers again; have large ones from a [`BufferPool`]. A job costs one
//! heap allocation, and [`Stats`] counts system calls and wake-ups. (`counts`)
//!
//! # Limits, and why
//!
//! - **Reads, writes and syncs that have entered the kernel can't be cancelled.** io_cancel(2) needs a
//!   function that cancels the request, which no file system or block device sets, and answers
//!   `EINVAL`. What waits for a slot, and polls, can be [withdrawn](JobHandle::cancel).
//! - **A scope has no time limit**, and a forked child can't leave one whose jobs are outstanding: it
//!   aborts.
//! - **A stuck device blocks `shutdown`**, as the buffers are still the kernel's;
//!   [`shutdown_timeout`](Dispatcher::shutdown_timeout) gives up waiting and leaves them be.
//! - **A submission can block** in the kernel: writes that allocate or extend a file, metadata that
//!   must be read first, a full device queue. It is then the caller that waits while slots are free,
//!   else a worker. On FUSE so do writes that extend a file, or come to one that is just being synced,
//!   and direct reads where it does without asynchronous direct I/O. (`faulty_hung`) For pipes, sockets
//!   and terminals, which could wait for ever, the kernel is asked not to: such jobs end with `EAGAIN`, or
//!   `EOPNOTSUPP` where it can't tell (terminals, pipes with a name: open these with `O_NONBLOCK`), and
//!   [`Job::poll`] waits. Other character devices are asked as they are. (`real_kinds`)
//! - **A file system that hangs keeps the threads for what blocks** that wait for it: a file read through
//!   the page cache takes as many as it is read ahead. With `O_DIRECT` a read takes none. What is not to be
//!   trusted should have a dispatcher of its own. (`faulty_files`)
//! - **A full disk may be told at the sync**: the page cache takes what a device then refuses, and the error
//!   comes to one sync for each time that the file was opened. A direct write that doesn't fit counts as
//!   not written, on most file systems. (`real_full_disks`)
//! - **Without memory**, buffers of a pool, files and depths that can't be had are errors; other allocations
//!   abort, as everywhere in Rust. (`real_resources`)
//! - **Waiting across two dispatchers** can deadlock, when callbacks of each wait for jobs or for room
//!   of the other. Within one dispatcher it is refused.
//! - **A forked child can't use its parent's dispatcher**: the context is not inherited, nor are
//!   threads. Submitting fails with an error that says so, and dropping doesn't hang. And open(2)
//!   (notes) warns of forking at all while direct I/O into private memory is in flight.
//! - **Workers have all signals blocked** but the fatal ones, and what callbacks start inherits that:
//!   unblock them in a child process that is to be ended by one. A direct write beyond `RLIMIT_FSIZE`
//!   raises `SIGXFSZ` where it is submitted, in the caller too: programs that expect it ignore the
//!   signal. (`real_file_size`)
//! - **Some systems have no native AIO or forbid it** (gVisor, some containers' policies): building
//!   fails and says so, or, with [`Backend::Automatic`], threads perform the operations, as many at a
//!   time as there are [`blocking_threads`](Builder::blocking_threads). (`backend`; the tests of the
//!   guarantees are run with threads, too)
//! - **Native AIO requests are a system-wide resource**, `fs.aio-max-nr`; each dispatcher takes its
//!   depth plus one. Making a dispatcher for each file is slow, as the kernel takes tens of milliseconds
//!   to end a context: dropping a dispatcher leaves that to its reaper,
//!   [`shutdown`](Dispatcher::shutdown) waits for it.
//!
//! # Features
//!
//! None. The dependencies are crossbeam-channel, libc and num_cpus.

#[cfg(not(target_os = "linux"))]
compile_error!("reapool is built on Linux native AIO and runs on Linux only");

mod admission;
mod blocking;
mod buffer;
mod dispatcher;
mod engine;
mod event_loop;
mod file;
mod files;
mod job;
mod pipeline;
mod pool;
mod queue;
mod scope;
mod submit;
mod sync;
mod sys;
mod unwind;
mod wait;

pub use admission::refusal::SubmitErrorKind;
pub use buffer::aligned::AlignedBuf;
pub use buffer::{IoBuf, IoBufMut};
pub use dispatcher::builder::Builder;
pub use dispatcher::error::{BuildError, BuildErrorKind, DrainError, ShutdownError};
pub use dispatcher::{Dispatcher, ShutdownReport};
pub use engine::backend::Backend;
pub use engine::operation::Operation;
pub use event_loop::LoopDispatcher;
pub use file::FileHandle;
pub use file::alignment::Alignment;
pub use file::borrowed::BorrowedFile;
pub use file::metadata::{FileKind, Metadata};
pub use files::Files;
pub use files::builder::FilesBuilder;
pub use files::chunk::Chunk;
pub use files::error::{FileError, FileErrorKind, FileOperation, FilesError};
pub use files::fold::IntoFlow;
pub use files::info::FileInfo;
pub use files::policy::{Access, Order, Policy};
pub use files::progress::{FilesProgress, FilesProgressSnapshot};
pub use files::run::{FilesRun, FilesStopper, Processed};
pub use files::stats::FilesStats;
pub use files::whole::WholeFile;
pub use job::Job;
pub use job::completion::{Completion, OperationError};
pub use job::poll_events::PollEvents;
pub use job::ranged::Ranged;
pub use job::stopped::Cancel;
pub use pipeline::panics::CallbackPanic;
pub use pool::BufferPool;
pub use pool::builder::{HugePages, PoolBuilder};
pub use pool::error::{AcquireError, PoolBuildError};
pub use pool::pool_buf::PoolBuf;
pub use pool::stats::PoolStats;
pub use queue::CompletionQueue;
pub use queue::drain::QueueDrain;
pub use queue::sender::{QueuePlace, QueueSender};
pub use scope::Scope;
pub use scope::error::{Refused, ScopeError};
pub use scope::job::ScopedJob;
pub use submit::Submitter;
pub use submit::error::{BatchError, SubmitError};
pub use submit::handle::JobHandle;
pub use submit::io_future::IoFuture;
pub use submit::join_error::{JoinError, WaitError};
pub use submit::stats::Stats;
pub use submit::submit_future::{SpawnFuture, SubmitFuture};

/// What is promised, claim by claim, and the tests that show it.
pub mod guarantees {
    #![doc = include_str!("GUARANTEES.md")]
}

/// What happens when something fails.
pub mod failures {
    #![doc = include_str!("FAILURES.md")]
}
