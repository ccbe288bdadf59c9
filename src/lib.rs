//! Reads and writes files through Linux native AIO, and runs a callback for each operation on a
//! pool of worker threads.
//!
//! It is made for batch processors that work through thousands of files, or one huge one. It keeps
//! the device and every core busy, in bounded memory. Paths go in, results come out:
//!
//! ```
//! use reapool::{Dispatcher, Files};
//!
//! let dispatcher = Dispatcher::new()?;
//! let files = Files::new(&dispatcher)?;
//! let paths = std::fs::read_dir("src")?
//!     .filter_map(|entry| Some(entry.ok()?.path()));
//! for result in files.read(paths, |file| blake3::hash(file.contents())) {
//!     match result {
//!         Ok(done) => println!("{}  {}", done.value, done.path.display()),
//!         Err(error) => eprintln!("{error}"), // which file, at what, why
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! One operation is a [`Job`]: what to do, with which file, buffer and offset, and a callback. Here
//! are four reads with a label each, and a wait for all callbacks:
//!
//! ```
//! use std::sync::mpsc;
//! use reapool::{AlignedBuf, Dispatcher, FileHandle, Job};
//!
//! let dispatcher = Dispatcher::new()?;
//! let file = FileHandle::open_direct_or_buffered("Cargo.toml")?;
//! let (report, reports) = mpsc::channel();
//!
//! for (label, offset) in [("a", 0), ("b", 4096), ("c", 8192), ("d", 1 << 40)] {
//!     let report = report.clone();
//!     let buffer = AlignedBuf::zeroed(4096);
//!     dispatcher.submit(Job::read(&file, buffer, offset, move |done| {
//!         // On a worker. The closure captured the label,
//!         // and `done` has the result and the buffer.
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
//! Each operation is also a future, for any runtime:
//!
//! ```
//! # futures::executor::block_on(async {
//! use reapool::{AlignedBuf, Dispatcher, FileHandle};
//!
//! let dispatcher = Dispatcher::new()?;
//! let file = FileHandle::open_direct_or_buffered("Cargo.toml")?;
//! let read = dispatcher.submitter().read(&file, AlignedBuf::zeroed(4096), 0);
//! let (result, buffer) = read.await;
//! assert!(buffer[..result?].starts_with(b"[package]"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! The kernel performs a job. One dedicated **reaper** thread blocks in io_getevents(2) and sends
//! completed jobs over a channel to a pool of **workers**, which run the callbacks. Callbacks may
//! compute, block, panic, or submit further jobs: no callback ever runs on the reaper.
//!
//! # Which way to take
//!
//! | you have | take | callbacks run on | who waits |
//! |---|---|---|---|
//! | paths | [`Files`]: [`read`](Files::read) for whole files, [`stream`](Files::stream) for chunks | a worker | the thread that takes results |
//! | pairs of paths, and a function that makes the second file from the first | [`Files::convert`] | a converter | the thread that takes results |
//! | a function that takes a [`Read`](std::io::Read) or a [`Write`](std::io::Write) | [`FileReader`], [`FileWriter`] | | the thread that reads or writes |
//! | a batch of jobs, and nothing else to do meanwhile | callbacks, then [`drain`](Dispatcher::drain) | a worker | the thread that drains |
//! | a result that the next line needs | [`run`](Submitter::run); or [`spawn`](Submitter::spawn), and [`join`](JobHandle::join) later | a worker | the thread that joins |
//! | buffers, files or results on your stack | [`scope`](Submitter::scope) | a worker | the scope's caller |
//! | an async runtime | [`read`](Submitter::read), [`write`](Submitter::write), [`spawn_async`](Submitter::spawn_async), and `.await` | a worker | nobody |
//! | an event loop, and work that other cores can do | [`CompletionQueue`] | a worker | nobody |
//! | an event loop, and little to do in callbacks | [`LoopDispatcher`] | the loop's thread | the loop, while a callback runs |
//! | pipes, sockets, timers next to files | [`Job::poll`], in any of these | as above | as above; each poll takes a slot |
//!
//! - **Callbacks and `drain`** cost least: no value is handed over, and only workers are woken.
//! - **A [`scope`](Submitter::scope)** is for a function that begins and ends its work. Its jobs
//!   borrow from the caller: a `&mut [u8]`, a `&File`, whatever callbacks refer to. It returns when
//!   all of them are over, also when one panics. A [`ScopedJob`] costs one allocation more.
//! - **Futures** belong to no runtime. A [`JobHandle`] is one, of the callback's value. If there is
//!   no room, the task waits in a line, and no thread waits. Put heavy computations into a
//!   callback, which runs on a worker, rather than behind the await. A future that is dropped
//!   doesn't stop its job: [`IoFuture`](IoFuture#time-limits) shows what that means for the time
//!   limits of a service. End the dispatcher with [`shutdown_async`](Dispatcher::shutdown_async),
//!   or [`detach`](Dispatcher::detach) it where nothing can be awaited.
//! - **A [`CompletionQueue`]** has values, and a descriptor that is readable when there are some.
//!   One system call is enough for many values. Reserve a [permit](QueueSender::try_reserve) before
//!   you submit, and no callback ever waits for the loop.
//! - **A [`LoopDispatcher`]** has no threads. It is a descriptor for epoll(7), poll(2) or
//!   select(2). When that is readable, [`run`](LoopDispatcher::run) runs callbacks on the calling
//!   thread. There is no hand-off, and while a callback runs the loop does nothing else.
//! - **A job that has not started** can be [cancelled](JobHandle::cancel) or given a
//!   [deadline](Job::start_by). Its callback then runs with `ECANCELED` or `ETIMEDOUT` and gets the
//!   buffer back.
//!
//! The settings have defaults for all of these: [`choosing`] says when to change which. Programs
//! over thousands of files, or over one huge file, are in the repository's `examples`.
//!
//! # Many files
//!
//! [`Files`] goes from an iterator of paths to an iterator of results, on a dispatcher's workers
//! and in bounded memory. It opens uncached files on the blocking threads, reads ahead with
//! `O_DIRECT` or through the page cache, and hands whole files or ordered chunks to your functions.
//! Each path has a result: your function's value, or an error that says which file and why.
//!
//! [`Files::convert`] makes files from files: your function is given each source to read and its
//! target to write. A target gets its name when it is complete, and not before.
//!
//! # One file, as a stream
//!
//! A [`FileReader`] is a [`Read`](std::io::Read) and a [`BufRead`](std::io::BufRead), as decoders
//! and parsers of lines, csv or tar take them. It reads ahead of them. A [`FileWriter`] is a
//! [`Write`](std::io::Write), as encoders take it, and writes behind them.
//!
//! # Parts of a file
//!
//! [`Job::read_range`] reads any range of a direct file. [`ReadRanges`] reads many ranges in one
//! call, and ranges that lie close together in one read. With [`FileHandle::open_automatic`], reads
//! of what is in the page cache take it from there, and other reads are direct.
//! [`FileHandle::read_cached`] reads what is cached at once, on the calling thread.
//!
//! # Buffers
//!
//! A job owns its buffer, and the callback gets it back: use it for the next job.
//!
//! - [`AlignedBuf`] is aligned as direct I/O asks for.
//! - A [`BufferPool`] has such buffers in a few sizes, in huge pages where the system grants them,
//!   and bounds the memory in all of them. A thread or task that acquires one waits while too many
//!   are in use. A [`PoolBuf`] goes back to its pool when it is dropped, for example at the end of
//!   a callback.
//! - All of them, and what is read of a range ([`Ranged`], [`RangeBytes`]), are `AsRef<[u8]>`:
//!   `bytes::Bytes::from_owner` takes them without a copy.
//! - Other buffers implement [`IoBuf`] and [`IoBufMut`].
//!
//! # Opening files
//!
//! [`FileHandle::options`] has the options of the standard library, and one more, the [way](IoWay)
//! of I/O. A handle goes through the page cache, or uses `O_DIRECT`, or `O_DIRECT` where the file
//! system has it, or decides for each read. For files that are only read, [`FileHandle`] has a
//! function for each way. It can also be made from an open `File`.
//!
//! # When not to use it
//!
//! - **For files in the page cache alone.** Native AIO is asynchronous only with `O_DIRECT`.
//!   reapool reads cached data on a worker and leaves the rest to blocking threads, so that neither
//!   caller nor worker stalls. A plain thread pool with `pread` does that as well.
//! - **For a loop of tiny callbacks on one core.** An inline AIO loop has no hand-off to pay for.
//! - **In an async runtime** that you have anyway and whose blocking pool is fast enough. (Where it
//!   isn't, the futures of this crate work in any runtime.)
//! - **Where io_uring is allowed and you want its other operations** (sockets). Native AIO is what
//!   the default profiles of containers allow, and it needs no locked memory.
//! - **Outside Linux.** It doesn't compile there.
//!
//! # Guarantees
//!
//! [`guarantees`] lists every claim with the tests that show it, and [`failures`] what happens when
//! something fails.
//!
//! | # | promise | see |
//! |---:|---|---|
//! | 1 | Every accepted job ends exactly once: its callback runs once, on a worker, whatever the kernel answers, a neighbour does, or a signal interrupts | [`Dispatcher::submit`] |
//! | 2 | A job that is refused comes back with its buffer; what the kernel says of a job reaches its callback | [`Refused`], [`Completion::result`] |
//! | 3 | Safe code cannot make the kernel write freed memory, by dropping, forgetting, panicking or leaking anything, borrowed or not | [`Job`], [`Scope`] |
//! | 4 | A callback may submit, which neither blocks nor deadlocks; outside callbacks, `submit` waits for room | [`Submitter::submit`] |
//! | 5 | `drain`, `shutdown` and dropping return when every callback has run, also those of jobs that callbacks submitted | [`Dispatcher::drain`], [`Dispatcher::shutdown`] |
//! | 6 | A panicking callback harms no other job; a thread or task that waits for its value gets the panic | [`CallbackPanic`], [`JoinError`] |
//! | 7 | A slow callback delays no other job while a worker is idle; among quick ones it takes some hundred microseconds until a slow one is noticed | [`Builder::workers`] |
//! | 8 | Short transfers are data, and show no byte that was not read; an exact job transfers all of it | [`Job::exact`], [`Job::read_range`] |
//! | 9 | Buffered files stall neither the submitter nor a worker | [`Builder::blocking_threads`] |
//! | 10 | Limits explain themselves: what was asked for, what there is, and the setting | [`BuildError`] |
//! | 11 | Results reach an event loop once each, level- or edge-triggered | [`CompletionQueue`], [`LoopDispatcher`] |
//!
//! # The life of a job
//!
//! ```text
//! submit -> slot -> iocb -> kernel -> event -> job -> channel -> worker -> callback -> slot free
//!       \-> backlog, when no slot is free <- workers empty it, in the io_submit that ends a run
//! caller's thread            reaper thread               worker thread
//! ```
//!
//! 1. `submit` takes a slot, moves the job into it, and calls `io_submit`, once for a whole batch.
//!    If no slot is free, the job waits in the backlog. If as many jobs are outstanding as depth
//!    and backlog together, the caller waits.
//! 2. The kernel works. The slot keeps the job, its buffer and its file. The user's handles own
//!    nothing of it.
//! 3. The reaper gets events in bulk, looks each up by its token (slot and generation), and sends
//!    the jobs to the workers. It never dereferences a number that comes from the kernel.
//! 4. A worker runs the callback with the [`Completion`]: result, buffer, file, offset, and what
//!    was asked. The closure also has whatever it captured. (If something of an [exact](Job::exact)
//!    job is missing, the job goes back to step 1 instead, before all that wait.)
//! 5. When the callback has returned, the slot is free. At the end of its run of callbacks the
//!    worker fills free slots, in one `io_submit`, with the jobs that callbacks submitted and with
//!    those in the backlog, in the order of their submission. (What is behind a direct write goes
//!    in with another call, as the write may keep the worker in the kernel.)
//!
//! # Speed
//!
//! The time between the kernel and a callback goes into waking threads. So
//!
//! - as long as callbacks are quick, one worker is kept busy rather than several woken, and the
//!   reaper watches that none of them turns out to be slow;
//! - completions are reaped several at a time: one may wait for others, up to
//!   [`coalesce`](Builder::coalesce), while many are in flight;
//! - jobs that callbacks submit go to the kernel together, at the end of a worker's run of
//!   callbacks.
//!
//! You can help: keep enough in flight (a depth of 64 to 128 serves most devices); submit from
//! callbacks, or in batches; use buffers again; take large ones from a [`BufferPool`]. A job costs
//! one heap allocation, and [`Stats`] counts system calls and wake-ups. (`counts::jobs`)
//!
//! # Limits, and why
//!
//! - **Reads, writes and syncs that have entered the kernel can't be cancelled.** io_cancel(2)
//!   needs a function that cancels the request, which no file system or block device sets, and
//!   answers `EINVAL`. Jobs that wait for a slot, and polls, can be [cancelled](JobHandle::cancel).
//! - **A scope has no time limit**, and a forked child can't leave one whose jobs are outstanding:
//!   it aborts.
//! - **A stuck device blocks `shutdown`**, as the buffers are still the kernel's.
//!   [`shutdown_timeout`](Dispatcher::shutdown_timeout) gives up waiting and leaves them to the
//!   kernel.
//! - **A submission can block** in the kernel: writes that allocate or extend a file, metadata that
//!   must be read first, a full device queue. Then the caller waits, if slots were free, or else a
//!   worker. On FUSE, these block too: writes that extend a file or come to one that is just being
//!   synced, and direct reads where FUSE does without asynchronous direct I/O. (`faulty::hung`)
//! - **Reads and writes on pipes, sockets and terminals never wait**, as they could wait for ever:
//!   the kernel is asked not to. They end with `EAGAIN`, or with `EOPNOTSUPP` where the kernel
//!   can't tell (terminals, named pipes: open these with `O_NONBLOCK`). Wait with [`Job::poll`]
//!   first. For other character devices the kernel is not asked that. (`real::kinds`)
//! - **A file system that hangs keeps the blocking threads that wait for it**: for a file that is
//!   read through the page cache, as many as it has reads ahead. A read with `O_DIRECT` takes none.
//!   Give a file system that you don't trust a dispatcher of its own. (`faulty::files`)
//! - **A full disk may be told at the sync**: the page cache takes data that a device then refuses,
//!   and the error comes to one sync for each time that the file was opened. A direct write that
//!   doesn't fit counts as not written, on most file systems. (`real::full_disks`)
//! - **Without memory**, pool buffers, files and depths that can't be had are errors. Other
//!   allocations abort, as everywhere in Rust. (`limits::resources`)
//! - **Waiting across two dispatchers** can deadlock, when callbacks of each wait for jobs or for
//!   room of the other. Within one dispatcher it is refused.
//! - **Callbacks that wait for each other need as many workers.** The crate can't see waits by
//!   locks and channels of the program's own, so it doesn't refuse these. With fewer
//!   [`workers`](Builder::workers) than callbacks that wait, they wait for ever.
//!   (`callbacks::waiting`)
//! - **A forked child can't use its parent's dispatcher**: it inherits neither the context nor the
//!   threads. Submitting fails with an error that says so, and dropping doesn't hang. And open(2)
//!   (notes) warns of forking at all while direct I/O into private memory is in flight.
//! - **Workers have all signals blocked** but the fatal ones, and processes that callbacks start
//!   inherit that, so that `SIGTERM` does not end them. [`Builder::workers`] shows how to unblock
//!   signals in a child process. (`process::children`)
//! - **A direct write beyond `RLIMIT_FSIZE` raises `SIGXFSZ`** where it is submitted, in the caller
//!   too: programs that expect it ignore the signal. A write to a pipe or socket that nobody reads
//!   raises no signal; it ends with `EPIPE`. (`limits::file_size`, `process::sigpipe`)
//! - **Some systems have no native AIO or forbid it** (gVisor, the policies of some containers).
//!   Building fails there and says so. With [`Backend::Automatic`], threads perform the operations
//!   instead, as many at a time as there are [`blocking_threads`](Builder::blocking_threads).
//!   (`backend`; the tests of the guarantees are run with threads, too)
//! - **Native AIO requests are a system-wide resource**, `fs.aio-max-nr`. Each dispatcher takes its
//!   depth plus one. Making a dispatcher for each file is slow, as the kernel takes tens of
//!   milliseconds to end a context. Dropping a dispatcher leaves that to its reaper;
//!   [`shutdown`](Dispatcher::shutdown) waits for it.
//!
//! # Features
//!
//! None is on by default. The dependencies are crossbeam-channel, libc and num_cpus.
//!
//! | feature | adds | dependency |
//! |---|---|---|
//! | `bytes` | `Bytes` as a buffer of writes, `BytesMut` also of reads ([`IoBuf`]) | bytes |
//! | `futures-core` | `Stream` for [`FilesStream`] | futures-core |
//! | `futures-io` | `AsyncRead`, `AsyncBufRead`, `AsyncSeek` for [`FileReader`], `AsyncWrite` for [`FileWriter`], as the crate futures has them | futures-io |
//! | `tokio` | the same, as tokio has them | tokio |

#[cfg(not(target_os = "linux"))]
compile_error!("reapool is built on Linux native AIO and runs on Linux only");

// `.ci/targets` compiles the crate for each architecture with each libc.
#[cfg(all(
    target_os = "linux",
    not(any(
        all(target_arch = "x86_64", target_pointer_width = "64"),
        all(target_arch = "aarch64", target_pointer_width = "64"),
        target_arch = "arm",
        target_arch = "loongarch64",
        target_arch = "powerpc64",
        target_arch = "riscv64",
        target_arch = "s390x",
        target_arch = "x86",
    ))
))]
compile_error!(
    "reapool has never been compiled for this architecture: x86-64 and AArch64 (in 64 bits), x86, \
     ARM, RISC-V 64, POWER 64, LoongArch 64 and s390x are those that it knows"
);
#[cfg(all(target_os = "linux", not(any(target_env = "gnu", target_env = "musl"))))]
compile_error!("reapool has never been compiled with this C library: it knows glibc and musl");

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
mod ranges;
mod reader;
mod scope;
mod streams;
mod submit;
mod sync;
mod sys;
mod unwind;
mod wait;
mod writer;

pub use admission::refusal::Refusal;
pub use blocking::{DispatcherThread, ThreadKind};
pub use buffer::aligned::AlignedBuf;
pub use buffer::{IoBuf, IoBufMut};
pub use dispatcher::builder::Builder;
pub use dispatcher::error::{BuildError, BuildErrorKind, DrainError, ShutdownError};
pub use dispatcher::futures::{DrainFuture, ShutdownFuture};
pub use dispatcher::{Dispatcher, ShutdownReport};
pub use engine::backend::Backend;
pub use engine::operation::Operation;
pub use event_loop::LoopDispatcher;
pub use file::access::Access;
pub use file::alignment::Alignment;
pub use file::borrowed::BorrowedFile;
pub use file::durability::Durability;
pub use file::existing::Existing;
pub use file::handle::FileHandle;
pub use file::history::ReadHistory;
pub use file::io_way::IoWay;
pub use file::links::Links;
pub use file::metadata::{FileKind, Metadata};
pub use file::open_error::OpenError;
pub use file::options::OpenOptions;
pub use files::Files;
pub use files::builder::FilesBuilder;
pub use files::chunk::Chunk;
pub use files::convert::converted::Converted;
pub use files::convert::pair::PairEntry;
pub use files::convert::source_file::SourceFile;
pub use files::convert::target_file::TargetFile;
pub use files::convert::targets::Targets;
pub use files::entry::PathEntry;
pub use files::error::{FileError, FileErrorKind, FileOperation, FilesError};
pub use files::fold::IntoFlow;
pub use files::info::{FileInfo, WholeFile};
pub use files::progress::{FilesProgress, FilesProgressSnapshot, Listing};
pub use files::run::{FilesRun, FilesStopper, Processed};
pub use files::settings::{Order, Policy};
pub use files::stats::FilesStats;
pub use files::stream::{FilesStream, NextFile};
pub use job::Job;
pub use job::completion::{Completion, OperationError};
pub use job::poll_events::PollEvents;
pub use job::ranged::Ranged;
pub use job::stopped::Cancel;
pub use pipeline::panics::CallbackPanic;
pub use pool::BufferPool;
pub use pool::acquire_future::AcquireFuture;
pub use pool::builder::PoolBuilder;
pub use pool::error::{AcquireError, PoolBuildError};
pub use pool::mapping::HugePages;
pub use pool::pool_buf::PoolBuf;
pub use pool::stats::PoolStats;
pub use queue::sender::{QueuePermit, QueueSender};
pub use queue::{CompletionQueue, QueueDrain};
pub use ranges::bytes::RangeBytes;
pub use ranges::{ReadRanges, ReadRangesError};
pub use reader::FileReader;
pub use reader::builder::FileReaderBuilder;
pub use scope::Scope;
pub use scope::error::ScopeError;
pub use scope::job::ScopedJob;
pub use submit::Submitter;
pub use submit::handle::JobHandle;
pub use submit::io_future::IoFuture;
pub use submit::join::{JoinError, WaitError};
pub use submit::panic_payload::PanicPayload;
pub use submit::refused::Refused;
pub use submit::run::RunError;
pub use submit::stats::Stats;
pub use submit::submit_future::{SpawnFuture, SubmitFuture};
pub use writer::FileWriter;
pub use writer::builder::FileWriterBuilder;

/// The examples of README.md, compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod choosing {
    #![doc = include_str!("CHOOSING.md")]
}

pub mod guarantees {
    #![doc = include_str!("GUARANTEES.md")]
    //!
    //! <style>
    //! .docblock :is(th, td):last-child { width: 55%; font-size: smaller; overflow-wrap: anywhere }
    //! </style>
}

pub mod failures {
    #![doc = include_str!("FAILURES.md")]
    //!
    //! <style>
    //! .docblock :is(th, td):last-child { width: 40%; font-size: smaller; overflow-wrap: anywhere }
    //! </style>
}
