//! Counts the instructions that a job takes in user space, by valgrind's callgrind. The jobs read
//! the null device. Each way of driving a dispatcher runs twice in a process of its own, with few
//! jobs and with many: the difference has no start and no end in it. Counts hardly change from run
//! to run, so a change that makes a job's way longer shows, on a busy machine too.
//!
//! `cargo bench --bench instructions` prints the table, `-- --save FILE` writes it, and `-- --check
//! FILE` fails if a way takes more than such a file has: 2 % more, or 4 or 10 % if threads take
//! turns. `README.md` beside this file has the results.

#![expect(clippy::print_stdout, reason = "prints a table")]

mod counted;
mod modes;
mod raw;

use std::error::Error;
use std::fs::{self, File};
use std::hint::black_box;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use counted::{FEW, Table, Threads};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use reapool::{Dispatcher, FileHandle, Files, Job, Policy};

const DEPTH: usize = 64;
const BLOCK: usize = 4096;
const WORKERS: usize = 2;

/// Runs so many jobs.
type Way = fn(u64);

/// The ways. The first is what the others are compared with.
const WAYS: [(&str, Way, Threads); 7] = [
    ("raw AIO loop", raw_loop, Threads::One),
    ("event loop", event_loop, Threads::One),
    ("chained in callbacks", chained, Threads::Several),
    ("from outside, single", |jobs| outside(jobs, 1), Threads::Several),
    ("from outside, batches of 64", |jobs| outside(jobs, 64), Threads::Several),
    ("spawned and joined", spawned, Threads::Several),
    ("`Files`, a file of 4 KiB that is cached", files, Threads::Blocking),
];

fn null() -> FileHandle {
    FileHandle::from(File::open("/dev/null").unwrap())
}

fn dispatcher() -> Dispatcher {
    Dispatcher::builder().depth(DEPTH).backlog(DEPTH).workers(WORKERS).build().unwrap()
}

fn raw_loop(jobs: u64) {
    let null = File::open("/dev/null").unwrap();
    raw::RawLoop::new(&null, DEPTH, BLOCK).run(jobs, |_| 0, |_| ());
}

fn event_loop(jobs: u64) {
    let mut dispatcher = Dispatcher::builder().depth(DEPTH).build_loop().unwrap();
    let null = null();
    let first = modes::chains(dispatcher.submitter(), &null, DEPTH, BLOCK, jobs, |_| 0);
    dispatcher.try_submit_batch(first).unwrap();
    let mut ran = 0;
    while ran < jobs {
        poll(&mut [PollFd::new(dispatcher.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE).unwrap();
        ran += dispatcher.run(DEPTH).unwrap() as u64;
    }
}

fn chained(jobs: u64) {
    modes::chained(&dispatcher(), &null(), DEPTH, BLOCK, jobs, |_| 0);
}

fn outside(jobs: u64, batch: usize) {
    let recycled = modes::Recycled::new(modes::buffers(2 * DEPTH, BLOCK), DEPTH);
    modes::outside(&dispatcher(), &null(), &recycled, jobs, batch, |_| 0);
}

fn spawned(jobs: u64) {
    let (dispatcher, file) = (dispatcher(), null());
    let mut buffers = modes::buffers(DEPTH, BLOCK);
    for _ in 0..jobs / DEPTH as u64 {
        let handles: Vec<_> = buffers
            .drain(..)
            .map(|buffer| {
                dispatcher.spawn(Job::read(&file, buffer, 0, |done| done.buffer)).unwrap()
            })
            .collect();
        buffers.extend(handles.into_iter().map(|handle| handle.join().unwrap()));
    }
}

fn files(jobs: u64) {
    let directory = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let paths: Vec<_> = (0..200).map(|number| directory.path().join(number.to_string())).collect();
    paths.iter().for_each(|path| fs::write(path, [1; BLOCK]).unwrap());
    let dispatcher = dispatcher();
    let files = Files::builder(&dispatcher).policy(Policy::Buffered).build().unwrap();
    let some = paths.into_iter().cycle().take(jobs as usize);
    for outcome in files.read(some, |file| file.contents().len()) {
        black_box(outcome.unwrap());
    }
}

/// What a run of the program is for.
enum Task {
    /// To print the table, and what to do with it.
    Count(Table),
    /// To be counted: a way, and a number of jobs.
    Perform(Way, u64),
    /// To see that all ways work.
    Try,
}

/// Counts the instructions that a job takes, and prints the table.
#[derive(Parser)]
#[command(args_override_self = true)]
struct Options {
    /// Write the table to FILE instead
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Fail if a way takes more than FILE has
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
    /// Run so many jobs of a way, and count nothing
    #[arg(long, num_args = 2, value_names = ["WAY", "JOBS"])]
    perform: Option<Vec<String>>,
    /// Only see that all ways work
    #[arg(long)]
    test: bool,
    /// What `cargo bench` says
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    fn task(self) -> Result<Task, Box<dyn Error>> {
        if let Some([name, jobs]) = self.perform.as_deref() {
            let way = WAYS.iter().find(|way| way.0 == name).ok_or("there is no such way")?;
            return Ok(Task::Perform(way.1, jobs.parse()?));
        }
        Ok(match (self.test, self.save, self.check) {
            (true, ..) => Task::Try,
            (_, Some(file), _) => Task::Count(Table::Save(file)),
            (_, _, Some(file)) => Task::Count(Table::Check(file)),
            (false, None, None) => Task::Count(Table::Print),
        })
    }
}

fn main() -> ExitCode {
    match Options::parse().task() {
        Ok(Task::Count(table)) => {
            return counted::count(&WAYS.map(|(name, _, threads)| (name, threads)), &table);
        }
        Ok(Task::Perform(way, jobs)) => way(jobs),
        Ok(Task::Try) => WAYS.iter().for_each(|(_, way, _)| way(FEW)),
        Err(error) => {
            println!("{error}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
